// From an ONNX file to a graph: what is declared, the order of the nodes, names.

#include <google/protobuf/stubs/common.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <queue>
#include <set>
#include <utility>

#include "backends/core/text.h"
#include "models/onnx/messages.h"
#include "models/onnx/onnx.h"
#include "models/onnx/operators.h"
#include "models/onnx/tensor_proto.h"

namespace jb::models {
namespace onnx_io {
namespace {

constexpr int kNewestIr = 10;
constexpr int kNewestOpset = 20;
constexpr std::int64_t kMostShapeElements = 256;  // more are data, not sizes

/// Inputs of operators whose elements decide sizes: [first, last].
struct ShapeOperand {
  std::string_view op;
  int first, last;
};
constexpr std::array kShapeOperands = {
    ShapeOperand{"Reshape", 1, 1},
    ShapeOperand{"Slice", 1, 4},
    ShapeOperand{"Squeeze", 1, 1},
    ShapeOperand{"Unsqueeze", 1, 1},
    ShapeOperand{"Expand", 1, 1},
    ShapeOperand{"Tile", 1, 2},
    ShapeOperand{"Pad", 1, 3},
    ShapeOperand{"TopK", 1, 1},
    ShapeOperand{"Range", 0, 2},
    ShapeOperand{"ConstantOfShape", 0, 0},
    ShapeOperand{"OneHot", 1, 1},
    ShapeOperand{"Split", 1, 1},
    ShapeOperand{"Resize", 1, 3},
    ShapeOperand{"Upsample", 1, 1},
    ShapeOperand{"CumSum", 1, 1},
    ShapeOperand{"Dropout", 2, 2},
    ShapeOperand{"ReduceMean", 1, 1},
    ShapeOperand{"ReduceSum", 1, 1},
    ShapeOperand{"ReduceMax", 1, 1},
    ShapeOperand{"ReduceMin", 1, 1},
    ShapeOperand{"ReduceProd", 1, 1},
    ShapeOperand{"ReduceL1", 1, 1},
    ShapeOperand{"ReduceL2", 1, 1},
    ShapeOperand{"ReduceLogSum", 1, 1},
    ShapeOperand{"ReduceLogSumExp", 1, 1},
    ShapeOperand{"ReduceSumSquare", 1, 1},
};

bool is_default_domain(const std::string& domain) { return domain.empty() || domain == "ai.onnx"; }

class GraphImport {
 public:
  GraphImport(const std::filesystem::path& path, const OnnxOptions& options)
      : file_(path.string()),
        folder_(path.parent_path()),
        options_(options),
        model_(read_model_message(path)),
        graph_(name_of_graph(path)) {}

  Graph run() {
    check_versions();
    check_names();
    add_initializers();
    add_inputs();
    for (const std::size_t node : execution_order()) add_node(node);
    add_outputs();
    return std::move(graph_);
  }

 private:
  [[nodiscard]] const ::onnx::GraphProto& proto() const { return model_.proto.graph(); }

  [[nodiscard]] std::string name_of_graph(const std::filesystem::path& path) const {
    const std::string& name = proto().name();
    return shown(name.empty() ? path.stem().string() : name);
  }

  void check_versions() {
    const std::int64_t ir = model_.proto.ir_version();
    if (ir < 1) fail_usage("'{}' is no ONNX model: it has no IR version", file_);
    if (ir > kNewestIr) {
      fail_unsupported("'{}' has IR version {}: versions up to {} are supported", file_, ir,
                       kNewestIr);
    }
    std::int64_t opset = ir < 3 ? 1 : 0;  // opsets came with IR 3
    for (const auto& import : model_.proto.opset_import()) {
      if (!is_default_domain(import.domain())) continue;
      if (opset > 0 && ir >= 3 && opset != import.version()) {
        fail_usage("'{}' asks for two opsets of the ONNX operators, {} and {}", file_, opset,
                   import.version());
      }
      opset = std::max(opset, import.version());
    }
    if (opset < 1 || opset > kNewestOpset) {
      fail_unsupported("'{}' asks for opset {} of the ONNX operators: 1 to {} are supported", file_,
                       opset, kNewestOpset);
    }
    opset_ = static_cast<int>(opset);
    if (proto().sparse_initializer_size() > 0) {
      fail_unsupported("'{}' has sparse initialisers, which are not supported", file_);
    }
  }

