#include "harness/workload_cache.h"

#include <utility>

#include "backends/core/gemm.h"

namespace jb::harness {

std::shared_ptr<const models::Dataset> WorkloadCache::dataset(const std::string& name,
                                                              const std::filesystem::path& dir) {
  std::shared_ptr<const models::Dataset>& entry = datasets_[{name, dir.string()}];
  if (!entry) entry = std::make_shared<const models::Dataset>(models::load_dataset(name, dir));
  return entry;
}

std::shared_ptr<const NetworkWorkload> WorkloadCache::network(
    const std::string& network, const std::string& dataset_name, const std::filesystem::path& dir,
    const std::filesystem::path& cache_dir) {
  std::shared_ptr<const NetworkWorkload>& entry =
      networks_[{network, dataset_name, dir.string(), cache_dir.string()}];
  if (entry) return entry;
  auto workload = std::make_shared<NetworkWorkload>();
  workload->data = dataset(dataset_name, dir);
  const models::Dataset& data = *workload->data;
  const models::TrainOptions training = models::default_training(network);
  check_widths(models::build_mlp(network, training.seed), data);
  workload->network = models::trained_mlp(network, data, training, cache_dir);
  const MatrixView<const float> images = data.test.images.view();
  workload->logits_f64 = forward_f64(workload->network, images);
  workload->float_predicted =
      models::argmax_rows(models::forward(workload->network, images).view());
  workload->float_accuracy = models::accuracy(workload->float_predicted, data.test.labels);
  entry = std::move(workload);
  return entry;
}

void check_widths(const models::Mlp& network, const models::Dataset& data) {
  const std::int64_t pixels = data.test.images.cols();
  if (network.widths.empty() || network.widths.front() != pixels ||
      network.widths.back() != data.classes) {
    fail_usage(
        "network {} does not fit data set {}: its images have {} pixels in {} classes (a fitting "
        "name is mlp-{}-100-{})",
        network.name, data.name, pixels, data.classes, pixels, data.classes);
  }
}

Matrix<double> forward_f64(const models::Mlp& network, MatrixView<const float> images) {
  Matrix<double> values = copy_as<double>(images);
  for (std::size_t layer = 0; layer < network.weights.size(); ++layer) {
    const Matrix<double> weights = copy_as<double>(network.weights[layer].view());
    Matrix<double> next(values.rows(), weights.cols());
    gemm<double>(std::as_const(values).view(), weights.view(), next.view());
    const bool rectified = layer + 1 < network.weights.size();
    for (std::int64_t i = 0; i < next.rows(); ++i) {
      for (std::int64_t j = 0; j < next.cols(); ++j) {
        next(i, j) += static_cast<double>(network.biases[layer][static_cast<std::size_t>(j)]);
        if (rectified && next(i, j) < 0) next(i, j) = 0;
      }
    }
    values = std::move(next);
  }
  return values;
}

}  // namespace jb::harness
