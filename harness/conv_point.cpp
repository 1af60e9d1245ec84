// A convolution, lowered group by group onto matrix products of one device.

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "backends/energy/bounds.h"
#include "harness/host_matrix.h"
#include "harness/metering.h"
#include "harness/operands.h"
#include "harness/point_context.h"

namespace jb::harness {
namespace {

using Clock = std::chrono::steady_clock;

// Elements of lowered A that exist at a time. A larger layer is gathered block by block.
constexpr std::int64_t kLoweredElements = std::int64_t{1} << 25;

std::int64_t rows_per_block(const GemmShape& shape) {
  return std::clamp<std::int64_t>(kLoweredElements / shape.k, 1, shape.m);
}

/// Moments of `count` more elements of one operand added to those of `known` elements.
void merge(OperandMoments& sum, double known, const OperandMoments& more, double count) {
  if (known == 0) {
    sum = more;
    return;
  }
  const double total = known + count;
  const auto mean = [&](double a, double b) { return (a * known + b * count) / total; };
  sum.mean_square = mean(sum.mean_square, more.mean_square);
  sum.mean_abs = mean(sum.mean_abs, more.mean_abs);
  sum.nonzero_frac = mean(sum.nonzero_frac, more.nonzero_frac);
  sum.max_abs = std::max(sum.max_abs, more.max_abs);
  if (sum.signed_rows_frac && more.signed_rows_frac) {
    sum.signed_rows_frac = mean(*sum.signed_rows_frac, *more.signed_rows_frac);
  }
}

/// The product of one group: where its operands are, its plan and its result.
template <class T>
struct Group {
  ConvLowering<T> lowering;
  MatrixView<const T> filters;  // k x n: a transposed view of the KCRS weights
  std::unique_ptr<Plan> plan;   // null where the machine convolves by itself
  Matrix<T> result;             // m x n
};

template <class T>
class ConvRun {
 public:
  ConvRun(const PointContext& context, Device& device)
      : context_(context),
        device_(device),
        shape_(context.point.conv),
        gemm_(shape_.gemm()),
        block_(rows_per_block(gemm_)),
        counts_(device.count_conv(shape_.extent())) {}

  Outcome run();

 private:
  void make_operands();
  void make_groups();
  bool plan_whole();
  Execution execute_whole();
  void store_whole();
  [[nodiscard]] bool resident() const {
    return whole_ != nullptr ? whole_->resident() : groups_.front().plan->resident();
  }
  Execution execute_group(Group<T>& group);
  Execution execute_all();
  [[nodiscard]] OperandStatistics measured_statistics();
  [[nodiscard]] Fidelity verify();
  [[nodiscard]] Pricing pricing() const;

