#pragma once
// Task accuracy of one classifier on a test set, and its comparison with another on the same
// samples.

#include <cstdint>
#include <string>
#include <vector>

#include "harness/outcome.h"
#include "results/statistics/shares.h"

namespace jb::harness {

using results::mcnemar_p_value;

/// What two classifiers said about the same samples.
struct Predictions {
  const std::vector<std::uint8_t>& labels;
  const std::vector<int>& machine;    ///< classes by the machine
  const std::vector<int>& reference;  ///< classes by the float network
  std::string dataset;
};

/// agreement_top1_frac: how often both say the same. `what` is the samples' name.
void add_agreement(Outcome& outcome, const std::vector<int>& machine,
                   const std::vector<int>& reference, const std::string& what,
                   Provenance provenance);

/// accuracy_top1_frac and accuracy_delta_frac with their 95 % intervals, and McNemar's test.
void add_accuracy(Outcome& outcome, const Predictions& predictions, Provenance provenance);

}  // namespace jb::harness
