#pragma once
// What network points run on: the network, its inputs (a data set's test images, or drawn), and the
// float result that others are compared with. Loaded, trained and computed once, and shared by the
// points of a run.

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "backends/core/matrix.h"
#include "harness/network_source.h"
#include "models/dataset.h"
#include "models/mlp.h"

namespace jb::harness {

/// Results of a network over all samples: the elements of each output, sample after sample.
using Outputs = std::vector<std::vector<double>>;

/// Appends a run's outputs; of each that has a row per sample of the run, the first `samples` of
/// `samples_run`.
void append_outputs(Outputs& all, const std::vector<Tensor>& outputs, std::int64_t samples,
                    std::int64_t samples_run);

struct NetworkWorkload {
  explicit NetworkWorkload(models::Graph network) : graph(std::move(network)) {}

  std::shared_ptr<const NetworkSource> source;
  std::shared_ptr<const models::Dataset> data;  ///< null: drawn inputs
  std::shared_ptr<const models::Mlp> trained;   ///< perceptrons on a data set; owns the weights
  models::Graph graph;                          ///< with the weights it is run with
  Distribution dist;                            ///< of drawn inputs
  std::uint64_t seed = 1;
  std::int64_t samples = 0;  ///< in all
  std::int64_t per_run =
      0;  ///< samples of a run; the last may hold fewer unless the model fixes it

  std::shared_ptr<const Outputs> reference;  ///< the float result
  std::string reference_engine;              ///< "float64 on the host"
  std::int64_t classes = 0;  ///< length of the rows that predictions are taken from; 0: none
  std::vector<int> float_predicted;  ///< index of the largest element of each row of output 0
  double float_accuracy = 0;         ///< on the data set's labels

  /// Runs, and samples that run r is given and holds (padded with its last sample where the model
  /// fixes the batch).
  [[nodiscard]] std::int64_t runs() const { return (samples + per_run - 1) / per_run; }
  [[nodiscard]] std::int64_t samples_of(std::int64_t run) const;
  [[nodiscard]] std::int64_t valid_of(std::int64_t run) const;
  /// Inputs of a run. Images of a data set are shaped as the network takes them.
  [[nodiscard]] std::vector<Tensor> inputs_of(std::int64_t run) const;
  /// The same workload over another form of its graph.
  [[nodiscard]] std::shared_ptr<const NetworkWorkload> with_graph(models::Graph other) const;
  /// Logical MACs of all runs.
  [[nodiscard]] double macs() const;
};

/// May be used by several threads at once; while one loads or solves, the others wait.
class WorkloadCache {
 public:
  /// Usage error for an unknown data set or a missing folder.
  std::shared_ptr<const models::Dataset> dataset(const std::string& name,
                                                 const std::filesystem::path& dir);
  /// The workload with its float result. Usage error when network and data do not fit.
  std::shared_ptr<const NetworkWorkload> network(const PointSpec& point,
                                                 const std::filesystem::path& cache_dir);
  /// The same without training and without a result: for estimates.
  std::shared_ptr<const NetworkWorkload> unsolved(const PointSpec& point);

 private:
  std::recursive_mutex mutex_;  // workloads ask for their data sets
  std::map<std::pair<std::string, std::string>, std::shared_ptr<const models::Dataset>> datasets_;
  std::vector<std::string> solved_key_;  // the last one: large networks' results are large
  std::map<std::vector<std::string>, std::shared_ptr<const NetworkWorkload>> networks_;
};

/// Refuses a network whose input or classes do not fit the data (usage).
void check_fits(const NetworkSource& source, const models::Dataset& data);

/// `images` (rows of pixels) as the network takes them: reshaped, or in the middle of a larger
/// field of zeros.
Tensor images_as_input(MatrixView<const float> images, const models::LabelledImages& layout,
                       const models::InputSpec& input);

/// Samples first ... first + count - 1 of drawn inputs.
std::vector<Tensor> drawn_inputs(const NetworkSource& source, const Distribution& dist,
                                 std::uint64_t seed, std::int64_t first, std::int64_t count);

}  // namespace jb::harness