  void check_name(const std::string& name, std::string_view of) const {
    if (has_control_characters(name) || !google::protobuf::internal::IsStructurallyValidUTF8(
                                            name.data(), static_cast<int>(name.size()))) {
      fail_usage("'{}': the {} name '{}' is no printable text", file_, of, shown(name));
    }
  }

  /// Names of nodes must differ where they are given. All names are taken before import makes some.
  void check_names() {
    NameSet nodes;
    for (const NodeMessage& node : model_.nodes) {
      check_name(node.proto.name(), "node");
      names_.add(node.proto.name());
      if (!node.proto.name().empty() && !nodes.add(node.proto.name())) {
        fail_usage("'{}': two nodes have the name '{}'", file_, shown(node.proto.name()));
      }
      for (const std::string& output : node.proto.output()) {
        check_name(output, "value");
        names_.add(output);
      }
    }
  }

  /// Gives a name to a value; each value has one source.
  void define(const std::string& name, int value, const std::string& source) {
    check_name(name, "value");
    names_.add(name);
    if (name.empty()) fail_usage("'{}': {} has no name", file_, source);
    if (!values_.emplace(name, value).second) {
      fail_usage("'{}': the name '{}' stands for two values, the second one of {}", file_,
                 shown(name), source);
    }
  }

  void add_initializers() {
    for (TensorMessage& message : model_.initializers) {
      const std::string name = message.proto.name();
      const std::string what = fmt::format("initialiser '{}'", shown(name));
      ImportedTensor tensor = take_tensor(message.proto, message.payload, folder_, what);
      define(name, static_cast<int>(graph_.values().size()), what);
      graph_.add_constant(name, tensor.type, tensor.dims, std::move(tensor.constant));
    }
    model_.initializers.clear();
  }

  /// Values whose elements decide sizes, and those that they are computed from. The sizes that
  /// Shape and Size read are known without elements.
  [[nodiscard]] std::set<std::string> shape_operands() const {
    std::map<std::string, const ::onnx::NodeProto*> producers;
    std::vector<std::string> open;
    for (const NodeMessage& node : model_.nodes) {
      for (const std::string& output : node.proto.output()) producers[output] = &node.proto;
      for (const ShapeOperand& operand : kShapeOperands) {
        if (node.proto.op_type() != operand.op) continue;
        for (int i = operand.first; i <= std::min(operand.last, node.proto.input_size() - 1); ++i) {
          open.push_back(node.proto.input(i));
        }
      }
    }
    std::set<std::string> names;
    while (!open.empty()) {
      const std::string name = open.back();
      open.pop_back();
      if (!names.insert(name).second) continue;
      const auto producer = producers.find(name);
      if (producer == producers.end()) continue;
      const ::onnx::NodeProto& node = *producer->second;
      if (node.op_type() == "Shape" || node.op_type() == "Size") continue;
      open.insert(open.end(), node.input().begin(), node.input().end());
    }
    return names;
  }

  void add_inputs() {
    const std::set<std::string> shapes = shape_operands();
    std::size_t position = 0;
    for (const ::onnx::ValueInfoProto& info : proto().input()) {
      if (values_.count(info.name()) != 0 && is_initializer(info.name())) continue;
      const std::string what = fmt::format("input '{}'", shown(info.name()));
      if (!info.type().has_tensor_type()) {
        fail_unsupported("'{}': {} is no tensor; only tensors are supported", file_, what);
      }
      const auto& type = info.type().tensor_type();
      const DataType elements = data_type_from(type.elem_type(), what);
      const Tensor* given =
          position < options_.inputs.size() ? &options_.inputs[position] : nullptr;
      ++position;
      const Dims dims = sizes_of(type, what, given);
      if (given != nullptr && given->type() != elements) {
        fail_usage("'{}': {} takes {}, and {} was given", file_, what, jb::name_of(elements),
                   jb::name_of(given->type()));
      }
      const int value = graph_.add_input(info.name(), elements, dims);
      define(info.name(), value, what);
      if (given != nullptr && given->size() <= kMostShapeElements &&
          shapes.count(info.name()) != 0) {
        ValueView& view = graph_.values()[static_cast<std::size_t>(value)];
        view.is_constant = true;
        view.constant = Constant(*given);
      }
    }
    if (position < options_.inputs.size()) {
      fail_usage("'{}' takes {} inputs, and {} were given", file_, position,
                 options_.inputs.size());
    }
  }

