#pragma once
// What tests tell the stub of libnvidia-ml.so (fake_nvml.cpp), through its fake_nvml_state().

#include <atomic>

namespace jb::test {

struct FakeNvmlState {
  std::atomic<unsigned> boards{1};
  std::atomic<unsigned> mig{0};
  std::atomic<unsigned> power_mW{60000};  ///< that flows now
  std::atomic<unsigned> limit_mW{700000};
  std::atomic<unsigned> clock_MHz{1980};
  std::atomic<unsigned> temperature_C{45};
  std::atomic<unsigned> other_pid{0};  ///< 0: nobody else
  std::atomic<unsigned long long> throttle{0};
  std::atomic<int> init_code{0};
  std::atomic<bool> lost{false};  ///< fallen off the bus
  std::atomic<bool> counter_stuck{false};
  std::atomic<double> counter_gain{1};  ///< of the energy counter against sampled power
};

using FakeNvmlStateFunction = FakeNvmlState* (*)();

}  // namespace jb::test
