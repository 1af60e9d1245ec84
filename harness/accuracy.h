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

/// agreement_top1_frac: how often both say the same. `what` is the samples' name.
void add_agreement(Outcome& outcome, const std::vector<int>& machine,
                   const std::vector<int>& reference, const std::string& what,
                   Provenance provenance);

/// accuracy_top1_frac and accuracy_delta_frac with their 95 % intervals, and McNemar's test.
void add_accuracy(Outcome& outcome, const Predictions& predictions, Provenance provenance);

/// Two-sided p-value of McNemar's test that two classifiers are equally often right, from the
/// numbers of samples that only one of them got right: exact binomial, P = 2 P(X <= min) with
/// X ~ Binomial(gained + lost, 1/2), at most 1 (McNemar, Psychometrika 12, 1947, 153; exact form:
/// Agresti, Categorical Data Analysis, 3rd ed., section 11.1).
double mcnemar_p_value(std::int64_t gained, std::int64_t lost);

}  // namespace jb::harness
