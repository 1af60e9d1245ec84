// Convolutions and products in fewer bits on `onednn`, each against the bare oneDNN primitive with
// the same packed weights.

#include <fmt/format.h>

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "backends/backend.h"
#include "backends/onednn/onednn_compat.h"
#include "tests/benchmarks/summary.h"

namespace jb::bench {
namespace {

using Layout = dnnl::memory::desc;
using Tag = dnnl::memory::format_tag;
using Type = dnnl::memory::data_type;

const char* const kSpeed = "x plain speed";

Matrix<float> normals(std::int64_t rows, std::int64_t cols, std::uint64_t which) {
  const RandomStream stream(1, 0, tag_of("benchmark.operand"), which);
  Matrix<float> x(rows, cols);
  for (std::int64_t i = 0; i < rows; ++i) {
    stream.normals({x.data() + i * cols, static_cast<std::size_t>(cols)}, i, 0, 0);
  }
  return x;
}

/// A primitive with all its arguments prepared.
class RawPrimitive {
 public:
  template <class Primitive, class Description>
  static RawPrimitive make(const dnnl::engine& engine, const Description& pd) {
    RawPrimitive raw;
    raw.stream_ = dnnl::stream(engine);
    raw.primitive_ = Primitive(pd);
    raw.src_ = filled(pd.src_desc(), engine);
    raw.weights_ = filled(pd.weights_desc(), engine);
    raw.dst_ = dnnl::memory(pd.dst_desc(), engine);
    raw.arguments_ = {{{DNNL_ARG_SRC, raw.src_.get()},
                       {DNNL_ARG_WEIGHTS, raw.weights_.get()},
                       {DNNL_ARG_DST, raw.dst_.get()}}};
    return raw;
  }

  void execute() {
    dnnl::error::wrap_c_api(
        dnnl_primitive_execute(primitive_.get(), stream_.get(), static_cast<int>(arguments_.size()),
                               arguments_.data()),
        "could not execute");
    stream_.wait();
  }

 private:
  /// Normal numbers, in the layout's own format: denormals would slow floats down.
  static dnnl::memory filled(const Layout& layout, const dnnl::engine& engine) {
    dnnl::memory memory(layout, engine);
    auto* bytes = static_cast<unsigned char*>(memory.get_data_handle());
    // 0x3d3d3d3d is 0.046 in f32, 0x3d3d 0.046 in bf16, and 61 in 8 bits.
    std::fill(bytes, bytes + layout.get_size(), static_cast<unsigned char>(0x3d));
    return memory;
  }

