#include "backends/cublas/gpu_nodes.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "backends/core/shape_inference.h"
#include "backends/cublas/gpu_conv_form.h"

namespace jb::cublas {
namespace {

/// Convolutions lower as many images at a time as fit into this, and at least one.
constexpr std::int64_t kLoweredBytes = std::int64_t{256} << 20U;

std::size_t float_bytes(std::int64_t count) {
  return static_cast<std::size_t>(count) * sizeof(float);
}

Dims result_dims(GpuValues& values, const NodeView& node) {
  std::vector<KnownValue> known;
  std::vector<const KnownValue*> inputs;
  known.reserve(node.inputs.size());
  for (const int input : node.inputs) {
    if (input != kAbsent) known.push_back(values.known(input));
    inputs.push_back(input == kAbsent ? nullptr : &known.back());
  }
  return infer_outputs(node, inputs).at(0).dims;
}

Elementwise elementwise_of(Op op) {
  switch (op) {
    case Op::relu:
      return Elementwise::relu;
    case Op::gelu:
      return Elementwise::gelu;
    case Op::sigmoid:
      return Elementwise::sigmoid;
    case Op::tanh:
      return Elementwise::tanh;
    case Op::add:
      return Elementwise::add;
    case Op::mul:
      return Elementwise::mul;
    default:
      fail_internal("operator {} is no element-wise kernel", name_of(op));
  }
}

/// Bias and activation of a linear node on rows of its result.
class Epilogue {
 public:
  Epilogue(const GpuContext& context, const NodeView& node)
      : gpu_(context.gpu), bias_(node.input(2)), activation_(node.activation.op) {}
  void apply(GpuValues& values, float* y, std::int64_t rows, std::int64_t cols,
             std::int64_t first_bias) {
    if (rows * cols == 0) return;
    if (bias_ != kAbsent) gpu_->add_bias(y, values.on_gpu(bias_) + first_bias, rows, cols);
    if (activation_ != Op::identity) {
      gpu_->elementwise(elementwise_of(activation_), y, nullptr, y, rows * cols);
    }
  }

 private:
  std::shared_ptr<Gpu> gpu_;
  int bias_;
  Op activation_;
};

/// A constant matrix: rows of A, whatever its leading dimensions.
class ConstantProductNode final : public GpuNode {
 public:
  ConstantProductNode(const GpuContext& context, const GraphView& graph, const NodeView& node)
      : node_(node), epilogue_(context, node), batch_rows_(0) {
    const Tensor b = graph.value(node.inputs[1]).constant.value();
    const MatrixView<const float> stored = b.rows_f32(b.dims()[0]);
    const bool transposed = node.get<GemmAttributes>().trans_b;
    product_ = std::make_unique<GpuProduct>(
        context.gpu, context.precision,
        copy_as<float>(ConstMatrixRef(transposed ? stored.transposed() : stored)), context.scratch);
    batch_rows_ = elements_of(graph.value(node.inputs[0]).dims) / product_->rows();
  }
  void run(GpuValues& values) override {
    Dims dims = values.dims(node_.inputs[0]);
    const std::int64_t rows = elements_of(dims) / product_->rows();
    dims.back() = product_->cols();
    const float* a = values.on_gpu(node_.inputs[0]);
    float* c = values.make(node_.outputs[0], dims);
    product_->load(a, rows, false);
    product_->multiply(c);
    epilogue_.apply(values, c, rows, product_->cols(), 0);
  }
  std::string algorithm() override { return product_->algorithm(batch_rows_, false); }

 private:
  NodeView node_;
  Epilogue epilogue_;
  std::unique_ptr<GpuProduct> product_;
  std::int64_t batch_rows_;
};

/// Two computed operands: a batch of products, one call.
class ComputedProductNode final : public GpuNode {
 public:
  ComputedProductNode(const GpuContext& context, const NodeView& node)
      : context_(context), node_(node), epilogue_(context, node) {}
  void run(GpuValues& values) override {
    const Dims& a = values.dims(node_.inputs[0]);
    const Dims& b = values.dims(node_.inputs[1]);
    Dims dims = a;
    dims.back() = b.back();
    GemmDescription gemm;
    gemm.precision = context_.precision;
    gemm.shape = {a[a.size() - 2], b.back(), a.back()};
    gemm.a_leading = gemm.shape.k;
    gemm.b_leading = gemm.shape.n;
    gemm.c_leading = gemm.shape.n;
    gemm.a_stride = gemm.shape.m * gemm.shape.k;
    gemm.b_stride = gemm.shape.k * gemm.shape.n;
    gemm.c_stride = gemm.shape.m * gemm.shape.n;
    gemm.batch = elements_of(a) / gemm.a_stride;
    const void* left = operand(values, 0, a_codes_);
    const void* right = operand(values, 1, b_codes_);
    float* c = values.make(node_.outputs[0], dims);
    context_.gpu->multiply(prepared(gemm), left, right, c);
    epilogue_.apply(values, c, gemm.batch * gemm.shape.m, gemm.shape.n, 0);
  }

