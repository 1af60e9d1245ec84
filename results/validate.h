#pragma once
// Checks of one record or of a set: schema, ledger sums, bounds and reporting rules.

#include <string>
#include <vector>

#include "results/record.h"

namespace jb::results {

struct Violation {
  std::string rule;  ///< "ledger-sum", "boundary-order", "duplicate-record", ...
  std::string record_id;
  std::string text;  ///< one sentence
};

/// Violations of one record, in this order:
///   identity          ids are 16 hex digits and are the hashes of point and versions
///   schema            the point holds op, backend, device; versions agree with the point
///   status            not ok has a reason; a point that could not run holds no numbers
///   finite            no NaN, no infinity
///   unknown-metric    every quantity is in the metric table
///   interval          ci_low <= value <= ci_high, both or none, with a known kind; n >= 1
///   range             energies, times, rates, errors not negative; shares and accuracies in [0, 1]
///   provenance        ledger numbers are not measured and not stronger than their rows; meter
///                     numbers are measured; an estimate holds no measured number but host time
///   tdp               TDP x time is no energy
///   macs              macs = m n k of a gemm
///   row-product       count x energy_per_action = energy (1e-9)
///   ledger-sum        rows up to Bx = energy_Bx_J_per_mac x macs; movement rows up to B2 =
///                     data_movement_J_per_mac x macs; setup rows = setup + calibration energy
///                     (1e-9)
///   boundary-order    energies grow with the boundary and leave no boundary out; net <= gross
///   theory-bound      an idealised device stops at B0
std::vector<Violation> validate(const Record& record);
/// The same for many, plus duplicate-record: one run holds a record_id twice.
std::vector<Violation> validate(const std::vector<Record>& records);

}  // namespace jb::results
