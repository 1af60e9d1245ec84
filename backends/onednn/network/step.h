#pragma once
// One group of nodes made ready for inputs of known sizes: a oneDNN primitive with its operands in
// the layouts it asks for, or a kernel of the host on plain tensors.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/backend.h"
#include "backends/host/linear_runner.h"
#include "backends/onednn/network/buffer_pool.h"
#include "backends/onednn/network/fusion.h"
#include "backends/onednn/onednn_compat.h"

namespace jb::onednn {

/// Row-major layout.
dnnl::memory::desc plain_layout(const Dims& dims,
                                dnnl::memory::data_type type = dnnl::memory::data_type::f32);

/// A value during a run: elements in the layout that its program has decided on.
struct Live {
  const void* data = nullptr;
  std::shared_ptr<const void> owner;
  bool pooled = false;  ///< owner is memory of the pool that nothing but values refers to
  Tensor plain;         ///< the same as a tensor, once somebody asked for it

  void clear() { *this = {}; }
};

/// What a run works with.
struct Run {
  const GraphView& graph;  ///< bound to the sizes of this run
  std::vector<Live> values;
  BufferPool& pool;
  dnnl::engine& engine;
  dnnl::stream& stream;
  const Draw& draw;
  std::function<Tensor(int value)> constant;

  Live& value(int index) { return values[static_cast<std::size_t>(index)]; }
};

/// Packed weights and biases: kept, or made when they are needed and dropped after it.
class HeldOperand {
 public:
  HeldOperand(std::function<dnnl::memory()> make, bool keep);
  /// Keeps the result alive as long as the caller holds it.
  [[nodiscard]] dnnl::memory get() const { return kept_ ? kept_ : make_(); }

 private:
  std::function<dnnl::memory()> make_;
  dnnl::memory kept_;
};

/// How a step takes a value: from the layout it has to the one that is wanted.
struct Feed {
  int value = kAbsent;
  dnnl::memory::desc from;
  dnnl::memory::desc to;
  dnnl::memory::desc seen_as;  ///< what the primitive is told: `to`, or the same bytes as a matrix
  dnnl::reorder reorder;       ///< empty when from == to
};

class Step {
 public:
  Step(int node, std::vector<int> outputs) : node_(node), outputs_(std::move(outputs)) {}
  virtual ~Step() = default;
  virtual void execute(Run& run) = 0;
  [[nodiscard]] virtual std::string implementation() const { return {}; }
  /// Values read, for deciding when they are dropped.
  [[nodiscard]] virtual std::vector<int> reads() const = 0;
  /// Tells that nobody reads `value` after this step.
  virtual void ends(int /*value*/) {}

  [[nodiscard]] int node() const noexcept { return node_; }
  [[nodiscard]] const std::vector<int>& outputs() const noexcept { return outputs_; }

 private:
  int node_;
  std::vector<int> outputs_;
};

/// Tensor of a value in row-major order, made from the layout `layout` when that is another.
Tensor plain_tensor(Run& run, int value, const dnnl::memory::desc& layout);

/// A primitive with one result.
class PrimitiveStep final : public Step {
 public:
  struct Given {
    int argument;  ///< DNNL_ARG_...
    Feed feed;
  };
  struct Held {
    int argument;
    std::shared_ptr<const HeldOperand> operand;
  };

  PrimitiveStep(int node, std::vector<int> outputs, dnnl::primitive primitive,
                const dnnl::memory::desc& result, std::string implementation);

  void give(int argument, Feed feed) { given_.push_back({argument, std::move(feed)}); }
  void hold(int argument, std::shared_ptr<const HeldOperand> operand) {
    held_.push_back({argument, std::move(operand)});
  }
  /// The result is added to this value, whose memory is used where nobody needs it afterwards.
  void add_to(Feed residual) { residual_ = std::move(residual); }
  void ends(int value) override { ended_.push_back(value); }

  void execute(Run& run) override;
  [[nodiscard]] std::string implementation() const override { return implementation_; }
  [[nodiscard]] std::vector<int> reads() const override;

 private:
  std::shared_ptr<const void> result_memory(Run& run);

  dnnl::primitive primitive_;
  dnnl::memory::desc result_;
  std::string implementation_;
  std::vector<Given> given_;
  std::vector<Held> held_;
  Feed residual_;
  std::vector<int> ended_;
};

/// A node on the host: kernels of the digital periphery, or a linear node by plans.
class HostStep final : public Step {
 public:
  using MakeRunner = std::function<std::shared_ptr<host::LinearRunner>()>;
  /// `make_runner` is empty for nodes that are kernels of the host.
  HostStep(const NodeView& node, int index, std::vector<dnnl::memory::desc> layouts,
           MakeRunner make_runner);
  void execute(Run& run) override;
  [[nodiscard]] std::vector<int> reads() const override;

 private:
  NodeView view_;
  std::vector<dnnl::memory::desc> layouts_;  // of inputs
  MakeRunner make_runner_;
};

}  // namespace jb::onednn
