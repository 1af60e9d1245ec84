#include "harness/meter/windows.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

namespace jb::harness::meter {
namespace {

constexpr int kPartsOfWindow = 5;             // stretches that are timed one by one
constexpr double kSettle_s = 0.2;             // threads of libraries spin for a while after work
constexpr double kMostWarming_C_per_s = 0.1;  // 1 degree in 10 s
constexpr double kUnmeteredParts = 5;         // of a warm-up whose power nobody tells

void rest(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

}  // namespace

std::string WindowRules::not_publishable() const {
  const WindowRules least = published();
  if (window_s < least.window_s) {
    return fmt::format("windows of {:.4g} s are shorter than {:.4g} s", window_s, least.window_s);
  }
  if (updates < least.updates) {
    return fmt::format("windows hold {} updates of the meter, not {}", updates, least.updates);
  }
  if (windows < least.windows) return fmt::format("{} windows, not {}", windows, least.windows);
  if (idle_s < least.idle_s) {
    return fmt::format("{:.4g} s of idle time, not {:.4g} s", idle_s, least.idle_s);
  }
  return "";
}

double Window::seconds() const noexcept {
  double sum = 0;
  for (const Span& span : spans) sum += span.seconds;
  return sum;
}

bool is_steady(const std::vector<double>& watts, const std::vector<double>& degrees, double part_s,
               double steady_frac) {
  if (watts.size() < 3) return false;
  const auto [low, high] = std::minmax_element(watts.end() - 3, watts.end());
  const double warming_C = degrees.size() < 3 ? 0 : std::abs(degrees.back() - *(degrees.end() - 3));
  return *high - *low <= steady_frac * *high && warming_C <= kMostWarming_C_per_s * 2 * part_s;
}

WindowMaker::WindowMaker(const Bench& bench, std::vector<std::size_t> which, WindowRules rules)
    : bench_(bench),
      which_(std::move(which)),
      rules_(std::move(rules)),
      window_s_(rules_.window_s) {
  for (const std::size_t i : which_) {
    window_s_ = std::max(window_s_, rules_.updates * bench_.meter(i).info().update_period_s);
  }
}

Span WindowMaker::begin() const {
  Span span;
  const Mark now = mark_now();
  span.start_unix_s = now.unix_s;
  span.seconds = -now.steady_s;
  for (const std::size_t i : which_) {
    if (span.from.size() <= i) span.from.resize(i + 1);
    span.from[i] = bench_.sampler().mark(i);
  }
  if (!which_.empty()) {
    span.start_unix_s = span.from[which_.front()]->unix_s;
    span.seconds = -span.from[which_.front()]->steady_s;
  }
  return span;
}

void WindowMaker::end(Span& span) const {
  span.to.resize(span.from.size());
  for (const std::size_t i : which_) span.to[i] = bench_.sampler().mark(i);
  span.seconds += which_.empty() ? mark_now().steady_s : span.to[which_.front()]->steady_s;
}

Span WindowMaker::idle() const {
  rest(kSettle_s);
  Span span = begin();
  rest(rules_.idle_s);
  end(span);
  return span;
}

double WindowMaker::power_W(const Span& span) const {
  const std::size_t first = which_.front();
  const Mark& from = span.from[first].value();
  const Mark& to = span.to[first].value();
  return bench_.meter(first).counted_J(bench_.sampler().joules_between(first, from, to)) /
         (to.steady_s - from.steady_s);
}

bool WindowMaker::is_warm(WarmUp& warm, std::vector<Span> part, std::vector<double>& watts,
                          std::vector<double>& degrees) const {
  double seconds = 0;
  double joules = 0;
  for (Span& span : part) {
    seconds += span.seconds;
    if (!which_.empty()) joules += power_W(span) * span.seconds;
    warm.parts.push_back(std::move(span));
  }
  warm.seconds += seconds;
  if (which_.empty()) {
    return warm.seconds >= std::min(rules_.warmup_most_s, kUnmeteredParts * rules_.warmup_part_s);
  }
  watts.push_back(joules / seconds);
  const double own_C = bench_.sampler().conditions(which_.front()).temperature_C;
  degrees.push_back(own_C > 0 ? own_C : cpu_state(bench_.places()).temperature_C);
  warm.steady = is_steady(watts, degrees, seconds, rules_.warmup_steady_frac);
  return warm.steady || warm.seconds >= rules_.warmup_most_s;
}

WarmUp WindowMaker::warm_up(const Work& work) const {
  WarmUp warm;
  std::vector<double> watts;
  std::vector<double> degrees;
  std::vector<Span> part;
  do {
    part = {begin()};
    work(rules_.warmup_part_s);
    end(part.front());
  } while (!is_warm(warm, std::move(part), watts, degrees));
  return warm;
}

void WindowMaker::start(Window& window) const { window.before = cpu_state(bench_.places()); }

void WindowMaker::finish(Window& window) const { window.after = cpu_state(bench_.places()); }

Window WindowMaker::window(const Work& work) const {
  Window window;
  start(window);
  Span span = begin();
  for (int part = 0; part < kPartsOfWindow; ++part) {
    const auto begun = std::chrono::steady_clock::now();
    const WorkDone done = work(window_s_ / kPartsOfWindow);
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    window.executions += done.executions;
    window.device_clock = done.device_s > 0;
    window.times_s.push_back((window.device_clock ? done.device_s : seconds) /
                             static_cast<double>(done.executions));
  }
  // While the clocks are still those of the work.
  if (!which_.empty()) window.conditions = bench_.sampler().conditions(which_.front());
  end(span);
  window.spans.push_back(std::move(span));
  finish(window);
  return window;
}

}  // namespace jb::harness::meter
