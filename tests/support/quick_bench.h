#pragma once
// A bench of meters that looks nowhere but where a test says, and tests itself quickly.

#include <atomic>
#include <memory>

#include "harness/meter/bench.h"

namespace jb::test {

/// Places that do not exist.
inline harness::meter::MeterPlaces no_places() {
  harness::meter::MeterPlaces places;
  places.powercap = "/nonexistent/powercap";
  places.hwmon = "/nonexistent/hwmon";
  places.event_source = "/nonexistent/event_source";
  places.cpus = "/nonexistent/cpus";
  places.nvml = "/nonexistent/libnvidia-ml.so";
  return places;
}

/// A load that is a flag: machines of tests draw more while it is true.
class FlagLoad {
 public:
  [[nodiscard]] bool on() const { return on_; }
  void set(bool on) { on_ = on; }
  harness::meter::Load load() {
    harness::meter::Load load;
    load.run = [this](const std::atomic<bool>& stop, const std::function<void()>& started) {
      on_ = true;
      started();
      while (!stop) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      on_ = false;
    };
    return load;
  }

 private:
  std::atomic<bool> on_{false};
};

inline harness::meter::BenchOptions quick_options(harness::meter::MeterPlaces places,
                                                  FlagLoad& load) {
  harness::meter::BenchOptions options;
  options.places = std::move(places);
  options.self_test = {0.4, 0.4, 5, 0.3, 20};
  options.load_for = [&load](harness::meter::Machine) { return load.load(); };
  return options;
}

/// The state of the meter of that id.
inline const harness::meter::MeterState& state_of(const harness::meter::Bench& bench,
                                                  const std::string& id) {
  for (const harness::meter::MeterState& state : bench.states()) {
    if (state.candidate.id == id) return state;
  }
  throw std::runtime_error("no meter '" + id + "'");
}

}  // namespace jb::test
