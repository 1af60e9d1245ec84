#pragma once
// Reads meters from wherever they are wanted, and in the background where they ask for it.

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "harness/meter/meter.h"

namespace jb::harness::meter {

/// One thread reads all meters that must be polled; marks may be taken by any thread.
class Sampler {
 public:
  explicit Sampler(std::vector<Meter*> meters);
  ~Sampler();
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  /// A reading of meter i. The error of a poll that failed since is thrown here.
  Mark mark(std::size_t i);
  std::vector<double> joules_between(std::size_t i, const Mark& from, const Mark& to);
  double reading(std::size_t i);
  Conditions conditions(std::size_t i);
  /// Changes something of meter i while nobody reads it.
  void change(std::size_t i, const std::function<void(Meter&)>& change);
  /// How often meter i was read, in the background and by mark().
  [[nodiscard]] std::int64_t polls(std::size_t i) const;

 private:
  struct Slot {
    Meter* meter = nullptr;
    mutable std::mutex mutex;
    std::exception_ptr error;
    std::int64_t polls = 0;
    double next_s = 0;  // of the steady clock
  };
  void poll_all();

  std::vector<std::unique_ptr<Slot>> slots_;
  std::mutex wait_mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace jb::harness::meter
