// VGG-16 (Simonyan, Zisserman, ICLR 2015, Table 1, configuration D).

#include <fmt/core.h>

#include <array>

#include "models/networks/builders.h"
#include "models/networks/layers.h"

namespace jb::models {
namespace {

std::vector<InputSpec> inputs(const NetworkOptions&) {
  return {{"images", DataType::f32, {kBatch, 3, 224, 224}, InputSpec::Kind::normal, {}}};
}

struct Stage {
  int convolutions;
  std::int64_t filters;
};
constexpr std::array<Stage, 5> kStages = {{{2, 64}, {2, 128}, {3, 256}, {3, 512}, {3, 512}}};

Graph build(const NetworkOptions& options) {
  Layers net("vgg16", options.seed);
  int x = net.input(inputs(options)[0]);
  std::int64_t channels = 3;
  for (std::size_t s = 0; s < kStages.size(); ++s) {
    for (int c = 0; c < kStages[s].convolutions; ++c) {
      const std::string at = fmt::format("{}_{}", s + 1, c + 1);
      x = net.conv("conv" + at, x, {channels, kStages[s].filters, 3, 1, 1, 1, true});
      x = net.relu("relu" + at, x);
      channels = kStages[s].filters;
    }
    x = net.max_pool(fmt::format("pool{}", s + 1), x, {2, 2, 0});
  }
  x = net.flatten("flatten", x);
  x = net.relu("relu6", net.linear("fc6", x, 25088, 4096, he_deviation(25088)));
  x = net.relu("relu7", net.linear("fc7", x, 4096, 4096, he_deviation(4096)));
  return net.finish(net.linear("fc8", x, 4096, 1000, lecun_deviation(4096)));
}

}  // namespace

NetworkInfo vgg16_info() {
  const char* torchvision = "torchvision model table (GFLOPS as multiply-adds)";
  NetworkInfo info;
  info.name = "vgg16";
  info.description = "thirteen 3 x 3 convolutions and three layers, 224 x 224 images";
  info.reference = "Simonyan, Zisserman, ICLR 2015, configuration D";
  info.published = {{"macs", 15.47e9, 0.005 / 15.47, 0, "", torchvision, {}},
                    {"parameters", 138357544, 0, 0, "", torchvision, {}}};
  info.build = build;
  info.inputs = inputs;
  return info;
}

}  // namespace jb::models
