#include "backends/cublas/cublas_network.h"

#include <algorithm>
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
                const GraphView& graph)
      : model_(std::move(model)),
        gpu_(std::move(gpu)),
        graph_(graph),
        prices_(model_->prices()),
        scratch_(std::make_shared<ProductScratch>()),
        layers_(graph.nodes.size()),
        values_(graph.values.size()) {
    periphery_ = add_periphery(prices_);
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) add_layer(i);
  }

  [[nodiscard]] const std::vector<std::string>& layer_names() const override { return names_; }
  [[nodiscard]] const std::vector<std::string>& placements() const override { return placements_; }
  [[nodiscard]] const PriceTable& prices() const override { return prices_; }
  [[nodiscard]] const Activity& setup() const override { return setup_; }
  [[nodiscard]] bool resident() const override { return true; }
  [[nodiscard]] std::string implementation() const override { return implementation_; }

  Execution run(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs,
                const Draw& /*draw*/, const LayerSink* sink) override {
    const std::int64_t rows = check_run(inputs);
    Execution result;
    result.activity = count_run(rows);
    const Dims given = {rows, width_of(graph_.outputs[0])};
    if (rows == 0) {
      outputs = {Tensor(DataType::f32, given)};
      return result;
    }
    upload(inputs[0]);
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      run_layer(i, rows);
      if (sink == nullptr) continue;
      const NodeView& node = graph_.nodes[i];
      (*sink)(static_cast<int>(i), node.name, download(node.outputs[0], rows));
    }
    outputs = {download(graph_.outputs[0], rows)};
    return result;
  }

  [[nodiscard]] Activity estimate(const GraphView& bound) const override {
    return count_run(bound.batch);
  }

 private:
  struct Layer {
    std::unique_ptr<GpuProduct> product;  // null for nodes without one
    DeviceBuffer bias;
  };

  [[nodiscard]] std::int64_t width_of(int index) const { return graph_.value(index).dims.back(); }

  [[nodiscard]] GemmShape shape_of(const NodeView& node, std::int64_t rows) const {
    const Dims& b = graph_.value(node.inputs[1]).dims;
    return {rows, b[1], b[0]};
  }

  [[nodiscard]] Activity count_run(std::int64_t rows) const {
    Activity activity;
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      const NodeView& node = graph_.nodes[i];
      const double elements =
          static_cast<double>(rows) * static_cast<double>(width_of(node.outputs[0]));
      if (node.op == Op::relu) count(activity, periphery_, relu_work(elements), layer_of(i));
      if (!is_linear(node.op)) continue;
      const GemmShape shape = shape_of(node, rows);
      const double inputs = static_cast<double>(rows) * static_cast<double>(shape.k);
      activity += model_->convert(inputs).relabelled(layer_of(i));
      activity += model_->execute(shape, OperandMode::stationary).relabelled(layer_of(i));
      if (node.input(2) != kAbsent) count(activity, periphery_, bias_work(elements), layer_of(i));
    }
    return activity;
  }

  void add_layer(std::size_t i) {
    const NodeView& node = graph_.nodes[i];
    names_.push_back(node.name);
    placements_.emplace_back(is_linear(node.op) ? "cublas" : "digital");
    if (!is_linear(node.op)) return;
    const GemmShape shape = shape_of(node, graph_.batch);
    if (const Support support = model_->supports(shape); !support) {
      fail_usage("layer '{}': {}", node.name, support.reason);
    }
    setup_ += model_->load(shape).relabelled(layer_of(i));
    if (gpu_ == nullptr) return;
    Layer& layer = layers_[i];
    const Tensor b = graph_.value(node.inputs[1]).constant.value();
    layer.product = std::make_unique<GpuProduct>(
        gpu_, model_->precision(), copy_as<float>(ConstMatrixRef(b.rows_f32(shape.k))), scratch_);
    if (node.input(2) != kAbsent) {
      const Tensor bias = graph_.value(node.inputs[2]).constant.value();
      layer.bias = DeviceBuffer(gpu_, float_bytes(1, shape.n), "a bias");
      gpu_->upload(layer.bias.data(), bias.raw(), layer.bias.bytes());
    }
    if (implementation_.empty()) {
      implementation_ = gpu_->properties().library + "/" +
                        std::string(name_of(model_->precision())) + "/" +
                        layer.product->algorithm(graph_.batch, false);
    }
  }

  /// Rows of the run.
  [[nodiscard]] std::int64_t check_run(const std::vector<Tensor>& inputs) const {
    if (gpu_ == nullptr) {
      fail_usage(
          "network '{}' was compiled for the description of another machine: it can be estimated "
          "but not run",
          graph_.name);
    }
    const std::int64_t width = width_of(graph_.inputs[0]);
    if (inputs.size() != 1 || inputs[0].rank() != 2 || inputs[0].dims()[1] != width) {
      fail_usage("network '{}' takes rows of {} values, not {}", graph_.name, width,
                 inputs.empty() ? "nothing" : to_string(inputs[0].dims()));
    }
    return inputs[0].dims()[0];
  }

  DeviceBuffer& value(int index) { return values_[static_cast<std::size_t>(index)]; }

  void upload(const Tensor& input) {
    DeviceBuffer& x = value(graph_.inputs[0]);
    x.reserve(gpu_, input.bytes(), "activations");
    gpu_->upload(x.data(), input.as<float>().data(), input.bytes());
  }

  Tensor download(int index, std::int64_t rows) {
    Tensor out(DataType::f32, {rows, width_of(index)});
    gpu_->download(out.mutable_raw(), value(index).data(), out.bytes());
    return out;
  }

  void run_layer(std::size_t i, std::int64_t rows) {
    const NodeView& node = graph_.nodes[i];
    const std::int64_t width = width_of(node.outputs[0]);
    DeviceBuffer& y = value(node.outputs[0]);
    y.reserve(gpu_, float_bytes(rows, width), "activations");
    const float* x = value(node.inputs[0]).floats();
    if (node.op == Op::relu) {
      gpu_->elementwise(Elementwise::relu, x, nullptr, y.floats(), rows * width);
      return;
    }
    Layer& layer = layers_[i];
    layer.product->load(x, rows, false);
    layer.product->multiply(y.floats());
    if (layer.bias.data() != nullptr) {
      gpu_->add_bias(y.floats(), layer.bias.floats(), rows, width);
    }
  }

  std::shared_ptr<const GpuModel> model_;
  std::shared_ptr<Gpu> gpu_;
  GraphView graph_;
  std::vector<std::string> names_;
  std::vector<std::string> placements_;
  PriceTable prices_;
  PeripheryActions periphery_;
  Activity setup_;
  std::string implementation_;
  std::shared_ptr<ProductScratch> scratch_;
  std::vector<Layer> layers_;
  std::vector<DeviceBuffer> values_;
};

}  // namespace

bool stays_on_gpu(const GraphView& graph) {
  return graph.inputs.size() == 1 && graph.outputs.size() == 1 &&
         std::all_of(graph.nodes.begin(), graph.nodes.end(), [&](const NodeView& node) {
           if (node.op == Op::relu) return graph.value(node.inputs[0]).dims.size() == 2;
           if (node.op != Op::matmul) return false;
           const ValueView& b = graph.value(node.inputs[1]);
           return graph.value(node.inputs[0]).dims.size() == 2 && b.is_constant &&
                  b.dims.size() == 2 && node.activation.op == Op::identity;
         });
}

std::unique_ptr<Executable> make_network(std::shared_ptr<const GpuModel> model,
                                         std::shared_ptr<Gpu> gpu, const GraphView& graph) {
  return std::make_unique<CublasNetwork>(std::move(model), std::move(gpu), graph);
}

}  // namespace jb::cublas
