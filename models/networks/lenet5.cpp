// LeNet-5 (LeCun, Bottou, Bengio, Haffner, Proc. IEEE 86, 1998, section II.B) as it is used today:
// every feature map of C3 sees all of S2, ReLU instead of scaled tanh, pooling without weights, and
// a linear output layer instead of radial basis functions.

#include "models/networks/builders.h"
#include "models/networks/layers.h"

namespace jb::models {
namespace {

std::vector<InputSpec> inputs(const NetworkOptions&) {
  return {{"images", DataType::f32, {kBatch, 1, 28, 28}, InputSpec::Kind::unit, {}}};
}

Graph build(const NetworkOptions& options) {
  Layers net("lenet5", options.seed);
  int x = net.input(inputs(options)[0]);
  // 28 x 28 digits in the middle of the paper's 32 x 32 field: a border of two pixels.
  x = net.relu("relu1", net.conv("conv1", x, {1, 6, 5, 1, 2, 1, true}));
  x = net.average_pool("pool2", x, {2, 2, 0});
  x = net.relu("relu3", net.conv("conv3", x, {6, 16, 5, 1, 0, 1, true}));
  x = net.average_pool("pool4", x, {2, 2, 0});
  x = net.flatten("flatten", x);
  x = net.relu("relu5", net.linear("fc5", x, 400, 120, he_deviation(400)));
  x = net.relu("relu6", net.linear("fc6", x, 120, 84, he_deviation(120)));
  return net.finish(net.linear("fc7", x, 84, 10, lecun_deviation(84)));
}

}  // namespace

NetworkInfo lenet5_info() {
  const char* paper = "LeCun et al., Proc. IEEE 86, 1998, section II.B";
  // The paper's C3 joins 60 of 96 pairs of maps (Table I); it counts additions of biases and the
  // connections of pooling too.
  constexpr double kDense = 36 * 25 * 100;
  constexpr double kBiases = 6 * 784 + 16 * 100 + 120 + 84;
  constexpr double kPooling = 6 * 196 * 5 + 16 * 25 * 5;
  NetworkInfo info;
  info.name = "lenet5";
  info.description = "convolutional network for 28 x 28 digits, C3 connected to all of S2";
  info.reference = paper;
  info.published = {{"macs",
                     340908,
                     0,
                     kDense - kBiases - kPooling,
                     "connections: C3 joins 60 of 96 pairs of maps; biases and pooling are counted",
                     std::string(paper) + " (341 k in Sze et al., Proc. IEEE 105, 2017, Table II)",
                     {}},
                    // Output units had no trained weights (840 + 10 here); pooling had two per map.
                    {"parameters",
                     60000,
                     0,
                     900 - 44 + 850,
                     "C3 joins 60 of 96 pairs of maps, pooling has 44, the output layer none",
                     paper,
                     {}}};
  info.build = build;
  info.inputs = inputs;
  return info;
}

}  // namespace jb::models
