#include "backends/cublas/cublas_network.h"

#include <utility>
#include <vector>

#include "backends/cublas/gpu_product.h"
#include "backends/energy/periphery.h"

namespace jb::cublas {
namespace {

constexpr std::uint32_t layer_of(std::size_t node) { return static_cast<std::uint32_t>(node + 1); }

std::size_t float_bytes(std::int64_t rows, std::int64_t cols) {
  return static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols) * sizeof(float);
}

class CublasNetwork final : public Executable {
 public:
  CublasNetwork(std::shared_ptr<const GpuModel> model, std::shared_ptr<Gpu> gpu,
                const GraphView& graph, const CompileOptions& options)
      : model_(std::move(model)),
        gpu_(std::move(gpu)),
        graph_(graph),
        prices_(model_->prices()),
        scratch_(std::make_shared<ProductScratch>()),
        layers_(graph.nodes.size()),
        tensors_(static_cast<std::size_t>(graph.tensors)) {
    periphery_ = add_periphery(prices_);
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) add_layer(i, options);
  }

  [[nodiscard]] const std::vector<std::string>& layer_names() const override { return names_; }
  [[nodiscard]] const PriceTable& prices() const override { return prices_; }
  [[nodiscard]] const Activity& setup() const override { return setup_; }
  [[nodiscard]] bool resident() const override { return true; }
  [[nodiscard]] std::string implementation() const override { return implementation_; }

