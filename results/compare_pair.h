#pragma once
// Inside of compare: one joined point.

#include <optional>
#include <string>
#include <vector>

#include "results/compare.h"
#include "results/statistics/bootstrap.h"

namespace jb::results {

/// Right or wrong on the same samples.
struct PairedAccuracy {
  std::int64_t gained = 0, lost = 0;  ///< samples that only the new, only the base got right
  std::int64_t samples = 0;
};

/// A side's record, and where its files lie ("" = nowhere).
struct SidedRecord {
  const Record& record;
  std::filesystem::path folder;
  std::string machine;  ///< what the folder's run.json says of the host; "" unknown
};

/// A measured number whose verdict waits for Holm's correction over all of them.
struct SampledTest {
  Difference difference;
  bool lower_is_better = true;
  double low = 1, high = 1;  ///< 95 % interval of new / base
  double band = 0.05;
  double p_value = 1;
  double least_p = 0;      ///< the smallest that samples of these sizes can give; 0: no test
  bool separated = false;  ///< no sample of one side lies within a band of one of the other
  double samples = 0;      ///< of the smaller side
};

struct PairOutcome {
  std::vector<Difference> differences;
  std::vector<SampledTest> sampled;
  std::size_t not_gated = 0;
  std::string backend;
  std::optional<double> energy_ratio, time_ratio;
};

/// Judges one pair but for the sampled tests; throws where they are not comparable.
PairOutcome compare_pair(const SidedRecord& base, const SidedRecord& now,
                         const CompareOptions& options, ResamplingPlans& plans);

/// Takes outcomes in the order of the base's points and settles the sampled tests at the end.
class ComparisonBuilder {
 public:
  explicit ComparisonBuilder(const CompareOptions& options) : options_(options) {}
  void add(const Record& base, PairOutcome&& outcome);
  void add_missing(const Record& base);
  void add_added(const Record& now);
  Comparison take();

 private:
  void list(Difference&& difference);
  void settle();

  CompareOptions options_;
  Comparison result_;
  std::vector<SampledTest> sampled_;
  struct SampledPoint {
    std::size_t index;  ///< into result_.points
    bool moved;         ///< by another number
  };
  std::vector<SampledPoint> sampled_points_;
};

/// True when modelled numbers are in the record.
bool has_modelled(const Record& record);

/// Correctness of both on the same samples from the files beside them; nothing where they are not
/// there or not of the same data.
std::optional<PairedAccuracy> paired_accuracy(const SidedRecord& base, const SidedRecord& now);

/// The hardware that measured numbers of this record come from; "" unknown.
std::string machine_of(const SidedRecord& side);

}  // namespace jb::results
