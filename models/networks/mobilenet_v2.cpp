// MobileNetV2 (Sandler et al., CVPR 2018, Table 2), width 1.

#include <fmt/core.h>

#include <array>

#include "models/networks/builders.h"
#include "models/networks/layers.h"

namespace jb::models {
namespace {

std::vector<InputSpec> inputs(const NetworkOptions&) {
  return {{"images", DataType::f32, {kBatch, 3, 224, 224}, InputSpec::Kind::normal, {}}};
}

/// Rows of Table 2: expansion t, channels c, repeats n, stride s of the first.
struct Row {
  std::int64_t expansion, channels;
  int repeats;
  std::int64_t stride;
};
constexpr std::array<Row, 7> kRows = {{{1, 16, 1, 1},
                                       {6, 24, 2, 2},
                                       {6, 32, 3, 2},
                                       {6, 64, 4, 2},
                                       {6, 96, 3, 1},
                                       {6, 160, 3, 2},
                                       {6, 320, 1, 1}}};

int conv_norm(Layers& net, const std::string& at, int x, const ConvSizes& sizes, bool activation) {
  const int y = net.batch_norm("bn" + at, net.conv("conv" + at, x, sizes), sizes.out);
  return activation ? net.relu6("relu" + at, y) : y;
}

int inverted_residual(Layers& net, const std::string& at, int x, std::int64_t channels,
                      std::int64_t expansion, std::int64_t out, std::int64_t stride) {
  const std::int64_t width = channels * expansion;
  int y = x;
  if (expansion != 1) y = conv_norm(net, at + "_expand", y, {channels, width, 1, 1, 0, 1}, true);
  y = conv_norm(net, at + "_depthwise", y, {width, width, 3, stride, 1, width}, true);
  y = conv_norm(net, at + "_project", y, {width, out, 1, 1, 0, 1}, false);
  return stride == 1 && channels == out ? net.add("add" + at, x, y) : y;
}

Graph build(const NetworkOptions& options) {
  Layers net("mobilenet-v2", options.seed);
  int x = net.input(inputs(options)[0]);
  x = conv_norm(net, "1", x, {3, 32, 3, 2, 1, 1}, true);
  std::int64_t channels = 32;
  int index = 2;
  for (const Row& row : kRows) {
    for (int r = 0; r < row.repeats; ++r) {
      x = inverted_residual(net, fmt::format("{}", index++), x, channels, row.expansion,
                            row.channels, r == 0 ? row.stride : 1);
      channels = row.channels;
    }
  }
  x = conv_norm(net, fmt::format("{}", index), x, {channels, 1280, 1, 1, 0, 1}, true);
  x = net.global_average("pool", x);
  return net.finish(net.linear("fc", x, 1280, 1000, lecun_deviation(1280)));
}

}  // namespace

NetworkInfo mobilenet_v2_info() {
  const char* torchvision = "torchvision model table (GFLOPS as multiply-adds)";
  NetworkInfo info;
  info.name = "mobilenet-v2";
  info.description = "inverted residuals with depthwise convolutions, width 1, 224 x 224 images";
  info.reference = "Sandler et al., CVPR 2018, Table 2";
  info.published = {{"macs", 0.3008e9, 0.00005 / 0.3008, 0, "", torchvision, {}},
                    {"macs",
                     300e6,
                     1.0 / 300,
                     0,
                     "rounded down to millions",
                     "Sandler et al., CVPR 2018, Table 4",
                     {}},
                    {"parameters", 3504872, 0, 0, "", torchvision, {}}};
  info.build = build;
  info.inputs = inputs;
  return info;
}

}  // namespace jb::models
