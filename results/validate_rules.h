#pragma once
// Inside of validate: where rules put what they find.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "results/validate.h"

namespace jb::results {

class Findings {
 public:
  explicit Findings(const Record& record) : record_(record) {}

  [[nodiscard]] const Record& record() const noexcept { return record_; }
  void add(std::string rule, std::string text) {
    violations_.push_back({std::move(rule), record_.record_id, std::move(text)});
  }
  [[nodiscard]] std::vector<Violation> take() { return std::move(violations_); }

 private:
  const Record& record_;
  std::vector<Violation> violations_;
};

/// What holds between records, seen one after the other.
class SetChecks {
 public:
  void take(const Record& record, std::vector<Violation>& out);

 private:
  std::map<std::pair<std::string, std::string>, std::size_t> seen_;
  std::map<std::string, std::string> machines_;  ///< by run
};

/// Two sums of the same products in another order agree to 1e-9: float64 sums of up to a million
/// rows (1e6 x 1.1e-16 = 1e-10).
bool agrees(double a, double b) noexcept;

/// Rules on ledger rows and on the energies that are their sums.
void check_ledger(Findings& out);

}  // namespace jb::results
