// Builds without Google Benchmark: measured points are unavailable and say why.

#include "harness/timing.h"

namespace jb::harness {

Support timing_available() {
  return Support::no(
      "built without Google Benchmark, which times measured backends (install libbenchmark-dev and "
      "build again)");
}

Timing time_repeatedly(const std::function<void()>& /*body*/, const TimingOptions& /*options*/) {
  throw Error(ErrorCode::not_available, timing_available().reason);
}

}  // namespace jb::harness
