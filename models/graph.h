#pragma once
// Networks as they are built or imported: nodes over named values, with the batch size left open.
// bind() fixes it, infers every size and type, and gives the view that backends run.

#include <cstdint>
#include <string>
#include <vector>

#include "backends/core/graph_view.h"

namespace jb::models {

/// A size of a graph input that is the batch: bind() puts the number of samples there.
constexpr std::int64_t kBatch = -1;

class Graph {
 public:
  explicit Graph(std::string name) : name_(std::move(name)) {}

  /// Adds an input; a size may be kBatch. Returns its value index.
  int add_input(const std::string& name, DataType type, const Dims& dims);
  /// Adds a constant with its elements, returns its value index.
  int add_constant(const std::string& name, Tensor value);
  /// Adds a constant made on demand (or without elements, for estimates) of that type and size.
  int add_constant(const std::string& name, DataType type, const Dims& dims, Constant constant);
  /// Adds a node after all before it; its inputs exist already. Returns the value index of its
  /// first output. Outputs are named after the node ("fc1", "lstm1:1").
  int add(Op op, const std::string& name, std::vector<int> inputs, Attributes attributes = {},
          int outputs = 1);
  /// Adds a node whose outputs have names of their own ("" = absent). Returns the first one's
  /// index.
  int add_named(Op op, const std::string& name, std::vector<int> inputs,
                const std::vector<std::string>& outputs, Attributes attributes = {});
  void add_output(int value) { outputs_.push_back(value); }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::vector<ValueView>& values() noexcept { return values_; }
  [[nodiscard]] const std::vector<ValueView>& values() const noexcept { return values_; }
  [[nodiscard]] std::vector<NodeView>& nodes() noexcept { return nodes_; }
  [[nodiscard]] const std::vector<NodeView>& nodes() const noexcept { return nodes_; }
  [[nodiscard]] const std::vector<int>& inputs() const noexcept { return inputs_; }
  [[nodiscard]] const std::vector<int>& outputs() const noexcept { return outputs_; }

  /// The view for runs of `batch` samples. Usage error naming the node whose sizes do not fit.
  [[nodiscard]] GraphView bind(std::int64_t batch) const;

 private:
  std::string name_;
  std::vector<ValueView> values_;
  std::vector<NodeView> nodes_;
  std::vector<int> inputs_;
  std::vector<int> outputs_;
};

}  // namespace jb::models
