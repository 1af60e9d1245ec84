#pragma once
// The network that a point names: one of the literature by its name, or a user's ONNX file.

#include <memory>
#include <string>
#include <vector>

#include "backends/core/tensor.h"
#include "harness/point.h"
#include "models/graph.h"
#include "models/networks/registry.h"

namespace jb::harness {

struct NetworkSource {
  explicit NetworkSource(models::Graph network) : graph(std::move(network)) {}

  std::string name;       ///< "resnet50"; of ONNX files the graph's own name
  std::string onnx_hash;  ///< of the file's content; "" for built-in networks
  models::Graph graph;
  std::vector<models::InputSpec> inputs;
  std::int64_t fixed_batch = 0;   ///< samples that the model fixes for a run; 0: open
  bool dynamic_products = false;  ///< some node multiplies two computed operands

  /// Samples of each run when `batch` are asked for.
  [[nodiscard]] std::int64_t samples_per_run(std::int64_t batch) const {
    return fixed_batch > 0 ? fixed_batch : batch;
  }
  /// Elements of a sample of the one input; 0 when there are several inputs or it is no f32.
  [[nodiscard]] std::int64_t sample_elements() const;
};

/// Whether it is one of the "mlp-..." networks, which are trained on their data set.
bool is_perceptron(const NetworkSource& source);

/// Opens the network of a point. Weights of built-in ones are those of seed 1, whatever the point's
/// seed is: that one draws inputs and devices. Usage error for an unknown name or a file that is no
/// model that can be run.
std::shared_ptr<const NetworkSource> open_network(const PointSpec& point);

/// Fills what of a network point follows from the network (its name and hash, whether it multiplies
/// computed operands), so that two ways to name it are one point. Other points stay as they are.
void resolve_network(PointSpec& point);

}  // namespace jb::harness
