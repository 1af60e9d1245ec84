#pragma once
// Data sets and trained networks, loaded or trained once and shared by the points of a run.

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/core/matrix.h"
#include "models/dataset.h"
#include "models/mlp.h"

namespace jb::harness {

/// A data set with one float network trained on it, and what that network says about the test set.
struct NetworkWorkload {
  std::shared_ptr<const models::Dataset> data;
  models::Mlp network;
  Matrix<double> logits_f64;         ///< float64 reference on the test images
  std::vector<int> float_predicted;  ///< classes by the float32 network
  double float_accuracy = 0;
};

class WorkloadCache {
 public:
  /// Usage error for an unknown data set, a missing folder or a network whose widths do not fit.
  std::shared_ptr<const models::Dataset> dataset(const std::string& name,
                                                 const std::filesystem::path& dir);
  std::shared_ptr<const NetworkWorkload> network(const std::string& network,
                                                 const std::string& dataset_name,
                                                 const std::filesystem::path& dir,
                                                 const std::filesystem::path& cache_dir);

 private:
  std::map<std::pair<std::string, std::string>, std::shared_ptr<const models::Dataset>> datasets_;
  std::map<std::vector<std::string>, std::shared_ptr<const NetworkWorkload>> networks_;
};

/// Refuses a network whose input or output does not fit the data (usage).
void check_widths(const models::Mlp& network, const models::Dataset& data);

/// Rows of logits in float64: the same weights, no rounding below 2^-53.
Matrix<double> forward_f64(const models::Mlp& network, MatrixView<const float> images);

}  // namespace jb::harness
