// From a graph to an ONNX file.

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "backends/core/json_file.h"
#include "models/onnx/attribute_writer.h"
#include "models/onnx/onnx.h"
#include "models/onnx/tensor_proto.h"

namespace jb::models {
namespace onnx_io {
namespace {

// Opset 17 and IR 8 are read by every runtime of the last years; what needs more gets opset 20.
constexpr int kOpset = 17, kIr = 8;
constexpr int kNewOpset = 20, kNewIr = 9;
/// Protobuf takes less than 2 GB; what is not weights is small beside this reserve.
constexpr double kMostWeightBytes = 2147483647.0 - 16e6;

bool needs_new_opset(const NodeView& node) {
  switch (node.op) {
    case Op::gelu:
    case Op::mish:
    case Op::group_normalization:
      return true;
    case Op::average_pool:
      return !node.get<PoolAttributes>().dilations.empty();
    case Op::lp_pool:
      return !node.get<PoolAttributes>().dilations.empty() || node.get<PoolAttributes>().ceil_mode;
    case Op::pad:
      return node.input(3) != kAbsent ||
             node.get<PadAttributes>().mode == PadAttributes::Mode::wrap;
    case Op::resize:
    case Op::scatter_nd:
      return true;  // some of their attributes came with opset 18
    default:
      // Axes as an input: ReduceSum since opset 13, the others since 18.
      return node.op >= Op::reduce_mean && node.op <= Op::reduce_sum_square &&
             node.op != Op::reduce_sum && node.input(1) != kAbsent;
  }
}

class GraphExport {
 public:
  explicit GraphExport(const Graph& graph) : graph_(graph), bound_(graph.bind(1)) {
    new_opset_ = std::any_of(graph.nodes().begin(), graph.nodes().end(), [](const NodeView& node) {
      return needs_new_opset(node) || node.activation.op == Op::gelu;
    });
  }

  std::string run() {
    check_size();
    name_values();
    model_.set_ir_version(new_opset_ ? kNewIr : kIr);
    model_.set_producer_name("joulebench");
    ::onnx::OperatorSetIdProto& opset = *model_.add_opset_import();
    opset.set_domain("");
    opset.set_version(new_opset_ ? kNewOpset : kOpset);
    proto().set_name(graph_.name().empty() ? "network" : graph_.name());
    for (const int input : graph_.inputs()) {
      put_info(*proto().add_input(), input, graph_.values()[index(input)].dims);
    }
    for (const NodeView& node : graph_.nodes()) put_node(node);
    put_initializers();
    put_outputs();
    std::string bytes;
    if (!model_.SerializeToString(&bytes)) fail_internal("a model that cannot be serialised");
    return bytes;
  }

 private:
  static std::size_t index(int value) { return static_cast<std::size_t>(value); }
  ::onnx::GraphProto& proto() { return *model_.mutable_graph(); }
  const std::string& name_of_value(int value) const { return names_[index(value)]; }

  void check_size() const {
    double bytes = 0;
    for (const ValueView& value : graph_.values()) {
      if (!value.is_constant) continue;
      if (!value.constant.has_elements()) {
        fail_usage("network '{}' has no elements for '{}': only counts can be made of it",
                   graph_.name(), value.name);
      }
      bytes +=
          static_cast<double>(elements_of(value.dims)) * static_cast<double>(bytes_of(value.type));
    }
    if (bytes > kMostWeightBytes) {
      fail_unsupported("network '{}' has {:.1f} GB of weights; an ONNX file holds less than 2 GB",
                       graph_.name(), bytes * 1e-9);
    }
  }

  /// Names must differ in ONNX; ours need not.
  void name_values() {
    std::set<std::string> taken;
    for (const ValueView& value : graph_.values()) {
      std::string name = value.name.empty() ? "value" : value.name;
      for (int i = 2; !taken.insert(name).second; ++i) name = fmt::format("{}_{}", value.name, i);
      names_.push_back(name);
    }
  }

  std::string fresh(const std::string& wanted) {
    std::string name = wanted;
    for (int i = 2; std::find(names_.begin(), names_.end(), name) != names_.end(); ++i) {
      name = fmt::format("{}_{}", wanted, i);
    }
    names_.push_back(name);
    return name;
  }

  void put_info(::onnx::ValueInfoProto& info, int value, const Dims& dims) const {
    info.set_name(name_of_value(value));
    ::onnx::TypeProto::Tensor& type = *info.mutable_type()->mutable_tensor_type();
    type.set_elem_type(number_of(bound_.value(value).type));
    type.mutable_shape();
    for (const std::int64_t size : dims) {
      auto& dim = *type.mutable_shape()->add_dim();
      if (size == kBatch) {
        dim.set_dim_param("N");
      } else {
        dim.set_dim_value(size);
      }
    }
  }

  ::onnx::NodeProto& add_node(const std::string& type, const std::string& name,
                              const std::vector<std::string>& inputs,
                              const std::vector<std::string>& outputs) {
    ::onnx::NodeProto& node = *proto().add_node();
    node.set_op_type(type);
    node.set_name(name);
    for (const std::string& input : inputs) node.add_input(input);
    for (const std::string& output : outputs) node.add_output(output);
    return node;
  }

