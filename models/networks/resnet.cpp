// Residual networks (He, Zhang, Ren, Sun, CVPR 2016, Table 1). Bottlenecks stride in their 3 x 3
// convolution ("v1.5", what torchvision and MLPerf run); the paper strides in the first 1 x 1.

#include <fmt/core.h>

#include <array>

#include "models/networks/builders.h"
#include "models/networks/layers.h"

namespace jb::models {
namespace {

std::vector<InputSpec> inputs(const NetworkOptions&) {
  return {{"images", DataType::f32, {kBatch, 3, 224, 224}, InputSpec::Kind::normal, {}}};
}

struct Kind {
  const char* name;
  bool bottleneck;
  std::array<int, 4> blocks;
};

int conv_norm(Layers& net, const std::string& at, int x, const ConvSizes& sizes) {
  return net.batch_norm("bn" + at, net.conv("conv" + at, x, sizes), sizes.out);
}

/// One residual block: `channels` in, `width` filters inside, `out` filters at its end.
int block(Layers& net, const std::string& at, int x, bool bottleneck, std::int64_t channels,
          std::int64_t width, std::int64_t out, std::int64_t stride) {
  int y = x;
  if (bottleneck) {
    y = net.relu("relu" + at + "_a", conv_norm(net, at + "_a", y, {channels, width, 1, 1, 0, 1}));
    y = net.relu("relu" + at + "_b", conv_norm(net, at + "_b", y, {width, width, 3, stride, 1, 1}));
    y = conv_norm(net, at + "_c", y, {width, out, 1, 1, 0, 1});
  } else {
    y = net.relu("relu" + at + "_a",
                 conv_norm(net, at + "_a", y, {channels, width, 3, stride, 1, 1}));
    y = conv_norm(net, at + "_b", y, {width, out, 3, 1, 1, 1});
  }
  const int shortcut = stride == 1 && channels == out
                           ? x
                           : conv_norm(net, at + "_shortcut", x, {channels, out, 1, stride, 0, 1});
  return net.relu("relu" + at, net.add("add" + at, y, shortcut));
}

Graph build(const Kind& kind, const NetworkOptions& options) {
  Layers net(kind.name, options.seed);
  int x = net.input(inputs(options)[0]);
  x = net.relu("relu1", conv_norm(net, "1", x, {3, 64, 7, 2, 3, 1}));
  x = net.max_pool("pool1", x, {3, 2, 1});
  std::int64_t channels = 64;
  for (std::size_t stage = 0; stage < kind.blocks.size(); ++stage) {
    const std::int64_t width = std::int64_t{64} << stage;
    const std::int64_t out = kind.bottleneck ? 4 * width : width;
    for (int b = 0; b < kind.blocks[stage]; ++b) {
      x = block(net, fmt::format("{}_{}", stage + 2, b + 1), x, kind.bottleneck, channels, width,
                out, b == 0 && stage > 0 ? 2 : 1);
      channels = out;
    }
  }
  x = net.global_average("pool", x);
  return net.finish(net.linear("fc", x, channels, 1000, lecun_deviation(channels)));
}

NetworkInfo info_of(const Kind& kind, const char* description) {
  NetworkInfo info;
  info.name = kind.name;
  info.description = description;
  info.reference = "He, Zhang, Ren, Sun, CVPR 2016, Table 1";
  info.build = [kind](const NetworkOptions& options) { return build(kind, options); };
  info.inputs = inputs;
  return info;
}

constexpr const char* kTorchvision = "torchvision model table (GFLOPS as multiply-adds)";

}  // namespace

NetworkInfo resnet18_info() {
  NetworkInfo info = info_of({"resnet18", false, {2, 2, 2, 2}},
                             "eighteen layers in residual blocks of two, 224 x 224 images");
  info.published = {{"macs", 1.814e9, 0.0005 / 1.814, 0, "", kTorchvision, {}},
                    {"parameters", 11689512, 0, 0, "", kTorchvision, {}}};
  return info;
}

NetworkInfo resnet50_info() {
  NetworkInfo info = info_of({"resnet50", true, {3, 4, 6, 3}},
                             "fifty layers in bottleneck blocks (v1.5), 224 x 224 images");
  info.published = {{"macs", 4.089e9, 0.0005 / 4.089, 0, "", kTorchvision, {}},
                    {"parameters", 25557032, 0, 0, "", kTorchvision, {}}};
  return info;
}

}  // namespace jb::models
