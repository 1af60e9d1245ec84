#include "harness/point_context.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>

#include "backends/core/linear_lowering.h"
#include "backends/energy/bounds.h"
#include "harness/environment.h"
#include "harness/host_matrix.h"
#include "harness/point_identity.h"
#include "harness/reference_run.h"

namespace jb::harness {
namespace {

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
  return kind == "cmos" || kind == "reference" ? bytes_of(context.precision) : 1.0;
}

double communication_bytes(const PointContext& context, const Device& device) {
  const double on_chip = device.on_chip_bytes();
  if (!(on_chip > 0)) return 0;
  const double bytes = link_bytes(context);
  return context.point.op == Op::conv2d
             ? conv_communication_bound_bytes(context.point.conv, on_chip, bytes)
             : communication_bound_bytes(context.point.gemm, on_chip, bytes);
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

namespace {

/// Windows of a convolution that an element of its input lies in, at most.
double window_reuse(const GraphView& graph, const NodeView& node) {
  if (node.op != jb::Op::conv) return 1;
  const auto& attributes = node.get<ConvAttributes>();
  const Dims& filters = graph.value(node.inputs[1]).dims;
  double reuse = 1;
  for (std::size_t d = 2; d < filters.size(); ++d) {
    const std::int64_t stride = d - 2 < attributes.strides.size() ? attributes.strides[d - 2] : 1;
    reuse *= static_cast<double>(filters[d]) / static_cast<double>(stride);
  }
  return std::max(1.0, reuse);
}

}  // namespace

double network_communication_bytes(const NetworkWorkload& workload, const Executable& executable,
                                   const Device& device, double bytes) {
  const double on_chip = device.on_chip_bytes();
  if (!(on_chip > 0)) return 0;
  const GraphView graph = workload.graph.bind(workload.per_run);
  double macs = 0;
  double reuse = 1;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (executable.placements().at(i) == "digital") continue;
    for (const LinearProduct& product : products_of(graph, graph.nodes[i])) macs += product.macs();
    reuse = std::max(reuse, window_reuse(graph, graph.nodes[i]));
  }
  return network_communication_bound_bytes(macs, reuse, on_chip, bytes) *
         static_cast<double>(workload.samples) / static_cast<double>(workload.per_run);
}

double network_compulsory_bytes(const NetworkWorkload& workload, double bytes) {
  const GraphView graph = workload.graph.bind(workload.per_run);
  double elements = 0;
  for (const NodeView& node : graph.nodes) {
    double lowered = 0;  // a stride larger than the kernel passes over elements
    for (const LinearProduct& product : products_of(graph, node)) {
      lowered += product.products() * static_cast<double>(product.shape.m) *
                 static_cast<double>(product.shape.k);
    }
    if (lowered == 0) continue;
    const auto among = [](const std::vector<int>& values, int value) {
      return std::find(values.begin(), values.end(), value) != values.end();
    };
    if (node.inputs[0] != kAbsent && among(graph.inputs, node.inputs[0])) {
      elements +=
          std::min(lowered, static_cast<double>(elements_of(graph.value(node.inputs[0]).dims)));
    }
    if (node.outputs[0] != kAbsent && among(graph.outputs, node.outputs[0])) {
      elements += static_cast<double>(elements_of(graph.value(node.outputs[0]).dims));
    }
  }
  return elements * static_cast<double>(workload.samples) / static_cast<double>(workload.per_run) *
         bytes;
}

CompileOptions compile_options(const PointContext& context, const GraphView& graph) {
  CompileOptions options;
  options.precision = context.precision;
  options.dynamic = context.point.dynamic.value_or(DynamicPolicy::backend);
  options.streamed = must_stream(graph, !context.measured());
  return options;
}

std::shared_ptr<WorkloadCache> workloads_of(const PointContext& context) {
  return context.options.workloads ? context.options.workloads : std::make_shared<WorkloadCache>();
}

Activity estimated_runs(const Executable& executable, const NetworkWorkload& workload,
                        const NetworkStatistics* given) {
  const auto counted = [&](const GraphView& bound) {
    return given != nullptr ? executable.estimate_with(bound, *given) : executable.estimate(bound);
  };
  const std::int64_t rest = workload.samples_of(workload.runs() - 1);
  const bool whole = rest == workload.per_run;
  const std::int64_t runs = workload.runs() - (whole ? 0 : 1);
  Activity activity;
  if (runs > 0) {
    activity = counted(workload.graph.bind(workload.per_run)).scaled(static_cast<double>(runs));
  }
  if (!whole) activity += counted(workload.graph.bind(rest));
  return activity;
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

void add_area(Outcome& outcome, const Device& device) {
  const double area_m2 = device.area_m2();
  if (!(area_m2 > 0)) return;
  const DeviceSpec& spec = device.spec();
  outcome.add("area_m2", area_m2, Provenance::modelled,
              fmt::format("component counts x areas of {} {}", spec.backend(), spec.name()));
}

void add_device_lints(Outcome& outcome, const DeviceSpec& spec, const PriceTable& prices) {
  if (spec.theory_bound()) {
    outcome.lints.push_back({"theory-bound", "theory bound, not a machine"});
  } else if (prices.has_energy && !spec.validation().holds()) {
    const bool compared = spec.validation().against.empty() && !spec.comparison().against.empty();
    const PresetValidation& with = compared ? spec.comparison() : spec.validation();
    outcome.lints.push_back(
        {"unvalidated",
         with.against.empty()
             ? "unvalidated: no published or metered J/MAC stands behind this preset"
             : fmt::format("unvalidated: modelled / published is {:.3g}, {} ({})", with.ratio,
                           with.caveat.empty() ? "outside 0.5 to 2" : with.caveat, with.against)});
  }
}

}  // namespace jb::harness
