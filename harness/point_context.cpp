#include "harness/point_context.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>

#include "backends/core/linear_lowering.h"
#include "harness/environment.h"
#include "harness/host_matrix.h"
#include "harness/point_identity.h"

namespace jb::harness {
namespace {

Json moments_json(const OperandMoments& moments) {
  return {{"mean_square", moments.mean_square},
          {"mean_abs", moments.mean_abs},
          {"max_abs", moments.max_abs},
          {"nonzero_frac", moments.nonzero_frac}};
}

template <class Make>
auto or_cannot_run(Make make) {
  try {
    return make();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::usage) throw;
    throw CannotRun{results::Status::unsupported, error.what()};
  }
}

template <class T>
void fill(MatrixView<T> x, T value) {
  for (std::int64_t i = 0; i < x.rows; ++i) {
    for (std::int64_t j = 0; j < x.cols; ++j) x(i, j) = value;
  }
}

}  // namespace

void poison(const MatrixRef& x) {
  if (x.type == ElementType::f64) {
    fill(x.as<double>(), std::numeric_limits<double>::quiet_NaN());
  } else {
    fill(x.as<float>(), std::numeric_limits<float>::quiet_NaN());
  }
}

std::string PointContext::price_source() const {
  return fmt::format("activity x prices of {} {}", backend.info().id, spec.name());
}

std::string PointContext::time_source() const {
  return fmt::format("time model of {} {}", backend.info().id, spec.name());
}

double link_bytes(const PointContext& context) {
  const std::string& kind = context.backend.info().kind;
  return kind == "analog" || kind == "photonic" ? 1.0 : bytes_of(context.precision);
}

double conv_compulsory_bytes(const ConvShape& shape, double bytes, bool resident) {
  const GemmShape gemm = shape.gemm();
  const auto groups = static_cast<double>(shape.groups);
  const double raw = static_cast<double>(shape.images) * static_cast<double>(shape.in_channels) *
                     static_cast<double>(shape.height) * static_cast<double>(shape.width);
  const double lowered = static_cast<double>(gemm.m) * static_cast<double>(gemm.k) * groups;
  const double filters = static_cast<double>(gemm.k) * static_cast<double>(gemm.n) * groups;
  const double outputs = static_cast<double>(gemm.m) * static_cast<double>(gemm.n) * groups;
  return (std::min(raw, lowered) + outputs + (resident ? 0 : filters)) * bytes;
}

double network_compulsory_bytes(const GraphView& graph, std::int64_t samples, double bytes) {
  return graph.interface_elements() * static_cast<double>(samples) /
         static_cast<double>(graph.batch) * bytes;
}

Support supports_graph(const PointContext& context, const Device& device, const GraphView& graph) {
  for (const NodeView& node : graph.nodes) {
    for (const LinearProduct& product : products_of(graph, node)) {
      const OperandMode mode = product.stationary ? OperandMode::stationary : OperandMode::dynamic;
      const Support support = device.supports(product.shape, mode, context.precision);
      if (!support) return Support::no("layer " + node.name + ": " + support.reason);
    }
  }
  return Support::yes();
}

std::optional<double> expected_error_bound(const PointContext& context, ElementType host,
                                           std::int64_t k) {
  const BackendInfo& info = context.backend.info();
  if (context.measured()) {
    const std::optional<Rounding> rounding = rounding_of(context.precision, host);
    if (!rounding) return std::nullopt;
    return relative_error_bound(*rounding, k);
  }
  const bool ideal = context.spec.name() == info.ideal_device && context.spec.overrides().empty();
  if (!ideal) return std::nullopt;
  return relative_error_bound(*rounding_of(host, host), k);
}

std::unique_ptr<Plan> make_plan(Device& device, const GemmShape& shape, const ConstMatrixRef& b,
                                OperandMode mode, const PlanOptions& options) {
  return or_cannot_run([&] { return device.plan(shape, b, mode, options); });
}

std::unique_ptr<Executable> make_executable(Device& device, const GraphView& graph,
                                            const CompileOptions& options) {
  return or_cannot_run([&] { return device.compile(graph, options); });
}

Support fits_in_memory(double bytes) {
  const auto available = static_cast<double>(available_memory_bytes());
  if (available <= 0 || bytes <= available) return Support::yes();
  return Support::no(
      fmt::format("needs about {:.1f} GB of memory, this computer has {:.1f} GB free; use "
                  "`joulebench estimate`, which computes nothing",
                  bytes * 1e-9, available * 1e-9));
}

void add_device_lints(Outcome& outcome, const DeviceSpec& spec, const PriceTable& prices) {
  if (spec.theory_bound()) {
    outcome.lints.push_back({"theory-bound", "theory bound, not a machine"});
  } else if (prices.has_energy && spec.validation().against.empty()) {
    outcome.lints.push_back(
        {"unvalidated", "unvalidated: no published or metered J/MAC stands behind this preset"});
  }
}

Json statistics_json(const OperandStatistics& statistics) {
  return {{"a", moments_json(statistics.a)}, {"b", moments_json(statistics.b)}};
}

}  // namespace jb::harness