  dnnl::stream stream_;
  dnnl::primitive primitive_;
  dnnl::memory src_, weights_, dst_;
  std::array<dnnl_exec_arg_t, 3> arguments_{};
};

RawPrimitive raw_convolution(const ConvShape& s) {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::memory::dims filters = {s.out_channels / s.groups, s.in_channels / s.groups, s.kernel_h,
                                s.kernel_w};
  if (s.groups > 1) filters.insert(filters.begin(), s.groups);
  const auto both = [](std::int64_t x) { return dnnl::memory::dims{x, x}; };
  const auto pd = onednn::make_conv_pd(
      engine, Layout({s.images, s.in_channels, s.height, s.width}, Type::f32, Tag::any),
      Layout(filters, Type::f32, Tag::any), Layout(),
      Layout({s.images, s.out_channels, s.out_h(), s.out_w()}, Type::f32, Tag::any),
      {{s.kernel_h, s.kernel_w}, both(s.stride), both(0), both(s.pad), both(s.pad)}, {});
  return RawPrimitive::make<dnnl::convolution_forward>(engine, pd);
}

RawPrimitive raw_product(const GemmShape& s, Type src, Type weights, Type dst) {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const auto pd = onednn::make_matmul_pd(engine, Layout({s.m, s.k}, src, Tag::ab),
                                         Layout({s.k, s.n}, weights, Tag::any),
                                         Layout({s.m, s.n}, dst, Tag::ab), false);
  return RawPrimitive::make<dnnl::matmul>(engine, pd);
}

struct Layer {
  const char* name;
  std::int64_t channels, size, filters, kernel, stride, pad, groups;
};

// Krizhevsky et al., NeurIPS 2012, as harness/named_shapes.cpp has them.
constexpr std::array<Layer, 5> kAlexNet = {{{"conv1", 3, 227, 96, 11, 4, 0, 1},
                                            {"conv2", 96, 27, 256, 5, 1, 2, 2},
                                            {"conv3", 256, 13, 384, 3, 1, 1, 1},
                                            {"conv4", 384, 13, 384, 3, 1, 1, 2},
                                            {"conv5", 384, 13, 256, 3, 1, 1, 2}}};

void add_convolution(const Options& options, const Layer& layer) {
  ConvShape shape;
  shape.in_channels = layer.channels;
  shape.height = shape.width = layer.size;
  shape.out_channels = layer.filters;
  shape.kernel_h = shape.kernel_w = layer.kernel;
  shape.stride = layer.stride;
  shape.pad = layer.pad;
  shape.groups = layer.groups;
  add_benchmark(options, fmt::format("onednn alexnet-{}, to its primitive", layer.name), kSpeed,
                Target::at_least(0.95), 1.5, [shape](benchmark::State& state) {
                  const Backend& backend = find_backend("onednn");
                  const auto device = backend.open(load_device(backend, "host"), {});
                  const Matrix<float> input =
                      normals(shape.in_channels * shape.height, shape.width, 1);
                  const Matrix<float> filters = normals(shape.out_channels, shape.gemm().k, 2);
                  const auto plan = device->plan_conv(shape, filters.data(), {});
                  plan->load(input.data());
                  RawPrimitive raw = raw_convolution(shape);
                  const Pair pair = time_in_turns(
                      state, [&] { (void)plan->execute(); }, [&] { raw.execute(); });
                  report_figure(state, 1 / pair.ratio);
                });
}

/// Host operands are f32: rounding or quantising A, and scaling integer sums, are in the time.
void add_product(const Options& options, ElementType precision, Type src, Type weights, Type dst) {
  const std::int64_t size = options.size(1024);
  const GemmShape shape{size, size, size};
  add_benchmark(options,
                fmt::format("onednn {} with conversions, 1024x1024x1024, to its primitive",
                            name_of(precision)),
                kSpeed, {}, 2, [=](benchmark::State& state) {
                  const Backend& backend = find_backend("onednn");
                  const auto device =
                      backend.open(load_device(backend, "host"), DeviceInstance{1, 0, precision});
                  const Matrix<float> a = normals(shape.m, shape.k, 1);
                  const Matrix<float> b = normals(shape.k, shape.n, 2);
                  Matrix<float> c(shape.m, shape.n);
                  const auto plan = device->plan(shape, b.view(), OperandMode::stationary, {});
                  RawPrimitive raw = raw_product(shape, src, weights, dst);
                  const Pair pair = time_in_turns(
                      state, [&] { (void)plan->execute(a.view(), c.view()); },
                      [&] { raw.execute(); });
                  report_figure(state, 1 / pair.ratio);
                });
}

}  // namespace

void add_onednn_primitives(const Options& options) {
  const Backend& backend = find_backend("onednn");
  if (!backend.available()) return;
  for (const Layer& layer : kAlexNet) add_convolution(options, layer);
  const auto runs = [&](ElementType precision) {
    return backend.open(load_device(backend, "host"), DeviceInstance{1, 0, precision})
        ->supports({1, 1, 1}, OperandMode::stationary, precision)
        .ok;
  };
  if (runs(ElementType::bf16)) {
    add_product(options, ElementType::bf16, Type::bf16, Type::bf16, Type::f32);
  }
  add_product(options, ElementType::s8, Type::s8, Type::s8, Type::s32);
  add_product(options, ElementType::u8s8, Type::u8, Type::s8, Type::s32);
}

}  // namespace jb::bench
