// Multi-layer perceptrons of any widths, over the weights that training starts from.

#include <fmt/core.h>

#include <memory>
#include <utility>

#include "models/mlp.h"
#include "models/networks/builders.h"

namespace jb::models {
namespace {

/// The graph with its constants keeping the network alive.
Graph owning_graph(const std::shared_ptr<const Mlp>& network) {
  Graph graph = network->graph();
  for (ValueView& value : graph.values()) {
    if (!value.is_constant) continue;
    value.constant =
        Constant(Tensor::alias(value.type, value.dims, value.constant.value().raw(), network));
  }
  return graph;
}

}  // namespace

bool is_mlp_name(const std::string& name) { return name.rfind("mlp-", 0) == 0; }

NetworkInfo mlp_info(const std::string& name) {
  const std::vector<std::int64_t> widths = mlp_widths(name);
  double macs = 0;
  double parameters = 0;
  for (std::size_t l = 1; l < widths.size(); ++l) {
    macs += static_cast<double>(widths[l - 1] * widths[l]);
    parameters += static_cast<double>((widths[l - 1] + 1) * widths[l]);
  }
  NetworkInfo info;
  info.name = name;
  info.description =
      "perceptron with ReLU between its layers, for 28 x 28 digits when it starts with 784";
  info.reference = "LeCun et al., Proc. IEEE 86, 1998, section III.C; sizes as named";
  info.published = {{"macs", macs, 0, 0, "", "products of the widths in its name", {}},
                    {"parameters", parameters, 0, 0, "", "weights and biases of its widths", {}}};
  info.build = [name](const NetworkOptions& options) {
    return owning_graph(std::make_shared<const Mlp>(build_mlp(name, options.seed)));
  };
  info.inputs = [width = widths.front()](const NetworkOptions&) {
    return std::vector<InputSpec>{
        {"images", DataType::f32, {kBatch, width}, InputSpec::Kind::unit, {}}};
  };
  return info;
}

}  // namespace jb::models
