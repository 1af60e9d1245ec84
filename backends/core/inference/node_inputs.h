#pragma once
// The inputs of one node as inference and kernels look at them, with refusals that name the node.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/core/graph_view.h"
#include "backends/core/shape_inference.h"

namespace jb::inference {

class NodeInputs {
 public:
  /// `values` stand at the positions of node.inputs, null where absent; both must outlive this.
  NodeInputs(const NodeView& node, const std::vector<const KnownValue*>& values)
      : node_(node), values_(values) {}

  [[nodiscard]] const NodeView& node() const noexcept { return node_; }
  [[nodiscard]] Op op() const noexcept { return node_.op; }
  /// Positions given, absent ones between them included.
  [[nodiscard]] std::size_t count() const noexcept { return values_.size(); }
  [[nodiscard]] bool has(std::size_t i) const noexcept {
    return i < values_.size() && values_[i] != nullptr;
  }
  /// Input i; refused when it is not there.
  [[nodiscard]] const KnownValue& operator[](std::size_t i) const;
  [[nodiscard]] const Dims& dims(std::size_t i) const { return (*this)[i].dims; }
  [[nodiscard]] DataType type(std::size_t i) const { return (*this)[i].type; }
  [[nodiscard]] std::int64_t rank(std::size_t i) const {
    return static_cast<std::int64_t>(dims(i).size());
  }

  /// Elements of an int32 or int64 input of at most one dimension (`what`: "the axes"). Refused
  /// when they are not constant.
  [[nodiscard]] std::vector<std::int64_t> integers(std::size_t i, std::string_view what) const;
  /// The only element of a constant integer input.
  [[nodiscard]] std::int64_t integer(std::size_t i, std::string_view what) const;
  /// Elements of a constant input of any number type.
  [[nodiscard]] std::vector<double> numbers(std::size_t i, std::string_view what) const;

  /// Refuses other numbers of inputs.
  void expect_inputs(std::size_t least, std::size_t most) const;
  void expect_rank(std::size_t i, std::int64_t least, std::int64_t most = 64) const;
  void expect_float(std::size_t i) const;
  void expect_number(std::size_t i) const;   ///< any type but bool
  void expect_integer(std::size_t i) const;  ///< int32 or int64: an index
  void expect_type(std::size_t i, DataType type) const;
  /// Refuses inputs whose type is not that of the first; absent ones pass.
  void expect_same_types() const;

  /// `axis` of a tensor of `rank` dimensions with negative ones counted from the end.
  [[nodiscard]] std::int64_t axis(std::int64_t axis, std::int64_t rank) const;
  /// The same for several, refusing one that is given twice.
  [[nodiscard]] std::vector<std::int64_t> axes(std::vector<std::int64_t> axes,
                                               std::int64_t rank) const;
  /// Attribute `axis` of AxisAttributes, or of that name in NamedAttributes.
  [[nodiscard]] std::int64_t axis_attribute(std::int64_t if_not_given) const;

  template <class... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) const {
    fail_with(fmt::format(format, std::forward<Args>(args)...));
  }

  /// For what ONNX allows and this project does not.
  template <class... Args>
  [[noreturn]] void fail_unsupported(fmt::format_string<Args...> format, Args&&... args) const {
    throw Unsupported(sentence(fmt::format(format, std::forward<Args>(args)...)));
  }

 private:
  [[noreturn]] void fail_with(const std::string& reason) const;
  [[nodiscard]] std::string sentence(const std::string& reason) const;

  const NodeView& node_;
  const std::vector<const KnownValue*>& values_;
};

/// Attributes by name, with what holds when they are not given.
std::int64_t named_integer(const NodeView& node, std::string_view name, std::int64_t if_not_given);
float named_float(const NodeView& node, std::string_view name, float if_not_given);
std::string named_string(const NodeView& node, std::string_view name, std::string_view otherwise);
/// All integers of that name, in order: a list.
std::vector<std::int64_t> named_integers(const NodeView& node, std::string_view name);

/// Elements of a tensor of numbers (or bool) as float64.
std::vector<double> as_doubles(const Tensor& tensor);

}  // namespace jb::inference
