// One program per target: JOULEBENCH_FUZZ_TARGET is the name of its function.

#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  jb::fuzz::JOULEBENCH_FUZZ_TARGET({data, size});
  return 0;
}