  [[nodiscard]] bool is_initializer(const std::string& name) const {
    const auto found = values_.find(name);
    return found != values_.end() &&
           graph_.values()[static_cast<std::size_t>(found->second)].is_constant;
  }

  /// Sizes of an input: the model's, with those of the tensor given where the model leaves them
  /// open.
  Dims sizes_of(const ::onnx::TypeProto::Tensor& type, const std::string& what,
                const Tensor* given) const {
    if (!type.has_shape()) {
      if (given != nullptr) return given->dims();
      fail_unsupported("'{}': {} has no shape, and none was given", file_, what);
    }
    Dims dims;
    for (int i = 0; i < type.shape().dim_size(); ++i) {
      const auto& dim = type.shape().dim(i);
      const bool open = dim.value_case() != ::onnx::TensorShapeProto::Dimension::kDimValue;
      if (!open && dim.dim_value() < 0) {
        fail_usage("'{}': {} has a negative size, {}", file_, what, dim.dim_value());
      }
      if (open && given == nullptr && i > 0) {
        fail_unsupported(
            "'{}': size {} of {} is left open ('{}'); only the first one, the batch, may", file_, i,
            what, shown(dim.dim_param()));
      }
      dims.push_back(open ? kBatch : dim.dim_value());
    }
    if (given != nullptr) return given_sizes(dims, what, *given);
    check_count(dims, what);
    return dims;
  }

  Dims given_sizes(const Dims& declared, const std::string& what, const Tensor& given) const {
    const Dims& sizes = given.dims();
    const bool fits =
        sizes.size() == declared.size() && std::equal(sizes.begin(), sizes.end(), declared.begin(),
                                                      [](std::int64_t own, std::int64_t asked) {
                                                        return asked == kBatch || own == asked;
                                                      });
    if (fits) return sizes;
    std::string text;
    for (const std::int64_t size : declared) {
      text +=
          fmt::format("{}{}", text.empty() ? "" : "x", size == kBatch ? "?" : std::to_string(size));
    }
    fail_usage("'{}': {} takes sizes {}, and {} were given", file_, what,
               text.empty() ? "of a scalar" : text, to_string(sizes));
  }

  void check_count(Dims dims, const std::string& what) const {
    std::replace(dims.begin(), dims.end(), kBatch, std::int64_t{1});
    try {
      static_cast<void>(elements_of(dims));
    } catch (const Error& error) {
      fail_usage("'{}': {}: {}", file_, what, error.what());
    }
  }

  [[nodiscard]] std::string title(std::size_t node) const {
    const ::onnx::NodeProto& proto = model_.nodes[node].proto;
    return fmt::format("'{}': node '{}' ({})", file_,
                       proto.name().empty() ? fmt::format("#{}", node) : shown(proto.name()),
                       shown(proto.op_type()));
  }

