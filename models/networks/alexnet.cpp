// AlexNet (Krizhevsky, Sutskever, Hinton, NeurIPS 2012, section 3) with its two towers: the second,
// fourth and fifth convolutions have two groups. The input is 227 x 227, which is what the sizes in
// the paper need. The layers are the named shapes alexnet-conv1 to alexnet-fc8.

#include <string>

#include "models/networks/builders.h"
#include "models/networks/layers.h"

namespace jb::models {
namespace {

std::vector<InputSpec> inputs(const NetworkOptions&) {
  return {{"images", DataType::f32, {kBatch, 3, 227, 227}, InputSpec::Kind::normal, {}}};
}

/// Local response normalisation, section 3.3: k = 2, n = 5, alpha = 1e-4, beta = 0.75. The operator
/// divides alpha by n, so it is given n alpha.
int response_norm(Layers& net, const std::string& name, int x) {
  return net.op(Op::lrn, name, {x}, LrnAttributes{5e-4F, 0.75F, 2, 5});
}

Graph build(const NetworkOptions& options) {
  Layers net("alexnet", options.seed);
  int x = net.input(inputs(options)[0]);
  x = net.relu("relu1", net.conv("conv1", x, {3, 96, 11, 4, 0, 1, true}));
  x = net.max_pool("pool1", response_norm(net, "norm1", x), {3, 2, 0});
  x = net.relu("relu2", net.conv("conv2", x, {96, 256, 5, 1, 2, 2, true}));
  x = net.max_pool("pool2", response_norm(net, "norm2", x), {3, 2, 0});
  x = net.relu("relu3", net.conv("conv3", x, {256, 384, 3, 1, 1, 1, true}));
  x = net.relu("relu4", net.conv("conv4", x, {384, 384, 3, 1, 1, 2, true}));
  x = net.relu("relu5", net.conv("conv5", x, {384, 256, 3, 1, 1, 2, true}));
  x = net.flatten("flatten", net.max_pool("pool5", x, {3, 2, 0}));
  x = net.relu("relu6", net.linear("fc6", x, 9216, 4096, he_deviation(9216)));
  x = net.relu("relu7", net.linear("fc7", x, 4096, 4096, he_deviation(4096)));
  return net.finish(net.linear("fc8", x, 4096, 1000, lecun_deviation(4096)));
}

}  // namespace

NetworkInfo alexnet_info() {
  NetworkInfo info;
  info.name = "alexnet";
  info.description = "five convolutions in two towers and three layers, 227 x 227 images";
  info.reference = "Krizhevsky, Sutskever, Hinton, NeurIPS 2012";
  constexpr double kTwoGroups = 724406816;
  info.published = {
      {"macs", 724e6, 0.5 / 724, 0, "", "Sze et al., Proc. IEEE 105, 2017, Table II", {}},
      {"macs",
       1135256096,
       0,
       kTwoGroups - 1135256096,
       "one group in every convolution",
       "the layers' sizes with groups = 1",
       {}},
      {"macs",
       0.714e9,
       0.0005 / 0.714,
       kTwoGroups - 714188480,
       "another network: one tower of 64-192-384-256-256 filters, 224 x 224",
       "torchvision model table (GFLOPS as multiply-adds); Krizhevsky, arXiv:1404.5997",
       {}},
      {"parameters", 61e6, 0.5 / 61, 0, "", "Sze et al., Proc. IEEE 105, 2017, Table II", {}}};
  info.build = build;
  info.inputs = inputs;
  return info;
}

}  // namespace jb::models
