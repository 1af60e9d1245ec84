// Named shapes of `--shape` and of suite files.
//
// AlexNet: Krizhevsky, Sutskever, Hinton, NeurIPS 2012, with its two-tower (grouped) layers 2, 4
// and 5 and a 227 x 227 input; the convolutions sum to 665,784,864 MACs an image, the count that
// Eyeriss (Chen et al., JSSC 2017) and Timeloop use.

#include <map>

#include "backends/core/text.h"
#include "harness/point.h"

namespace jb::harness {
namespace {

struct NamedShape {
  Op op = Op::gemm;
  GemmShape gemm;
  ConvShape conv;
};

NamedShape gemm_shape(std::int64_t m, std::int64_t n, std::int64_t k) {
  return {Op::gemm, {m, n, k}, {}};
}

/// Square image and kernel, one image.
NamedShape conv_shape(std::int64_t channels, std::int64_t size, std::int64_t filters,
                      std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                      std::int64_t groups) {
  ConvShape shape;
  shape.in_channels = channels;
  shape.height = size;
  shape.width = size;
  shape.out_channels = filters;
  shape.kernel_h = kernel;
  shape.kernel_w = kernel;
  shape.stride = stride;
  shape.pad = pad;
  shape.groups = groups;
  return {Op::conv2d, {}, shape};
}

const std::map<std::string, NamedShape>& named_shapes() {
  static const std::map<std::string, NamedShape> shapes = {
      {"alexnet-conv1", conv_shape(3, 227, 96, 11, 4, 0, 1)},
      {"alexnet-conv2", conv_shape(96, 27, 256, 5, 1, 2, 2)},
      {"alexnet-conv3", conv_shape(256, 13, 384, 3, 1, 1, 1)},
      {"alexnet-conv4", conv_shape(384, 13, 384, 3, 1, 1, 2)},
      {"alexnet-conv5", conv_shape(384, 13, 256, 3, 1, 1, 2)},
      {"alexnet-fc6", gemm_shape(1, 4096, 9216)},
      {"alexnet-fc7", gemm_shape(1, 4096, 4096)},
      {"alexnet-fc8", gemm_shape(1, 1000, 4096)},
      {"gemm-256", gemm_shape(256, 256, 256)},
      {"gemm-512", gemm_shape(512, 512, 512)},
      {"gemm-1024", gemm_shape(1024, 1024, 1024)},
      {"gemm-2048", gemm_shape(2048, 2048, 2048)},
      {"gemm-4096", gemm_shape(4096, 4096, 4096)},
      {"gemv-4096", gemm_shape(1, 4096, 4096)},
  };
  return shapes;
}

}  // namespace

void apply_named_shape(PointSpec& point, const std::string& given) {
  // The layers of AlexNet answer to their own names too: "fc8" is "alexnet-fc8".
  const bool is_layer = named_shapes().count("alexnet-" + given) > 0;
  const std::string name = is_layer ? "alexnet-" + given : given;
  const auto found = named_shapes().find(name);
  if (found == named_shapes().end()) {
    const std::vector<std::string> names = shape_names();
    fail_usage("unknown shape '{}'{} (there are: {})", name, did_you_mean(name, names),
               join(names));
  }
  point.op = found->second.op;
  point.gemm = found->second.gemm;
  point.conv = found->second.conv;
  point.shape_name = name;
}

std::vector<std::string> shape_names() {
  std::vector<std::string> names;
  for (const auto& entry : named_shapes()) names.push_back(entry.first);
  return names;
}

std::string name_of_shape(const ConvShape& shape) {
  for (const auto& [name, named] : named_shapes()) {
    if (named.op == Op::conv2d && named.conv == shape) return name;
  }
  return {};
}

}  // namespace jb::harness
