#include "backends/photonic/homodyne_rows.h"

#include "backends/core/kernels.h"

namespace jb::photonic {

const HomodyneRows& homodyne_rows() {
  static const HomodyneRows& chosen = jb::kernels::isa_level() == 2 ? kernels::avx512::kHomodyneRows
                                      : jb::kernels::isa_level() == 1
                                          ? kernels::avx2::kHomodyneRows
                                          : kernels::baseline::kHomodyneRows;
  return chosen;
}

}  // namespace jb::photonic
