#pragma once
// Runs points and makes records.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "backends/core/matrix.h"
#include "harness/operand_record.h"
#include "harness/point.h"
#include "models/mlp.h"
#include "results/record.h"

namespace jb {
class Plan;
}

namespace jb::harness {

class WorkloadCache;  // harness/workload_cache.h
struct Metering;      // harness/metering.h
struct Seat;          // likewise

/// How far a training is.
struct TrainingProgress {
  int epoch = 0;  ///< from 1
  int epochs = 0;
  std::int64_t steps = 0;  ///< done, of all epochs
  std::int64_t all_steps = 0;
  double loss = 0;                 ///< mean cross-entropy of the epoch so far
  std::optional<double> accuracy;  ///< on the test set, at the end of an epoch
};

struct RunOptions {
  double min_time_s = 0.1;  ///< of each timing repetition on measured backends
  /// Timing repetitions. Six is the smallest number whose [min, max] covers the median with at
  /// least 95 % (1 - 2^(1-6) = 96.9 %); with fewer no interval is reported.
  int repetitions = 6;
  /// More are taken until the median's 95 % interval is this narrow (half width, relative), the
  /// noise is stable, or max_time_s is used up; 0: no more.
  double narrow = 0.01;
  double max_time_s = 1;
  std::string cache_dir;  ///< trained weights; "" = the user's cache folder
  std::string run_id;
  std::string directory;  ///< folder for what does not fit into a record; "" = it is not kept
  bool layers = false;    ///< errors of each layer also where telling them takes long
  bool alone = true;      ///< false: other points run beside this one; it sets no thread count
  /// Data sets and trained networks shared by the points of a run; null = each point loads its own.
  std::shared_ptr<WorkloadCache> workloads;
  /// Meters that points on real hardware are read by; null: energy is modelled alone.
  std::shared_ptr<const Metering> metering;
  /// The point's place among others whose windows are interleaved; null: it runs by itself.
  const Seat* seat = nullptr;
  /// Op gemm: called with the plan after its product.
  std::function<void(const Plan&)> on_executed;
  /// Op training: called after every step; false stops the training.
  std::function<bool(const TrainingProgress&)> on_training;
  /// Op training: the network at the end.
  std::function<void(const models::Graph&)> on_trained;
};

/// Runs one point to its end. Never throws for what belongs to the point: the record's status says
/// unsupported, unavailable, failed or inconsistent with a reason. Bad input (usage errors: unknown
/// device, contradicting parameters, missing data) is thrown.
results::Record run_point(const PointSpec& point, const RunOptions& options);

/// Counts and prices without computing; any size.
results::Record estimate_point(const PointSpec& point, const RunOptions& options,
                               const GivenStatistics* statistics = nullptr);

/// C = A B with the caller's own matrices on the point's backend: the run of a GEMM point whose
/// shape is taken from `a` and `b` (`point.gemm` and `point.dist` are ignored; the record names the
/// data by their hash). `c` (m x n) has the type of the host tensors computed in: f64 only where
/// computes_f64(backend). Usage error when shapes disagree or an element is not finite.
results::Record multiply_point(const PointSpec& point, const ConstMatrixRef& a,
                               const ConstMatrixRef& b, const MatrixRef& c,
                               const RunOptions& options);

/// True when products with float64 host tensors are computed in float64 (simulators and
/// `reference`).
bool computes_f64(const Backend& backend);

/// Everything about a point that can be refused before anything runs: check_point, backend, device
/// file, overrides, contradicting parameters, precision, calibration method, network, data set.
/// Usage error with the reason; what a machine cannot do (unsupported, unavailable) passes.
void check_runnable(const std::vector<PointSpec>& points);
void check_runnable(const PointSpec& point);

/// The record of a point that could not even be started, with its reason (status failed).
results::Record failed_record(const PointSpec& point, const RunOptions& options,
                              const std::string& reason);

/// model_version, device_hash and tables_hash that a record of this point would carry now.
Json versions_now(const PointSpec& point);

/// True when the point may run beside others: a simulator or an estimate, whose numbers do not
/// depend on threads, and no thread count asked for.
bool runs_beside_others(const PointSpec& point);

}  // namespace jb::harness
