#include "harness/timing.h"

namespace jb::harness {
namespace {

constexpr double kLongCall_s = 20;

}  // namespace

Timing time_for_record(const std::function<void()>& body, double call_s,
                       const TimingOptions& options) {
  if (call_s <= kLongCall_s) return time_repeatedly(body, options);
  Timing timing;
  timing.times_s = {call_s};
  timing.iterations = 1;
  timing.engine = "steady clock";
  timing.clock = "one execution";
  return timing;
}

}  // namespace jb::harness
