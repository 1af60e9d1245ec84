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
  for (const std::size_t i : which_) {
    if (span.from.size() <= i) span.from.resize(i + 1);
    span.from[i] = bench_.sampler().mark(i);
  }
  return span;
}

void WindowMaker::end(Span& span) const {
  span.to.resize(span.from.size());
  for (const std::size_t i : which_) span.to[i] = bench_.sampler().mark(i);
  const std::size_t first = which_.front();
  span.seconds = span.to[first]->steady_s - span.from[first]->steady_s;
}

Span WindowMaker::idle() const {
  rest(kSettle_s);
  Span span = begin();
  rest(rules_.idle_s);
  end(span);
  return span;
}

WarmUp WindowMaker::warm_up(const Work& work) const {
  const std::size_t first = which_.front();
  WarmUp warm;
  std::vector<double> watts;
  std::vector<double> degrees;
  while (warm.seconds < rules_.warmup_most_s) {
    const Mark from = bench_.sampler().mark(first);
    work(rules_.warmup_part_s);
    const Mark to = bench_.sampler().mark(first);
    const double seconds = to.steady_s - from.steady_s;
    warm.seconds += seconds;
    const Meter& meter = bench_.meter(first);
    watts.push_back(meter.counted_J(bench_.sampler().joules_between(first, from, to)) / seconds);
    const double own_C = bench_.sampler().conditions(first).temperature_C;
    degrees.push_back(own_C > 0 ? own_C : cpu_state(bench_.places()).temperature_C);
    if (watts.size() < 3) continue;
    const auto [low, high] = std::minmax_element(watts.end() - 3, watts.end());
    const double warming_C = std::abs(degrees.back() - *(degrees.end() - 3));
    if (*high - *low <= rules_.warmup_steady_frac * *high &&
        warming_C <= kMostWarming_C_per_s * 2 * seconds) {
      warm.steady = true;
      break;
    }
  }
  return warm;
}

Window WindowMaker::window(const Work& work) const {
  Window window;
  window.before = cpu_state(bench_.places());
  window.span = begin();
  for (int part = 0; part < kPartsOfWindow; ++part) {
    const auto start = std::chrono::steady_clock::now();
    const WorkDone done = work(window_s_ / kPartsOfWindow);
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    window.executions += done.executions;
    window.device_clock = done.device_s > 0;
    window.times_s.push_back((window.device_clock ? done.device_s : seconds) /
                             static_cast<double>(done.executions));
  }
  // While the clocks are still those of the work.
  window.conditions = bench_.sampler().conditions(which_.front());
  end(window.span);
  window.after = cpu_state(bench_.places());
  return window;
}

}  // namespace jb::harness::meter