 private:
  /// Input i in the precision of the product.
  const void* operand(GpuValues& values, std::size_t i, DeviceBuffer& codes) {
    const float* x = values.on_gpu(node_.inputs[i]);
    if (context_.precision == ElementType::f32 || context_.precision == ElementType::tf32) return x;
    const std::int64_t count = elements_of(values.dims(node_.inputs[i]));
    codes.reserve(context_.gpu, static_cast<std::size_t>(count) * sizeof(std::uint16_t),
                  "an operand");
    context_.gpu->convert(x, codes.data(), context_.precision, count);
    return codes.data();
  }
  const PreparedGemm& prepared(const GemmDescription& gemm) {
    const bool same = prepared_ != nullptr && prepared_->description().batch == gemm.batch &&
                      prepared_->description().shape == gemm.shape;
    if (!same) prepared_ = context_.gpu->prepare(gemm);
    return *prepared_;
  }

  GpuContext context_;
  NodeView node_;
  Epilogue epilogue_;
  DeviceBuffer a_codes_, b_codes_;
  std::unique_ptr<PreparedGemm> prepared_;
};

/// Images lowered in blocks, a product per group, and rows of positions turned into channels.
class ConvNode final : public GpuNode {
 public:
  ConvNode(const GpuContext& context, const GraphView& graph, const NodeView& node)
      : context_(context), node_(node), epilogue_(context, node), shape_(*conv_form(graph, node)) {
    const Tensor w = graph.value(node.inputs[1]).constant.value();
    const std::int64_t n = shape_.out_channels / shape_.groups;
    const std::int64_t k = shape_.gemm().k;
    for (std::int64_t g = 0; g < shape_.groups; ++g) {
      const MatrixView<const float> filters{w.as<float>().data() + g * n * k, n, k, k, 1};
      products_.push_back(std::make_unique<GpuProduct>(
          context.gpu, context.precision, copy_as<float>(ConstMatrixRef(filters.transposed())),
          context.scratch));
    }
  }

  void run(GpuValues& values) override {
    const Dims x_dims = values.dims(node_.inputs[0]);
    const std::int64_t images = x_dims[0];
    const float* x = values.on_gpu(node_.inputs[0]);
    float* y = values.make(node_.outputs[0],
                           {images, shape_.out_channels, shape_.out_h(), shape_.out_w()});
    const std::int64_t block = images_at_a_time(images);
    for (std::int64_t first = 0; first < images; first += block) {
      const std::int64_t some = std::min(block, images - first);
      run_images(values, some, x + first * (elements_of(x_dims) / images),
                 y + first * shape_.out_channels * positions());
    }
  }
  std::string algorithm() override {
    return products_[0]->algorithm(images_at_a_time(shape_.images) * positions(), false);
  }

 private:
  [[nodiscard]] std::int64_t positions() const { return shape_.out_h() * shape_.out_w(); }
  [[nodiscard]] std::int64_t images_at_a_time(std::int64_t images) const {
    const std::int64_t bytes =
        positions() * shape_.gemm().k * static_cast<std::int64_t>(sizeof(float));
    return std::clamp<std::int64_t>(kLoweredBytes / bytes, 1, images);
  }

  void run_images(GpuValues& values, std::int64_t images, const float* x, float* y) {
    ConvShape shape = shape_;
    shape.images = images;
    const std::int64_t n = shape.out_channels / shape.groups;
    const std::int64_t rows = images * positions();
    context_.lowered->reserve(context_.gpu, float_bytes(rows * shape.gemm().k), "lowered images");
    context_.sums->reserve(context_.gpu, float_bytes(rows * shape.out_channels), "products");
    for (std::int64_t g = 0; g < shape.groups; ++g) {
      context_.gpu->im2col(shape, g, x, context_.lowered->floats());
      GpuProduct& product = *products_[static_cast<std::size_t>(g)];
      float* c = context_.sums->floats() + g * rows * n;
      product.load(context_.lowered->floats(), rows, false);
      product.multiply(c);
      epilogue_.apply(values, c, rows, n, g * n);
    }
    // (group, image, position, channel) becomes (image, group, channel, position).
    Permutation order;
    order.rank = 4;
    order.dims = {images, shape.groups, n, positions()};
    order.strides = {positions() * n, rows * n, 1, n};
    context_.gpu->permute(order, context_.sums->floats(), y);
  }

