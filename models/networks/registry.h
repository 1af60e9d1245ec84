#pragma once
// The networks of the literature by name: one builder file each beside this one. Weights are drawn
// from a seed when they are asked for, so that a network of any size is built at once, estimated
// without memory, and streamed layer by layer.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/core/tensor.h"
#include "models/graph.h"

namespace jb::models {

struct NetworkOptions {
  std::uint64_t seed = 1;  ///< of the weights
  /// Tokens per sample of networks over text (source and target alike for translation); 0 = the
  /// network's default.
  std::int64_t sequence = 0;
  /// Most rows that an embedding table of dlrm is given; 0 = the network's default.
  std::int64_t table_rows = 0;
};

/// One input of a network and what may stand in it.
struct InputSpec {
  enum class Kind : std::uint8_t {
    normal,   ///< standard normal reals: standardised pixels, dense features
    unit,     ///< uniform reals in (0, 1): pixels
    indices,  ///< integers from 0 to limit - 1 (by column where there are several limits)
  };
  std::string name;
  DataType type = DataType::f32;
  Dims dims;  ///< kBatch where the batch stands
  Kind kind = Kind::normal;
  std::vector<std::int64_t> limits;  ///< indices: one for all, or one per element of a sample
};

/// A count that somebody published, for comparison with what the graph gives.
struct PublishedCount {
  std::string quantity;  ///< "macs" or "parameters"
  double value = 0;
  double tolerance = 0;    ///< relative: how far the source rounds
  double beyond = 0;       ///< what the graph counts and the source does not (below 0: the reverse)
  std::string convention;  ///< what the source counts where that differs; "" when it does not
  std::string source;
  NetworkOptions options = {};  ///< that the source's network is built with
};

struct NetworkInfo {
  std::string name;                     ///< "resnet50"
  std::string description;              ///< one line
  std::string reference;                ///< the paper that defines it
  std::int64_t default_sequence = 0;    ///< 0: not over text
  std::int64_t longest_sequence = 0;    ///< that its position table holds; 0: any
  std::int64_t default_table_rows = 0;  ///< 0: no tables
  std::vector<PublishedCount> published;
  std::function<Graph(const NetworkOptions&)> build;
  std::function<std::vector<InputSpec>(const NetworkOptions&)> inputs;
};

/// Names in a fixed order; besides them, every "mlp-INPUTS-...-OUTPUTS" can be built.
std::vector<std::string> network_names();

/// What is known of a network. Usage error suggesting the nearest name for an unknown one.
NetworkInfo network_info(const std::string& name);

/// The network with its batch open. Usage error for an unknown name and for options that it does
/// not take.
Graph build_network(const std::string& name, const NetworkOptions& options = {});

/// What its inputs are, in order.
std::vector<InputSpec> network_inputs(const std::string& name, const NetworkOptions& options = {});

/// Drawn inputs of `batch` samples, a tensor per input. A sample depends on the seed and on its
/// index in the whole set (`first` is that of the first one), not on the batch.
std::vector<Tensor> draw_inputs(const std::vector<InputSpec>& inputs, std::int64_t batch,
                                std::int64_t first, std::uint64_t seed);

/// Trained numbers of a network: elements of its floating-point constants, each counted once
/// however many nodes read it, without the running statistics of batch normalisation and without
/// numbers that training does not move (masks, scalars).
double parameters_of(const Graph& graph);

}  // namespace jb::models
