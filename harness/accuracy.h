#pragma once
// Task accuracy of one classifier on a test set, and its comparison with another on the same
// samples.

#include <cstdint>
#include <string>
#include <vector>

#include "harness/outcome.h"

namespace jb::harness {

/// What two classifiers said about the same samples.
struct Predictions {
  const std::vector<std::uint8_t>& labels;
  const std::vector<int>& machine;    ///< classes by the machine
  const std::vector<int>& reference;  ///< classes by the float network
  std::string dataset;
};

/// accuracy_top1_frac, agreement_top1_frac and accuracy_delta_frac with their 95 % intervals.
void add_accuracy(Outcome& outcome, const Predictions& predictions, Provenance provenance);

}  // namespace jb::harness
