#pragma once
// Identity of a data set: a hash of its pixels and labels, whatever file or program they came from.

#include <string>

#include "models/dataset.h"

namespace jb::models {

/// 16 hex digits over sizes, pixels (as the bytes they were: value x 255, rounded) and labels of
/// both parts. The same for a plain and a gzipped file, and on every machine.
std::string content_hash_of(const LabelledImages& train, const LabelledImages& test);

}  // namespace jb::models
