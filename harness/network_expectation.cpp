#include "harness/network_expectation.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "backends/core/linear_lowering.h"
#include "backends/host/linear/linear_work.h"
#include "backends/host/linear/multiplier.h"
#include "harness/operand_expectation.h"

namespace jb::harness {
namespace {

/// Factor about the expected PAPR within which that of activations behind layers is taken to lie.
/// Seen over the layers of lenet5, the perceptrons, resnet18 and mobilenet-v2 on drawn inputs and
/// data sets: 0.3 to 4 times. Beyond it lie the products of dlrm's gathered vectors with themselves
/// (12 times), 4 % of its MACs.
constexpr double kHiddenPapr = 5;
constexpr double kMostMeasured = 4194304;  // 2^22 elements that are read for an estimate

enum class Kind : std::uint8_t { given, normal, rectified, share, bounded };

/// An operator whose output holds elements of its first input, and no others but zeros.
bool passes_on(jb::Op op) {
  switch (op) {
    case jb::Op::identity:
    case jb::Op::dropout:
    case jb::Op::flatten:
    case jb::Op::reshape:
    case jb::Op::transpose:
    case jb::Op::squeeze:
    case jb::Op::unsqueeze:
    case jb::Op::pad:
    case jb::Op::slice:
    case jb::Op::concat:
    case jb::Op::expand:
    case jb::Op::gather:
    case jb::Op::cast:
    case jb::Op::max_pool:
    case jb::Op::average_pool:
    case jb::Op::global_average_pool:
    case jb::Op::global_max_pool:
      return true;
    default:
      return false;
  }
}

Kind kind_of_op(jb::Op op) {
  switch (op) {
    case jb::Op::relu:
    case jb::Op::clip:
    case jb::Op::abs:
    case jb::Op::softplus:
      return Kind::rectified;
    case jb::Op::sigmoid:
    case jb::Op::hard_sigmoid:
    case jb::Op::softmax:
      return Kind::share;
    case jb::Op::tanh:
    case jb::Op::softsign:
    case jb::Op::rnn:
    case jb::Op::lstm:
    case jb::Op::gru:
      return Kind::bounded;
    default:
      return Kind::normal;
  }
}

/// What the elements of a value are, and the graph's input that they come from if they are `given`.
struct Signal {
  Kind kind = Kind::normal;
  int input = kAbsent;
};

Signal signal_of(const GraphView& graph, int value) {
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    const NodeView& node = graph.nodes[i];
    if (std::find(node.outputs.begin(), node.outputs.end(), value) == node.outputs.end()) continue;
    if (passes_on(node.op) && !node.inputs.empty() && node.inputs[0] != kAbsent) {
      value = node.inputs[0];
      continue;  // its producer stands before it
    }
    const bool fused = is_linear(node.op) && node.activation.op != jb::Op::identity;
    return {kind_of_op(fused ? node.activation.op : node.op), kAbsent};
  }
  const bool given =
      std::find(graph.inputs.begin(), graph.inputs.end(), value) != graph.inputs.end();
  return {given ? Kind::given : Kind::normal, given ? value : kAbsent};
}

/// The same peak over a mean square such that PAPR is `factor` times as large, 1 at least.
OperandMoments with_papr(OperandMoments m, double factor) {
  if (!(m.mean_square > 0)) return m;
  const double papr = std::max(1.0, m.papr() * factor);
  const double mean_square = m.max_abs * m.max_abs / papr;
  m.mean_abs = std::min(m.max_abs, m.mean_abs * std::sqrt(mean_square / m.mean_square));
  m.mean_square = mean_square;
  return m;
}

/// Moments of `count` elements of that kind.
OperandMoments moments_of(Kind kind, double count, double row, Expectation expectation) {
  Distribution dist;
  dist.kind = kind == Kind::rectified                        ? Distribution::Kind::relu
              : kind == Kind::share || kind == Kind::bounded ? Distribution::Kind::uniform
                                                             : Distribution::Kind::normal;
  OperandMoments m = expected_moments(dist, OperandRole::a, count, row);
  if (kind == Kind::share) m.signed_rows_frac = 0;
  if (kind == Kind::given || expectation == Expectation::middle) return m;
  return with_papr(m, expectation == Expectation::high ? kHiddenPapr : 1 / kHiddenPapr);
}

template <class T>
OperandMoments moments_of_values(const Tensor& tensor, double row) {
  const auto values = tensor.as<T>();
  const auto size = static_cast<std::int64_t>(values.size());
  OperandMoments m = measure_operand(MatrixView<const T>{values.data(), 1, size, size, 1});
  const auto negative = static_cast<double>(
      std::count_if(values.begin(), values.end(), [](T x) { return x < T{0}; }));
  // Chance that a row of so many elements holds a negative one.
  m.signed_rows_frac =
      -std::expm1(row * std::log1p(-std::min(negative / static_cast<double>(size), 1 - 1e-16)));
  return m;
}

/// Of the tensor's own elements; other types than float32 and float64 are as normal numbers.
OperandMoments moments_of_tensor(const Tensor& tensor, double row) {
  if (tensor.size() == 0) return {0, 0, 0, 0};
  if (tensor.type() == DataType::f32) return moments_of_values<float>(tensor, row);
  if (tensor.type() == DataType::f64) return moments_of_values<double>(tensor, row);
  return expected_moments({}, OperandRole::a, static_cast<double>(tensor.size()), row);
}

class Expecter {
 public:
  Expecter(const NetworkWorkload& workload, Expectation expectation)
      : workload_(workload), expectation_(expectation) {
    double weights = 0;
    for (const ValueView& value : workload.graph.bind(1).values) {
      if (value.is_constant) weights += static_cast<double>(elements_of(value.dims));
    }
    has_few_weights_ = weights <= kMostMeasured;
  }

