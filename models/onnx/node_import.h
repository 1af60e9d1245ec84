#pragma once
// One node of an ONNX graph on its way into ours: typed access to its attributes, its inputs as
// values of the graph, and what the rules for operators (operators.h) build from them.

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/graph.h"
#include "models/onnx/messages.h"

namespace jb::models::onnx_io {

/// Names that are taken, so that what import adds gets others.
class NameSet {
 public:
  /// False when the name is taken already.
  bool add(const std::string& name) { return names_.insert(name).second; }
  /// `wanted`, or with a number behind it; taken from now on.
  std::string unique(const std::string& wanted);

 private:
  std::set<std::string> names_;
};

class NodeImport {
 public:
  /// `inputs` are value indices or kAbsent; `name` is unique in the graph. References outlive this.
  NodeImport(Graph& graph, NameSet& names, NodeMessage& message, std::string name,
             std::vector<int> inputs, int opset, std::filesystem::path folder);

  [[nodiscard]] int opset() const noexcept { return opset_; }
  [[nodiscard]] std::size_t inputs() const noexcept { return inputs_.size(); }
  /// Value of input i, kAbsent when there are not so many.
  [[nodiscard]] int input(std::size_t i) const noexcept {
    return i < inputs_.size() ? inputs_[i] : kAbsent;
  }
  [[nodiscard]] const std::vector<int>& all_inputs() const noexcept { return inputs_; }
  [[nodiscard]] int outputs() const noexcept { return message_.proto.output_size(); }
  [[nodiscard]] bool output_used(int i) const {
    return i < outputs() && !message_.proto.output(i).empty();
  }

  // Attributes. Each counts as understood once it was asked for; finish() refuses the others.
  [[nodiscard]] bool has(std::string_view attribute);
  std::int64_t integer(std::string_view attribute, std::int64_t otherwise);
  bool flag(std::string_view attribute, bool otherwise);
  float number(std::string_view attribute, float otherwise);
  std::string text(std::string_view attribute, std::string_view otherwise);
  std::vector<std::int64_t> integers(std::string_view attribute);
  std::vector<float> numbers(std::string_view attribute);
  std::vector<std::string> texts(std::string_view attribute);
  Tensor tensor(std::string_view attribute);
  /// Says that an attribute may be there and means nothing for inference.
  void ignore(std::string_view attribute) { static_cast<void>(find(attribute)); }
  /// Refuses attributes that no rule asked for.
  void finish() const;

  // Building.
  /// Adds the node with its outputs under their names.
  void emit(Op op, std::vector<int> inputs, Attributes attributes = {});
  /// Adds a node before it with one output.
  int helper(Op op, const std::string& part, std::vector<int> inputs, Attributes attributes = {});
  /// Makes the node's first output a constant.
  void emit_constant(Tensor value);
  int constant(const std::string& part, Tensor value);
  int constant_s64(const std::string& part, const std::vector<std::int64_t>& values);
  /// A scalar of the type of `like`.
  int scalar(const std::string& part, float value, int like);
  /// Input i, or attribute `attribute` as a constant where the input is not given.
  int list_operand(std::size_t i, std::string_view attribute);

  // What is known of values so far; the batch counts as one.
  Dims dims(int value) const;
  DataType type(int value) const;
  /// Elements of a constant; nothing when the value is computed.
  [[nodiscard]] std::optional<Tensor> elements(int value) const;

  template <class... Args>
  [[noreturn]] void unsupported(fmt::format_string<Args...> format, Args&&... args) const {
    fail_unsupported("{}: {}", title_, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    fail_usage("{}: {}", title_, fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  const ::onnx::AttributeProto* find(std::string_view attribute);
  const ::onnx::AttributeProto* find(std::string_view attribute,
                                     ::onnx::AttributeProto::AttributeType type);
  [[nodiscard]] const ValueView known(int value) const;

  Graph& graph_;
  NameSet& names_;
  NodeMessage& message_;
  std::string name_;
  std::string title_;  // "node 'x' (Conv)"
  std::vector<int> inputs_;
  int opset_;
  std::filesystem::path folder_;
  std::set<std::string, std::less<>> understood_;
};

}  // namespace jb::models::onnx_io
