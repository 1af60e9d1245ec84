#include "tests/benchmarks/summary.h"

namespace jb::bench {

// Without oneDNN there is nothing to hold its backend against.
void add_onednn_primitives(const Options& /*options*/) {}

}  // namespace jb::bench
