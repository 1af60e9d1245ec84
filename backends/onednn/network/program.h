#pragma once
// A network made ready for inputs of known sizes: steps in order, with the layout of every value
// decided, so that runs only execute.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/onednn/network/step.h"

namespace jb::onednn {

/// Added to an argument of operands that batch normalisation is folded into.
constexpr int kFoldedArgument = 1 << 20;

/// What the programs of one network share.
class NetworkMemory {
 public:
  NetworkMemory(Device& device, const GraphView& graph, const CompileOptions& options);

  dnnl::engine engine;
  dnnl::stream stream;
  std::shared_ptr<BufferPool> pool = std::make_shared<BufferPool>();

  /// Elements of a constant, kept unless the network is streamed.
  Tensor constant(int value);
  /// Constants read by nothing but packed operands need not be kept: straight from their maker.
  [[nodiscard]] Tensor unkept_constant(int value) const;
  /// The operand of that node, argument and layout, made by `make` when it is new.
  std::shared_ptr<const HeldOperand> operand(int node, int argument,
                                             const dnnl::memory::desc& layout,
                                             const std::function<dnnl::memory()>& make);
  std::shared_ptr<host::LinearRunner> runner(int node);
  [[nodiscard]] bool is_streamed() const noexcept { return options_.streamed; }
  /// Number format that operands of linear nodes are multiplied in; their results are f32.
  [[nodiscard]] dnnl::memory::data_type operand_type() const noexcept;

 private:
  struct KeptOperand {
    int node, argument;
    dnnl::memory::desc layout;
    std::shared_ptr<const HeldOperand> operand;
  };
  Device& device_;
  GraphView graph_;
  CompileOptions options_;
  std::map<int, Tensor> constants_;
  std::vector<KeptOperand> operands_;
  std::map<int, std::shared_ptr<host::LinearRunner>> runners_;
};

class Program {
 public:
  /// `bound` has its sizes fixed. Without `fuse` every node's result is made.
  Program(NetworkMemory& memory, GraphView bound, bool fuse);

  void run(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs, const Draw& draw,
           const LayerSink* sink);
  [[nodiscard]] const GraphView& graph() const noexcept { return bound_; }
  /// Names of the implementations that oneDNN chose, each once, in the order of the steps.
  [[nodiscard]] std::vector<std::string> implementations() const;

 private:
  NetworkMemory& memory_;
  GraphView bound_;
  std::vector<dnnl::memory::desc> layouts_;  // by value
  std::vector<std::unique_ptr<Step>> steps_;
  std::vector<std::vector<int>> dropped_;  // by step: values that nobody reads after it
};

}  // namespace jb::onednn