  Execution run(MatrixView<const float> inputs, MatrixView<float> outputs, const Draw& /*draw*/,
                const LayerSink* sink) override {
    check_run(inputs, outputs);
    Execution result;
    result.activity = estimate(inputs.rows);
    if (inputs.rows == 0) return result;
    const std::int64_t rows = inputs.rows;
    upload(inputs);
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      run_layer(i, rows);
      if (sink == nullptr) continue;
      const NodeView& node = graph_.nodes[i];
      Matrix<float> y(rows, node.width);
      download(node.output, y.view());
      (*sink)(static_cast<int>(i), node.name, std::as_const(y).view());
    }
    download(graph_.output, outputs);
    return result;
  }

  [[nodiscard]] Activity estimate(std::int64_t rows) const override {
    Activity activity;
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      const NodeView& node = graph_.nodes[i];
      const double elements = static_cast<double>(rows) * static_cast<double>(node.width);
      if (node.op == NodeOp::relu) count_relu(activity, periphery_, elements, layer_of(i));
      if (node.op != NodeOp::linear) continue;
      const GemmShape shape = shape_of(node, rows);
      const double inputs = static_cast<double>(rows) * static_cast<double>(shape.k);
      activity += model_->convert(inputs).relabelled(layer_of(i));
      activity += model_->execute(shape, OperandMode::stationary).relabelled(layer_of(i));
      if (node.bias != nullptr) count_bias(activity, periphery_, elements, layer_of(i));
    }
    return activity;
  }

 private:
  struct Layer {
    std::unique_ptr<GpuProduct> product;  // null for nodes without one
    DeviceBuffer bias;
  };

  static GemmShape shape_of(const NodeView& node, std::int64_t rows) {
    return {rows, node.weights.cols, node.weights.rows};
  }

  void add_layer(std::size_t i, const CompileOptions& options) {
    const NodeView& node = graph_.nodes[i];
    names_.push_back(node.name);
    if (node.op != NodeOp::linear) return;
    const GemmShape shape = shape_of(node, options.batch);
    if (const Support support = model_->supports(shape); !support) {
      fail_usage("layer '{}': {}", node.name, support.reason);
    }
    setup_ += model_->load(shape).relabelled(layer_of(i));
    if (gpu_ == nullptr) return;
    Layer& layer = layers_[i];
    layer.product = std::make_unique<GpuProduct>(
        gpu_, model_->precision(), copy_as<float>(ConstMatrixRef(node.weights)), scratch_);
    if (node.bias != nullptr) {
      layer.bias = DeviceBuffer(gpu_, float_bytes(1, node.width), "a bias");
      gpu_->upload(layer.bias.data(), node.bias, layer.bias.bytes());
    }
    if (implementation_.empty()) {
      implementation_ = gpu_->properties().library + "/" +
                        std::string(name_of(model_->precision())) + "/" +
                        layer.product->algorithm(options.batch, false);
    }
  }

  void check_run(MatrixView<const float> inputs, MatrixView<float> outputs) const {
    if (gpu_ == nullptr) {
      fail_usage(
          "network '{}' was compiled for the description of another machine: it can be estimated "
          "but not run",
          graph_.name);
    }
    if (inputs.cols != graph_.input_width || outputs.rows != inputs.rows) {
      fail_usage("network '{}' takes rows of {} values, not {} x {}", graph_.name,
                 graph_.input_width, inputs.rows, inputs.cols);
    }
    const std::int64_t width = width_of(graph_.output);
    if (outputs.cols != width) {
      fail_usage("network '{}' gives rows of {} values, not of {}", graph_.name, width,
                 outputs.cols);
    }
  }

  [[nodiscard]] std::int64_t width_of(int tensor) const {
    for (const NodeView& node : graph_.nodes) {
      if (node.output == tensor) return node.width;
    }
    return graph_.input_width;
  }

  DeviceBuffer& tensor(int index) { return tensors_[static_cast<std::size_t>(index)]; }

  void upload(MatrixView<const float> inputs) {
    tensor(0).reserve(gpu_, float_bytes(inputs.rows, inputs.cols), "activations");
    const bool contiguous = inputs.col_stride == 1 && inputs.row_stride == inputs.cols;
    const Matrix<float> copy =
        contiguous ? Matrix<float>() : copy_as<float>(ConstMatrixRef(inputs));
    gpu_->upload(tensor(0).data(), contiguous ? inputs.data : copy.data(),
                 float_bytes(inputs.rows, inputs.cols));
  }

  void download(int index, MatrixView<float> out) {
    const std::size_t bytes = float_bytes(out.rows, out.cols);
    if (out.col_stride == 1 && out.row_stride == out.cols) {
      gpu_->download(out.data, tensor(index).data(), bytes);
      return;
    }
    Matrix<float> copy(out.rows, out.cols);
    gpu_->download(copy.data(), tensor(index).data(), bytes);
    copy_into(std::as_const(copy).view(), out);
  }

  void run_layer(std::size_t i, std::int64_t rows) {
    const NodeView& node = graph_.nodes[i];
    DeviceBuffer& y = tensor(node.output);
    y.reserve(gpu_, float_bytes(rows, node.width), "activations");
    const float* x = tensor(node.input).floats();
    if (node.op == NodeOp::relu) {
      gpu_->elementwise(Elementwise::relu, x, nullptr, y.floats(), rows * node.width);
      return;
    }
    Layer& layer = layers_[i];
    layer.product->load(x, rows, false);
    layer.product->multiply(y.floats());
    if (layer.bias.data() != nullptr) {
      gpu_->add_bias(y.floats(), layer.bias.floats(), rows, node.width);
    }
  }

  std::shared_ptr<const GpuModel> model_;
  std::shared_ptr<Gpu> gpu_;
  GraphView graph_;
  std::vector<std::string> names_;
  PriceTable prices_;
  PeripheryActions periphery_;
  Activity setup_;
  std::string implementation_;
  std::shared_ptr<ProductScratch> scratch_;
  std::vector<Layer> layers_;
  std::vector<DeviceBuffer> tensors_;
};

}  // namespace

std::unique_ptr<Executable> make_network(std::shared_ptr<const GpuModel> model,
                                         std::shared_ptr<Gpu> gpu, const GraphView& graph,
                                         const CompileOptions& options) {
  return std::make_unique<CublasNetwork>(std::move(model), std::move(gpu), graph, options);
}

}  // namespace jb::cublas