  /// Indices of the nodes such that each comes after those it reads from, else in the file's order.
  std::vector<std::size_t> execution_order() {
    std::map<std::string, std::size_t> producers;
    for (std::size_t i = 0; i < model_.nodes.size(); ++i) {
      for (const std::string& output : model_.nodes[i].proto.output()) {
        if (output.empty()) continue;
        if (values_.count(output) != 0 || !producers.emplace(output, i).second) {
          fail_usage("{}: its output '{}' has the name of another value", title(i), shown(output));
        }
      }
    }
    std::vector<std::size_t> waits(model_.nodes.size(), 0);
    std::vector<std::vector<std::size_t>> readers(model_.nodes.size());
    for (std::size_t i = 0; i < model_.nodes.size(); ++i) {
      for (const std::string& input : model_.nodes[i].proto.input()) {
        if (input.empty() || values_.count(input) != 0) continue;
        const auto producer = producers.find(input);
        if (producer == producers.end()) {
          fail_usage("{}: its input '{}' is given by no node, initialiser or input", title(i),
                     shown(input));
        }
        readers[producer->second].push_back(i);
        ++waits[i];
      }
    }
    std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
    for (std::size_t i = 0; i < waits.size(); ++i) {
      if (waits[i] == 0) ready.push(i);
    }
    std::vector<std::size_t> order;
    while (!ready.empty()) {
      const std::size_t node = ready.top();
      ready.pop();
      order.push_back(node);
      for (const std::size_t reader : readers[node]) {
        if (--waits[reader] == 0) ready.push(reader);
      }
    }
    if (order.size() < waits.size()) {
      const auto stuck = std::find_if(waits.begin(), waits.end(), [](auto w) { return w > 0; });
      fail_usage("{}: it lies on or behind a cycle, a node that needs its own result",
                 title(static_cast<std::size_t>(stuck - waits.begin())));
    }
    return order;
  }

  void add_node(std::size_t index) {
    NodeMessage& message = model_.nodes[index];
    const ::onnx::NodeProto& proto = message.proto;
    if (!is_default_domain(proto.domain())) {
      fail_unsupported("{}: operators of domain '{}' are not supported", title(index),
                       shown(proto.domain()));
    }
    std::vector<int> inputs;
    for (const std::string& input : proto.input()) {
      inputs.push_back(input.empty() ? kAbsent : values_.at(input));
    }
    while (!inputs.empty() && inputs.back() == kAbsent) inputs.pop_back();
    const std::string name =
        proto.name().empty() ? names_.unique(fmt::format("{}_{}", shown(proto.op_type()), index))
                             : proto.name();
    const std::size_t before = graph_.values().size();
    NodeImport node(graph_, names_, message, name, std::move(inputs), opset_, folder_);
    import_node(node, proto.op_type());
    for (std::size_t v = before; v < graph_.values().size(); ++v) {
      const std::string& made = graph_.values()[v].name;
      const auto& outputs = proto.output();
      if (std::find(outputs.begin(), outputs.end(), made) != outputs.end()) {
        values_.emplace(made, static_cast<int>(v));
      }
    }
    message = {};  // its tensors are in the graph now
  }

  void add_outputs() {
    if (proto().output_size() == 0) fail_usage("'{}': the graph has no output", file_);
    std::set<std::string> seen;
    for (const ::onnx::ValueInfoProto& info : proto().output()) {
      if (!seen.insert(info.name()).second) {
        fail_usage("'{}': the graph gives output '{}' twice", file_, shown(info.name()));
      }
      const auto found = values_.find(info.name());
      if (found == values_.end()) {
        fail_usage("'{}': output '{}' is given by no node, initialiser or input", file_,
                   shown(info.name()));
      }
      graph_.add_output(computed(found->second));
    }
  }

  /// Outputs are results of nodes: a constant or an input goes through one that copies it.
  int computed(int value) {
    ValueView& view = graph_.values()[static_cast<std::size_t>(value)];
    const auto& inputs = graph_.inputs();
    const bool is_input = std::find(inputs.begin(), inputs.end(), value) != inputs.end();
    if (!view.is_constant && !is_input) return value;
    const std::string name = view.name;
    if (!is_input) view.name = names_.unique(name + "/constant");
    return graph_.add_named(Op::identity, names_.unique(name + "/output"), {value}, {name});
  }

  std::string file_;
  std::filesystem::path folder_;
  const OnnxOptions& options_;
  ModelMessage model_;
  Graph graph_;
  NameSet names_;
  std::map<std::string, int> values_;
  int opset_ = 0;
};

}  // namespace
}  // namespace onnx_io

Support onnx_support() { return Support::yes(); }

Graph load_onnx(const std::filesystem::path& path, const OnnxOptions& options) {
  return onnx_io::GraphImport(path, options).run();
}

}  // namespace jb::models