  std::vector<std::string> names_of(const std::vector<int>& values) {
    std::vector<std::string> names;
    for (const int value : values) {
      names.push_back(value == kAbsent ? "" : name_of_value(value));
      if (value != kAbsent) used_.insert(value);
    }
    return names;
  }

  std::string s64_initializer(const std::string& wanted, const std::vector<std::int64_t>& values) {
    const std::string name = fresh(wanted);
    put_tensor(*proto().add_initializer(), name,
               Tensor::of<std::int64_t>({static_cast<std::int64_t>(values.size())}, values));
    return name;
  }

  /// The node, and those behind it that its fused activation and bias stand for.
  void put_node(const NodeView& node) {
    std::vector<std::string> outputs = names_of(node.outputs);
    std::string result = outputs.at(0);
    if (node.activation.op != Op::identity) {
      const std::string before = fresh(result + "/linear");
      NodeView activation;
      activation.op = node.activation.op;
      activation.name = node.name + "/activation";
      activation.attributes = node.activation.attributes;
      outputs[0] = before;
      put_plain(node, names_of(node.inputs), outputs);
      put_plain(activation, {before}, {result});
    } else {
      put_plain(node, names_of(node.inputs), outputs);
    }
  }

  void put_plain(const NodeView& node, std::vector<std::string> inputs,
                 std::vector<std::string> outputs) {
    const std::string& name = node.name;
    switch (node.op) {
      case Op::matmul:
        if (inputs.size() > 2) {
          const std::string product = fresh(outputs[0] + "/product");
          add_node("MatMul", name, {inputs[0], inputs[1]}, {product});
          add_node("Add", name + "/bias", {product, inputs[2]}, {outputs[0]});
          return;
        }
        break;
      case Op::silu: {
        const std::string sigmoid = fresh(outputs[0] + "/sigmoid");
        add_node("Sigmoid", name + "/sigmoid", {inputs[0]}, {sigmoid});
        add_node("Mul", name, {inputs[0], sigmoid}, {outputs[0]});
        return;
      }
      case Op::softmax_flattened:
        return put_flattened(node, "Softmax", inputs[0], outputs[0]);
      case Op::log_softmax_flattened:
        return put_flattened(node, "LogSoftmax", inputs[0], outputs[0]);
      case Op::embedding_bag: {
        const std::string rows = fresh(outputs[0] + "/rows");
        add_node("Gather", name, {inputs[0], inputs[1]}, {rows});
        ::onnx::NodeProto& sum = add_node(
            "ReduceSum", name + "/sum", {rows, s64_initializer(name + "/axes", {1})}, {outputs[0]});
        write_attribute(sum, "keepdims", std::int64_t{0});
        return;
      }
      default:
        break;
    }
    ::onnx::NodeProto& made = add_node(std::string(jb::name_of(node.op)), name, inputs, outputs);
    write_attributes(made, node, new_opset_ ? kNewOpset : kOpset);
  }

  /// Softmax over all dimensions from an axis on: as rows of a matrix.
  void put_flattened(const NodeView& node, const std::string& type, const std::string& input,
                     const std::string& output) {
    const std::string rows = fresh(output + "/rows");
    const std::string soft = fresh(output + "/soft");
    const std::string shape = fresh(output + "/shape");
    ::onnx::NodeProto& flatten = add_node("Flatten", node.name + "/rows", {input}, {rows});
    write_attribute(flatten, "axis", node.get<AxisAttributes>().axis);
    ::onnx::NodeProto& softmax = add_node(type, node.name, {rows}, {soft});
    write_attribute(softmax, "axis", std::int64_t{1});
    add_node("Shape", node.name + "/shape", {input}, {shape});
    add_node("Reshape", node.name + "/back", {soft, shape}, {output});
  }

  void put_initializers() {
    for (const int value : used_) {
      const ValueView& view = graph_.values()[index(value)];
      const auto& inputs = graph_.inputs();
      const bool is_input = std::find(inputs.begin(), inputs.end(), value) != inputs.end();
      if (!view.is_constant || is_input) continue;
      put_tensor(*proto().add_initializer(), name_of_value(value), view.constant.value());
    }
  }

  /// Sizes of outputs that follow the batch are those that two batches make differ.
  void put_outputs() {
    std::optional<GraphView> other;
    try {
      other = graph_.bind(2);
    } catch (const Error&) {
      other.reset();  // the network fixes its batch
    }
    for (const int output : graph_.outputs()) {
      Dims dims = bound_.value(output).dims;
      for (std::size_t d = 0; d < dims.size(); ++d) {
        if (other && other->value(output).dims.at(d) != dims[d]) dims[d] = kBatch;
      }
      put_info(*proto().add_output(), output, dims);
    }
  }

  const Graph& graph_;
  GraphView bound_;
  bool new_opset_ = false;
  std::vector<std::string> names_;  // of values, by index, and of those added
  std::set<int> used_;
  ::onnx::ModelProto model_;
};

}  // namespace
}  // namespace onnx_io

void save_onnx(const Graph& graph, const std::filesystem::path& path) {
  write_file_atomically(path, onnx_io::GraphExport(graph).run());
}

}  // namespace jb::models