  NetworkStatistics all() {
    add_runs(workload_.per_run, 0, workload_.runs());
    const std::int64_t rest = workload_.samples_of(workload_.runs() - 1);
    if (rest != workload_.per_run) add_runs(rest, workload_.runs() - 1, workload_.runs());
    return std::move(statistics_);
  }

 private:
  /// Products of runs of `samples` samples, whose inputs are those of runs first ... end - 1.
  void add_runs(std::int64_t samples, std::int64_t first, std::int64_t end) {
    const GraphView graph = workload_.graph.bind(samples);
    for (const NodeView& node : graph.nodes) {
      if (!is_linear(node.op) || !is_float(graph.value(node.inputs[0]).type)) continue;
      const bool left = constant_is_left(graph, node);
      const std::vector<LinearProduct> products = products_of(graph, node);
      for (std::size_t part = 0; part < products.size(); ++part) {
        const LinearProduct& product = products[part];
        if (product.shape.n == 0 || product.shape.k == 0) continue;
        const Dims& x = graph.value(node.inputs[0]).dims;
        for (const host::RowBlock& block : host::row_blocks(node, product, x.empty() ? 1 : x[0])) {
          LayerStatistics entry;
          entry.layer = node.name;
          entry.part = part;
          entry.shape = product.shape;
          entry.shape.m = block.rows;
          entry.products = 1;
          entry.mean = {moments_of_a(graph, node, left, part, product, block.rows, first, end),
                        moments_of_b(graph, node, left, part, product)};
          statistics_.add(std::move(entry));
        }
      }
    }
  }

  OperandMoments moments_of_a(const GraphView& graph, const NodeView& node, bool left,
                              std::size_t part, const LinearProduct& product, std::int64_t rows,
                              std::int64_t first, std::int64_t end) {
    const int value = node.inputs[left ? 1 : 0];
    const auto row = static_cast<double>(product.shape.k);
    // Elements that differ: windows share those of the input.
    const double all = static_cast<double>(elements_of(graph.value(value).dims)) *
                       static_cast<double>(rows) / static_cast<double>(product.shape.m);
    const double count = std::min(static_cast<double>(rows) * row, all);
    if (part > 0) return moments_of(Kind::bounded, count, row, expectation_);  // hidden states
    const Signal signal = signal_of(graph, value);
    if (signal.kind != Kind::given) return moments_of(signal.kind, count, row, expectation_);
    const auto at = std::find(graph.inputs.begin(), graph.inputs.end(), signal.input);
    const std::size_t input = static_cast<std::size_t>(at - graph.inputs.begin());
    if (!is_float(graph.value(signal.input).type) ||
        static_cast<double>(elements_of(graph.value(signal.input).dims)) > kMostMeasured) {
      return moments_of(Kind::normal, count, row, expectation_);
    }
    return measured_input(input, row, first, end);
  }

  /// Means over the runs' own inputs, as many as are read for an estimate.
  OperandMoments measured_input(std::size_t input, double row, std::int64_t first,
                                std::int64_t end) {
    const auto key = std::pair{std::pair{input, row}, std::pair{first, end}};
    const auto known = inputs_.find(key);
    if (known != inputs_.end()) return known->second;
    StatisticsMean mean;
    double read = 0;
    for (std::int64_t run = first; run < end && read <= kMostMeasured; ++run) {
      if (workload_.samples_of(run) != workload_.samples_of(first)) break;
      const std::vector<Tensor> tensors = workload_.inputs_of(run);
      const Tensor& tensor = tensors.at(input);
      mean.add({moments_of_tensor(tensor, row), {}});
      read += static_cast<double>(tensor.size());
    }
    return inputs_[key] = mean.mean().a;
  }

  OperandMoments moments_of_b(const GraphView& graph, const NodeView& node, bool left,
                              std::size_t part, const LinearProduct& product) {
    const ValueView& value = graph.value(node.inputs[host::operand_input(node, left, part)]);
    const double count =
        static_cast<double>(product.shape.k) * static_cast<double>(product.shape.n);
    const auto row = static_cast<double>(product.shape.n);
    if (!value.is_constant) {
      const int of = node.inputs[host::operand_input(node, left, part)];
      const Signal signal = signal_of(graph, of);
      return moments_of(signal.kind == Kind::given ? Kind::normal : signal.kind, count, row,
                        expectation_);
    }
    // A perceptron's weights are trained before it runs; they have not been, for an estimate.
    if (!has_few_weights_ || !value.constant.has_elements())
      return expected_moments({}, OperandRole::b, count, row);
    const auto known = weights_.find(value.name);
    if (known != weights_.end()) return known->second;
    OperandMoments m = moments_of_tensor(value.constant.value(), row);
    if (is_perceptron(*workload_.source) && workload_.data != nullptr &&
        expectation_ != Expectation::middle) {
      m = with_papr(m, expectation_ == Expectation::high ? kTrainedPapr : 1 / kTrainedPapr);
    }
    return weights_[value.name] = m;
  }

  /// Factor by which training may move the PAPR of weights.
  static constexpr double kTrainedPapr = 3;

  const NetworkWorkload& workload_;
  Expectation expectation_;
  bool has_few_weights_ = false;  // which are read for an estimate
  NetworkStatistics statistics_;
  std::map<std::pair<std::pair<std::size_t, double>, std::pair<std::int64_t, std::int64_t>>,
           OperandMoments>
      inputs_;
  std::map<std::string, OperandMoments> weights_;
};

}  // namespace

NetworkStatistics expected_statistics(const NetworkWorkload& workload, Expectation expectation) {
  return Expecter(workload, expectation).all();
}

}  // namespace jb::harness
