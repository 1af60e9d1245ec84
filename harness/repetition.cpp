#include "harness/timing.h"

namespace jb::harness {
namespace {

constexpr double kLongCall_s = 20;

}  // namespace

std::optional<Timing> timing_of_long_call(double call_s) {
  if (call_s <= kLongCall_s) return std::nullopt;
  return Timing{{call_s}, 1, "steady clock", "one execution"};
}

}  // namespace jb::harness