  GpuContext context_;
  NodeView node_;
  Epilogue epilogue_;
  ConvShape shape_;
  std::vector<std::unique_ptr<GpuProduct>> products_;
};

class ElementwiseNode final : public GpuNode {
 public:
  ElementwiseNode(const GpuContext& context, const NodeView& node)
      : gpu_(context.gpu), node_(node), op_(elementwise_of(node.op)) {}
  void run(GpuValues& values) override {
    const Dims dims = values.dims(node_.inputs[0]);
    const float* x = values.on_gpu(node_.inputs[0]);
    const float* other = node_.inputs.size() > 1 ? values.on_gpu(node_.inputs[1]) : nullptr;
    gpu_->elementwise(op_, x, other, values.make(node_.outputs[0], dims), elements_of(dims));
  }

 private:
  std::shared_ptr<Gpu> gpu_;
  NodeView node_;
  Elementwise op_;
};

/// softmax and layer_normalization of rows.
class RowNode final : public GpuNode {
 public:
  RowNode(const GpuContext& context, const NodeView& node) : gpu_(context.gpu), node_(node) {}
  void run(GpuValues& values) override {
    const Dims dims = values.dims(node_.inputs[0]);
    const std::int64_t cols = dims.back();
    const std::int64_t rows = cols > 0 ? elements_of(dims) / cols : 0;
    const float* x = values.on_gpu(node_.inputs[0]);
    float* y = values.make(node_.outputs[0], dims);
    if (node_.op == Op::softmax) {
      gpu_->softmax(x, y, rows, cols);
    } else {
      gpu_->layer_norm(x, values.on_gpu(node_.inputs[1]), values.on_gpu(node_.inputs[2]),
                       node_.get<NormAttributes>().epsilon, y, rows, cols);
    }
  }

 private:
  std::shared_ptr<Gpu> gpu_;
  NodeView node_;
};

class PoolNode final : public GpuNode {
 public:
  PoolNode(const GpuContext& context, const GraphView& graph, const NodeView& node)
      : gpu_(context.gpu), node_(node), shape_(*pool_form(graph, node)) {}
  void run(GpuValues& values) override {
    PoolShape shape = shape_;
    shape.images = values.dims(node_.inputs[0])[0];
    const float* x = values.on_gpu(node_.inputs[0]);
    float* y =
        values.make(node_.outputs[0], {shape.images, shape.channels, shape.out_h(), shape.out_w()});
    gpu_->pool(node_.op == Op::max_pool ? Pooling::max : Pooling::average, shape, x, y);
  }

 private:
  std::shared_ptr<Gpu> gpu_;
  NodeView node_;
  PoolShape shape_;
};

class TransposeNode final : public GpuNode {
 public:
  TransposeNode(const GpuContext& context, const NodeView& node) : gpu_(context.gpu), node_(node) {}
  void run(GpuValues& values) override {
    const Dims from = values.dims(node_.inputs[0]);
    const std::vector<std::int64_t>& perm = node_.get<PermAttributes>().perm;
    Dims strides(from.size());
    std::int64_t stride = 1;
    for (std::size_t d = from.size(); d-- > 0;) {
      strides[d] = stride;
      stride *= from[d];
    }
    Permutation order;
    order.rank = static_cast<int>(from.size());
    for (std::size_t d = 0; d < from.size(); ++d) {
      const std::size_t source =
          perm.empty() ? from.size() - 1 - d : static_cast<std::size_t>(perm[d]);
      order.dims[d] = from[source];
      order.strides[d] = strides[source];
    }
    const float* x = values.on_gpu(node_.inputs[0]);
    gpu_->permute(order, x, values.make(node_.outputs[0], result_dims(values, node_)));
  }

 private:
  std::shared_ptr<Gpu> gpu_;
  NodeView node_;
};

class RenameNode final : public GpuNode {
 public:
  explicit RenameNode(const NodeView& node) : node_(node) {}
  void run(GpuValues& values) override {
    values.rename(node_.inputs[0], node_.outputs[0], result_dims(values, node_));
  }

 private:
  NodeView node_;
};

}  // namespace

std::unique_ptr<GpuNode> make_gpu_node(const GpuContext& context, const GraphView& graph,
                                       const NodeView& node) {
  switch (node.op) {
    case Op::matmul:
    case Op::gemm:
      if (graph.value(node.inputs[1]).is_constant) {
        return std::make_unique<ConstantProductNode>(context, graph, node);
      }
      return std::make_unique<ComputedProductNode>(context, node);
    case Op::conv:
      return std::make_unique<ConvNode>(context, graph, node);
    case Op::softmax:
    case Op::layer_normalization:
      return std::make_unique<RowNode>(context, node);
    case Op::max_pool:
    case Op::average_pool:
    case Op::global_average_pool:
      return std::make_unique<PoolNode>(context, graph, node);
    case Op::transpose:
      return std::make_unique<TransposeNode>(context, node);
    case Op::relu:
    case Op::gelu:
    case Op::sigmoid:
    case Op::tanh:
    case Op::add:
    case Op::mul:
      return std::make_unique<ElementwiseNode>(context, node);
    default:
      return std::make_unique<RenameNode>(node);
  }
}

}  // namespace jb::cublas