  const PointContext& context_;
  Device& device_;
  ConvShape shape_;
  GemmShape gemm_;
  std::int64_t block_;
  std::optional<Activity> counts_;  // where they are not those of the products
  Matrix<T> input_;
  Matrix<T> weights_;
  Matrix<T> lowered_;  // one block, reused
  std::vector<Group<T>> groups_;
  std::unique_ptr<ConvPlan> whole_;  // null: lowered to products
};

template <class T>
void ConvRun<T>::make_operands() {
  const PointSpec& point = context_.point;
  const Matrix<float> input =
      make_operand(OperandRole::a, shape_.images * shape_.in_channels * shape_.height, shape_.width,
                   point.dist, point.seed);
  const Matrix<float> weights =
      make_operand(OperandRole::b, shape_.out_channels, gemm_.k, point.dist, point.seed);
  input_ = copy_as<T>(input.view());
  weights_ = copy_as<T>(weights.view());
}

/// Whether the machine runs the convolution as one operation of its own.
template <class T>
bool ConvRun<T>::plan_whole() {
  if constexpr (std::is_same_v<T, float>) {
    const PlanOptions options{tag_of("conv2d")};
    whole_ = or_cannot_run([&] { return device_.plan_conv(shape_, weights_.data(), options); });
  }
  return whole_ != nullptr;
}

template <class T>
Execution ConvRun<T>::execute_whole() {
  if constexpr (std::is_same_v<T, float>) whole_->load(input_.data());
  return whole_->execute();
}

/// The result, position by position, as the products of lowered groups would give it.
template <class T>
void ConvRun<T>::store_whole() {
  const std::int64_t positions = shape_.out_h() * shape_.out_w();
  Matrix<float> output(shape_.images * shape_.out_channels, positions);
  poison(output.view());
  whole_->store(output.data());
  for (std::int64_t g = 0; g < shape_.groups; ++g) {
    Matrix<T>& result = groups_[static_cast<std::size_t>(g)].result;
    for (std::int64_t row = 0; row < gemm_.m; ++row) {
      const std::int64_t first = row / positions * shape_.out_channels + g * gemm_.n;
      for (std::int64_t j = 0; j < gemm_.n; ++j) {
        result(row, j) = static_cast<T>(output(first + j, row % positions));
      }
    }
  }
}

template <class T>
void ConvRun<T>::make_groups() {
  make_operands();
  const bool whole = plan_whole();
  if (!whole) lowered_ = Matrix<T>(block_, gemm_.k);
  for (std::int64_t g = 0; g < shape_.groups; ++g) {
    const MatrixView<const T> filters =
        std::as_const(weights_).view().block(g * gemm_.n, 0, gemm_.n, gemm_.k).transposed();
    const PlanOptions options{tag_of("conv2d") + static_cast<std::uint64_t>(g)};
    groups_.push_back(
        {ConvLowering<T>(shape_, input_.data(), g), filters,
         whole ? nullptr : make_plan(device_, gemm_, filters, OperandMode::stationary, options),
         Matrix<T>(gemm_.m, gemm_.n)});
  }
}

template <class T>
Execution ConvRun<T>::execute_group(Group<T>& group) {
  Execution total;
  double elements = 0;
  for (std::int64_t row = 0; row < gemm_.m; row += block_) {
    const std::int64_t rows = std::min(block_, gemm_.m - row);
    const MatrixView<T> lowered = lowered_.view().block(0, 0, rows, gemm_.k);
    group.lowering.gather(row, lowered);
    const MatrixView<T> result = group.result.view().block(row, 0, rows, gemm_.n);
    Execution part = group.plan->execute(ConstMatrixRef(lowered), MatrixRef(result), Draw{0, row},
                                         Direction::forward);
    const double count = static_cast<double>(rows) * static_cast<double>(gemm_.k);
    merge(total.statistics.a, elements, part.statistics.a, count);
    total.statistics.b = part.statistics.b;
    total.statistics_known = part.statistics_known;
    elements += count;
    total.lints.insert(total.lints.end(), part.lints.begin(), part.lints.end());
    total.activity = std::move(part.activity);
  }
  // The blocks are this program's, not the machine's: it runs the group's product as a whole, and
  // the counts are those of the whole.
  if (block_ < gemm_.m && !counts_) {
    total.activity = device_.estimate(gemm_, OperandMode::stationary, total.statistics);
  }
  return total;
}

template <class T>
Execution ConvRun<T>::execute_all() {
  Execution total;
  StatisticsMean mean;
  for (Group<T>& group : groups_) {
    const Execution part = execute_group(group);
    mean.add(part.statistics);
    total.statistics_known = part.statistics_known;
    total.activity += part.activity;
    total.lints.insert(total.lints.end(), part.lints.begin(), part.lints.end());
  }
  if (counts_) total.activity = *counts_;
  total.statistics = mean.mean();
  return total;
}

/// Of a machine that measures none itself, beside its clock.
template <class T>
OperandStatistics ConvRun<T>::measured_statistics() {
  StatisticsMean mean;
  if (lowered_.size() == 0) lowered_ = Matrix<T>(block_, gemm_.k);
  for (Group<T>& group : groups_) {
    OperandStatistics one;
    double elements = 0;
    for (std::int64_t row = 0; row < gemm_.m; row += block_) {
      const std::int64_t rows = std::min(block_, gemm_.m - row);
      const MatrixView<T> lowered = lowered_.view().block(0, 0, rows, gemm_.k);
      group.lowering.gather(row, lowered);
      const double count = static_cast<double>(rows) * static_cast<double>(gemm_.k);
      merge(one.a, elements, measure_operand(ConstMatrixRef(lowered)), count);
      elements += count;
    }
    one.b = measure_operand(ConstMatrixRef(group.filters));
    mean.add(one);
  }
  return mean.mean();
}

template <class T>
Fidelity ConvRun<T>::verify() {
  Fidelity fidelity;
  const double budget = kFullVerificationMacs / static_cast<double>(shape_.groups);
  const auto rows = rows_to_verify(gemm_, budget, context_.point.seed);
  Matrix<T> row(1, gemm_.k);
  for (Group<T>& group : groups_) {
    const auto gather = [&](std::span<const std::int64_t> names, MatrixView<double> out) {
      for (std::size_t i = 0; i < names.size(); ++i) {
        group.lowering.gather(names[i], row.view());
        for (std::int64_t j = 0; j < gemm_.k; ++j) {
          out(static_cast<std::int64_t>(i), j) = static_cast<double>(row(0, j));
        }
      }
    };
    verify_product(fidelity, gemm_, gather, group.filters, std::as_const(group.result).view(),
                   rows);
  }
  return fidelity;
}

template <class T>
Pricing ConvRun<T>::pricing() const {
  Pricing pricing;
  pricing.prices = &device_.prices();
  pricing.source = context_.price_source();
  pricing.digital_arithmetic = context_.backend.info().kind == "cmos";
  pricing.compulsory_bytes = conv_compulsory_bytes(shape_, link_bytes(context_), resident());
  pricing.communication_bytes = communication_bytes(context_, device_);
  pricing.temperature_C = context_.point.temperature_C;
  return pricing;
}

template <class T>
Outcome ConvRun<T>::run() {
  make_groups();
  Counts counts;
  counts.calibration = bring_to_age(context_, device_);
  for (Group<T>& group : groups_) {
    poison(group.result.view());
    if (group.plan != nullptr) counts.setup += group.plan->setup();
  }
  if (whole_ != nullptr) counts.setup = whole_->setup();
  const Clock::time_point start = Clock::now();
  const Execution execution = whole_ != nullptr ? execute_whole() : execute_all();
  const double host_time_s = std::chrono::duration<double>(Clock::now() - start).count();
  if (whole_ != nullptr) store_whole();
  counts.execution = execution.activity;

  Outcome outcome;
  outcome.implementation =
      whole_ != nullptr ? whole_->implementation() : groups_.front().plan->implementation();
  outcome.work.macs = shape_.macs();
  outcome.work.compulsory_bytes = conv_compulsory_bytes(shape_, link_bytes(context_), false);
  outcome.statistics =
      statistics_json(execution.statistics_known ? execution.statistics : measured_statistics());
  outcome.measurement["stationary_operand"] = resident() ? "resident" : "reloaded";
  outcome.measurement["reuse_rows_per_load"] = gemm_.m;
  outcome.measurement["lowering"] =
      whole_ != nullptr
          ? "none: a convolution of the machine's own, timed on operands in its own layout"
          : "gathered on the host, inside the time of measured machines";
  add_host_time(outcome, host_time_s);
  add_fidelity(outcome, verify(), expected_error_bound(context_, element_type_of<T>, gemm_.k),
               context_.fidelity_provenance());
  if (outcome.status == results::Status::failed) return outcome;
  add_energy(outcome, counts, pricing());
  if (context_.measured()) {
    add_measurement(outcome, context_, {[this] {
                      if (whole_ != nullptr) {
                        (void)whole_->execute();
                      } else {
                        execute_all();
                      }
                    }});
  } else {
    add_modelled_time(outcome, execution.activity.device_time_s, device_.peak_mac_per_s(),
                      context_.time_source());
  }
  add_execution_lints(outcome, execution.lints);
  add_device_lints(outcome, context_.spec, device_.prices());
  return outcome;
}

double memory_needed(const ConvShape& shape, ElementType host) {
  const GemmShape gemm = shape.gemm();
  const auto groups = static_cast<double>(shape.groups);
  const double input = static_cast<double>(shape.images) * static_cast<double>(shape.in_channels) *
                       static_cast<double>(shape.height) * static_cast<double>(shape.width);
  const double filters = static_cast<double>(gemm.k) * static_cast<double>(gemm.n) * groups;
  const double outputs = static_cast<double>(gemm.m) * static_cast<double>(gemm.n) * groups;
  const double lowered = static_cast<double>(rows_per_block(gemm)) * static_cast<double>(gemm.k);
  const double element = bytes_of(host);
  // Operands exist once as made (float32) and once in the host type; plans keep a packed copy.
  return (input + filters) * (element + sizeof(float)) + filters * element +
         (outputs + lowered) * element;
}

}  // namespace

Outcome run_conv(const PointContext& context, Device& device) {
  const GemmShape gemm = context.point.conv.gemm();
  const Support support = device.supports(gemm, OperandMode::stationary, context.precision);
  if (!support) return Outcome::stopped(results::Status::unsupported, support.reason);
  const ElementType host = context.host_type();
  if (const Support memory = fits_in_memory(memory_needed(context.point.conv, host)); !memory) {
    return Outcome::stopped(results::Status::unsupported, memory.reason);
  }
  if (context.measured()) {
    if (const Support clock = timing_available(); !clock) {
      return Outcome::stopped(results::Status::unavailable, clock.reason);
    }
  }
  if (host == ElementType::f64) return ConvRun<double>(context, device).run();
  return ConvRun<float>(context, device).run();
}

}  // namespace jb::harness
