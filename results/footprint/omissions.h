#pragma once
// What a figure at a boundary leaves out, in words.

#include <string>
#include <vector>

#include "backends/energy/vocabulary.h"

namespace jb::results {

/// One sentence for each boundary above `highest`.
std::vector<std::string> omissions_above(Boundary highest);

}  // namespace jb::results
