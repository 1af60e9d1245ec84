#include "backends/onednn/network/network.h"

#include <algorithm>
#include <list>
#include <utility>

#include "backends/core/text.h"
#include "backends/core/threads.h"
#include "backends/host/bound_graph.h"
#include "backends/onednn/instruction_set.h"
#include "backends/onednn/network/program.h"
#include "backends/onednn/onednn_plan.h"

namespace jb::onednn {
namespace {

/// Constants larger than this have no elements where only counts are wanted; shapes and limits have
/// fewer.
constexpr std::int64_t kCountedElements = 64;

/// The graph without the elements of its weights.
GraphView without_weights(GraphView graph) {
  for (ValueView& value : graph.values) {
    if (value.is_constant && is_float(value.type) && elements_of(value.dims) > kCountedElements) {
      value.constant = Constant();
    }
  }
  return graph;
}

/// A data set's full batches and its last one, each with and without a sink.
constexpr std::size_t kMostPrograms = 4;

class OnednnNetwork final : public Executable {
 public:
  OnednnNetwork(Device& device, const GraphView& graph, const CompileOptions& options)
      : device_(device),
        graph_(graph),
        options_(options),
        counts_(device.Device::compile(without_weights(graph), options)),
        memory_(device, graph, options) {
    if (!has_empty_values(graph_)) {
      implementation_ = join(program(graph_, true).program.implementations());
    }
  }

  [[nodiscard]] const std::vector<std::string>& layer_names() const override {
    return counts_->layer_names();
  }
  [[nodiscard]] const std::vector<std::string>& placements() const override {
    return counts_->placements();
  }
  [[nodiscard]] const PriceTable& prices() const override { return counts_->prices(); }
  [[nodiscard]] const Activity& setup() const override { return counts_->setup(); }
  [[nodiscard]] bool resident() const override { return counts_->resident(); }
  [[nodiscard]] std::string implementation() const override { return implementation_; }

  Execution run(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs, const Draw& draw,
                const LayerSink* sink) override {
    const std::vector<Dims> dims = checked_dims(inputs);
    try {
      Bound* bound = find(dims, sink == nullptr);
      if (bound == nullptr) {
        GraphView view = host::rebound(graph_, dims);
        if (has_empty_values(view)) return without_elements().run(inputs, outputs, draw, sink);
        bound = &program(std::move(view), sink == nullptr);
      }
      bound->program.run(inputs, outputs, draw, sink);
      Execution result;
      result.activity = bound->activity;
      if (std::string lint = slow_lint(implementation_); !lint.empty()) {
        result.lints.push_back(std::move(lint));
      }
      return result;
    } catch (const dnnl::error& e) {
      fail_internal("oneDNN failed in network '{}': {} (status {})", graph_.name, e.message,
                    static_cast<int>(e.status));
    }
  }

  [[nodiscard]] Activity estimate(const GraphView& bound) const override {
    return counts_->estimate(bound);
  }

 private:
  /// A program with what its runs count.
  struct Bound {
    Bound(NetworkMemory& memory, GraphView view, bool is_fused, Activity counts)
        : program(memory, std::move(view), is_fused),
          fused(is_fused),
          threads(thread_count()),
          activity(std::move(counts)) {}
    Program program;
    bool fused;
    int threads;  ///< primitives are cut for a number of threads
    Activity activity;
  };

  static bool has_empty_values(const GraphView& graph) {
    return std::any_of(graph.values.begin(), graph.values.end(), [](const ValueView& value) {
      return std::find(value.dims.begin(), value.dims.end(), 0) != value.dims.end();
    });
  }

  [[nodiscard]] std::vector<Dims> checked_dims(const std::vector<Tensor>& inputs) const {
    if (inputs.size() != graph_.inputs.size()) {
      fail_usage("network '{}' takes {} inputs, not {}", graph_.name, graph_.inputs.size(),
                 inputs.size());
    }
    std::vector<Dims> dims;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const ValueView& value = graph_.value(graph_.inputs[i]);
      const Dims& given = inputs[i].dims();
      if (given.size() != value.dims.size() ||
          !std::equal(given.begin() + (given.empty() ? 0 : 1), given.end(),
                      value.dims.begin() + (given.empty() ? 0 : 1))) {
        fail_usage("network '{}' takes {} as input '{}', not {}", graph_.name,
                   to_string(value.dims), value.name, to_string(given));
      }
      dims.push_back(given);
    }
    return dims;
  }

  Bound* find(const std::vector<Dims>& dims, bool fused) {
    for (auto it = programs_.begin(); it != programs_.end(); ++it) {
      const GraphView& view = it->program.graph();
      bool same = it->fused == fused && it->threads == thread_count();
      for (std::size_t i = 0; same && i < dims.size(); ++i) {
        same = view.value(view.inputs[i]).dims == dims[i];
      }
      if (!same) continue;
      programs_.splice(programs_.begin(), programs_, it);
      return &programs_.front();
    }
    return nullptr;
  }

  Bound& program(GraphView view, bool fused) {
    Activity counts = estimate(view);
    programs_.emplace_front(memory_, std::move(view), fused, std::move(counts));
    if (programs_.size() > kMostPrograms) programs_.pop_back();
    return programs_.front();
  }

  /// oneDNN's primitives are not made for tensors without elements; the default way is.
  Executable& without_elements() {
    if (!default_) {
      CompileOptions options = options_;
      options.streamed = true;  // plans are not kept for what is not computed
      default_ = device_.Device::compile(graph_, options);
    }
    return *default_;
  }

  Device& device_;
  GraphView graph_;
  CompileOptions options_;
  std::unique_ptr<Executable> counts_;  ///< the default way, without weights: what runs count
  std::string implementation_;
  NetworkMemory memory_;
  std::list<Bound> programs_;  ///< most recently used first
  std::unique_ptr<Executable> default_;
};

}  // namespace

std::unique_ptr<Executable> make_network(Device& device, const GraphView& graph,
                                         const CompileOptions& options) {
  choose_isa(device.spec().text("isa"));
  try {
    return std::make_unique<OnednnNetwork>(device, graph, options);
  } catch (const dnnl::error& e) {
    fail_internal("oneDNN failed to prepare network '{}': {} (status {})", graph.name, e.message,
                  static_cast<int>(e.status));
  }
}

}  // namespace jb::onednn
