#include "harness/meter/self_test.h"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <future>
#include <numeric>

namespace jb::harness::meter {
namespace {

constexpr double kSigmas = 5;
// Shares of a domain's own limit between which busy power can be true.
constexpr double kLeastShare = 0.02;
constexpr double kMostShare = 1.5;
// Where no limit is told: no machine that one program fills draws more (assumption).
constexpr double kMostPower_W = 20e3;
// Beyond the rounding of times and joules, which alone would be "significant".
constexpr double kLeastAnswer_frac = 1e-3;
constexpr double kSettle_s = 0.2;

using Marks = std::vector<std::vector<Mark>>;  // [meter][0 .. parts]

void wait_until(double steady_s) {
  const double left_s = steady_s - mark_now().steady_s;
  if (left_s > 0) std::this_thread::sleep_for(std::chrono::duration<double>(left_s));
}

/// Marks at both ends of each part. A meter that fails has no more marks.
void take_marks(Sampler& sampler, const std::vector<std::size_t>& which, int parts, double part_s,
                Marks& marks, std::vector<SelfTest>& tests) {
  const double start_s = mark_now().steady_s;
  for (int part = 0; part <= parts; ++part) {
    wait_until(start_s + part * part_s);
    for (const std::size_t i : which) {
      if (!tests[i].reason.empty()) continue;
      try {
        marks[i].push_back(sampler.mark(i));
      } catch (const Error& error) {
        tests[i].reason = error.what();
      }
    }
  }
}

/// Mean time between changes of the reading, and its smallest step.
void find_update_period(Meter& meter, Sampler& sampler, std::size_t i,
                        const SelfTestOptions& options) {
  if (meter.info().update_period_s > 0) return;  // told
  double last = sampler.reading(i);
  std::vector<double> times;
  double smallest = 0;
  const double start_s = mark_now().steady_s;
  while (static_cast<int>(times.size()) <= options.changes) {
    const double now_s = mark_now().steady_s;
    if (now_s - start_s > options.changes_s) break;
    const double reading = sampler.reading(i);
    if (reading != last) {
      times.push_back(now_s);
      const double step = std::abs(reading - last);
      smallest = smallest > 0 ? std::min(smallest, step) : step;
      last = reading;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  if (times.size() < 3) return;
  meter.info().update_period_s =
      (times.back() - times.front()) / static_cast<double>(times.size() - 1);
  meter.info().resolution_J =
      meter.info().samples_power ? smallest * meter.info().update_period_s : smallest;
}

/// Does `body` once the load is on; why that failed, else "".
std::string under_load(const Load& load, const std::function<void()>& body) {
  std::atomic<bool> stop{false};
  std::promise<void> started;
  std::string failure;
  bool told = false;
  std::thread worker([&] {
    try {
      load.run(stop, [&] {
        told = true;
        started.set_value();
      });
    } catch (const std::exception& error) {
      failure = error.what();
    }
    if (!told) started.set_value();
  });
  started.get_future().wait();
  if (told) {
    std::this_thread::sleep_for(std::chrono::duration<double>(kSettle_s));
    body();
  }
  stop = true;
  worker.join();
  return failure;
}

struct Power {
  double mean_W = 0;
  double variance = 0;  // of the mean
  std::vector<double> domain_J;
};

Power power_of(Meter& meter, Sampler& sampler, std::size_t i, const std::vector<Mark>& marks) {
  Power power;
  power.domain_J.resize(meter.info().domains.size());
  std::vector<double> watts;
  for (std::size_t k = 1; k < marks.size(); ++k) {
    const std::vector<double> joules = sampler.joules_between(i, marks[k - 1], marks[k]);
    for (std::size_t d = 0; d < joules.size(); ++d) power.domain_J[d] += joules[d];
    watts.push_back(meter.counted_J(joules) / (marks[k].steady_s - marks[k - 1].steady_s));
  }
  const auto n = static_cast<double>(watts.size());
  power.mean_W = std::accumulate(watts.begin(), watts.end(), 0.0) / n;
  for (const double w : watts) power.variance += (w - power.mean_W) * (w - power.mean_W);
  power.variance /= n * (n - 1);
  return power;
}

/// Domains that the kernel registers without probing them stay at zero.
void drop_silent_domains(Meter& meter, const Power& idle, const Power& busy) {
  for (std::size_t d = 0; d < meter.info().domains.size(); ++d) {
    Domain& domain = meter.info().domains[d];
    if (!domain.counted || idle.domain_J[d] + busy.domain_J[d] > 0) continue;
    domain.counted = false;
    domain.note = "stays at zero under load";
  }
  if (meter.info().machine != Machine::any) {
    meter.info().boundary = covered_boundary(meter.info().domains);
  }
}

/// What the limits of the counted domains allow; "" when the power can be true.
std::string implausible(const Meter& meter, double busy_W) {
  double limit_W = 0;
  for (const Domain& domain : meter.info().domains) {
    if (domain.counted && domain.kind != DomainKind::memory) limit_W += domain.max_power_W;
  }
  const double least_W = kLeastShare * limit_W;
  const double most_W = limit_W > 0 ? kMostShare * limit_W : kMostPower_W;
  if (busy_W > least_W && busy_W < most_W) return "";
  return fmt::format("{:.4g} W under load are not plausible: {:.4g} W to {:.4g} W could be", busy_W,
                     least_W, most_W);
}

void judge(Meter& meter, Sampler& sampler, std::size_t i, const std::vector<Mark>& idle_marks,
           const std::vector<Mark>& busy_marks, SelfTest& test) {
  const Power idle = power_of(meter, sampler, i, idle_marks);
  const Power busy = power_of(meter, sampler, i, busy_marks);
  test.done = true;
  test.idle_W = idle.mean_W;
  test.busy_W = busy.mean_W;
  test.sigma_W = std::sqrt(idle.variance + busy.variance);
  if (!(busy.mean_W > 0)) {
    test.reason = "stays at zero under load: a phantom counter, as virtual machines have";
    return;
  }
  if (!(idle.mean_W > 0)) {
    test.reason =
        fmt::format("stays at zero when idle, though it tells {:.4g} W under load", busy.mean_W);
    return;
  }
  const double answer_W = busy.mean_W - idle.mean_W;
  if (!(answer_W > kSigmas * test.sigma_W) || !(answer_W > kLeastAnswer_frac * idle.mean_W)) {
    test.reason = fmt::format(
        "does not answer to load: {:.4g} W busy against {:.4g} W idle, {:.2g} W being one standard "
        "error and five needed",
        busy.mean_W, idle.mean_W, test.sigma_W);
    return;
  }
  sampler.change(i, [&](Meter& tested) { drop_silent_domains(tested, idle, busy); });
  test.reason = implausible(meter, busy.mean_W);
  test.passed = test.reason.empty();
}

}  // namespace

std::vector<SelfTest> self_test(const std::vector<Meter*>& meters, Sampler& sampler,
                                const std::function<Load(Machine)>& load_for,
                                const SelfTestOptions& options) {
  std::vector<SelfTest> tests(meters.size());
  std::vector<std::size_t> all;
  double part_s = std::max(options.idle_s, options.busy_s) / options.parts;
  int parts = options.parts;
  for (std::size_t i = 0; i < meters.size(); ++i) {
    all.push_back(i);
    try {
      find_update_period(*meters[i], sampler, i, options);
    } catch (const Error& error) {
      tests[i].reason = error.what();
    }
    part_s = std::max(part_s, 2 * meters[i]->info().update_period_s);
  }
  if (all.empty()) return tests;
  // Slow meters: fewer parts, which is still five of each.
  if (part_s > 2 * options.idle_s / options.parts) parts = std::min(parts, 5);
  // The search for update periods was work too.
  std::this_thread::sleep_for(std::chrono::duration<double>(kSettle_s));
  Marks idle(meters.size());
  take_marks(sampler, all, parts, part_s, idle, tests);
  for (const Machine machine : {Machine::cpu, Machine::gpu}) {
    std::vector<std::size_t> here;
    for (const std::size_t i : all) {
      const Machine of = meters[i]->info().machine;
      if (of == machine || (of == Machine::any && machine == Machine::cpu)) here.push_back(i);
    }
    if (here.empty()) continue;
    const Load load = load_for(machine);
    if (!load.run) {
      for (const std::size_t i : here) {
        if (tests[i].reason.empty()) {
          tests[i].reason = "whether it answers to load cannot be tested: " + load.reason;
        }
      }
      continue;
    }
    Marks busy(meters.size());
    const std::string failure =
        under_load(load, [&] { take_marks(sampler, here, parts, part_s, busy, tests); });
    for (const std::size_t i : here) {
      if (!failure.empty() && tests[i].reason.empty()) {
        tests[i].reason = "whether it answers to load cannot be tested: " + failure;
      }
    }
    for (const std::size_t i : here) {
      if (!tests[i].reason.empty()) continue;
      try {
        judge(*meters[i], sampler, i, idle[i], busy[i], tests[i]);
      } catch (const Error& error) {
        tests[i].reason = error.what();
      }
    }
  }
  return tests;
}

}  // namespace jb::harness::meter
