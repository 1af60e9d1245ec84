#include "harness/inference.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "backends/core/table_file.h"
#include "backends/core/text.h"
#include "backends/core/threads.h"
#include "harness/environment.h"
#include "harness/metering.h"
#include "harness/network_map.h"
#include "harness/point_context.h"
#include "harness/point_identity.h"
#include "harness/run_folder.h"
#include "harness/runner.h"
#include "models/onnx/onnx.h"

namespace jb::harness {
namespace {

/// Results of nodes are allocated when they run: one that cannot fit is refused before.
void check_memory(const GraphView& graph) {
  const auto available = static_cast<double>(available_memory_bytes());
  for (const NodeView& node : graph.nodes) {
    for (const int output : node.outputs) {
      if (output == kAbsent) continue;
      const ValueView& value = graph.value(output);
      const double bytes =
          static_cast<double>(elements_of(value.dims)) * static_cast<double>(bytes_of(value.type));
      if (available <= 0 || bytes <= available) continue;
      fail_usage("node '{}': its result of {} takes {:.1f} GB, this computer has {:.1f} GB free",
                 node.name, to_string(value.dims), bytes * 1e-9, available * 1e-9);
    }
  }
}

/// Nodes that are linear in the model and were placed on the digital side.
std::vector<std::string> elsewhere(const GraphView& graph, const Executable& executable) {
  std::map<std::string, bool> linear;
  for (const NodeView& node : graph.nodes) linear[node.name] = is_linear(node.op);
  std::vector<std::string> names;
  const std::vector<std::string>& layers = executable.layer_names();
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (executable.placements()[i] == "digital" && linear[layers[i]]) names.push_back(layers[i]);
  }
  return names;
}

/// The inputs' hash: types, sizes and elements of all of them.
std::string hash_of(const std::vector<Tensor>& inputs) {
  std::string text;
  for (const Tensor& input : inputs) {
    text += fmt::format("{}:{}:{};", name_of(input.type()), to_string(input.dims()),
                        hash_hex({static_cast<const char*>(input.raw()), input.bytes()}));
  }
  return hash_hex(text);
}

Outcome outcome_of(const PointContext& context, const Device& device, const GraphView& bound,
                   const Executable& executable, const Counts& counts, double host_time_s) {
  Outcome outcome;
  outcome.implementation = executable.implementation();
  outcome.work.macs = bound.macs();
  Pricing pricing;
  pricing.prices = &executable.prices();
  pricing.layer_names = &executable.layer_names();
  pricing.source = context.price_source();
  pricing.digital_arithmetic = context.backend.info().kind == "cmos";
  pricing.compulsory_bytes = bound.interface_elements() * link_bytes(context);
  pricing.temperature_C = context.point.temperature_C;
  outcome.work.compulsory_bytes = pricing.compulsory_bytes;
  outcome.measurement["stationary_operand"] = executable.resident() ? "resident" : "reloaded";
  add_host_time(outcome, host_time_s);
  // A model without a product has no energy of one.
  if (outcome.work.macs > 0) {
    add_energy(outcome, counts, pricing);
    if (!context.measured()) {
      add_modelled_time(outcome, counts.execution.device_time_s, device.peak_mac_per_s(),
                        context.time_source());
    }
  }
  add_area(outcome, device);
  add_device_lints(outcome, context.spec, executable.prices());
  return outcome;
}

results::Record record_of(const PointContext& context, const Device& device, Outcome outcome,
                          const std::vector<Tensor>& inputs, const std::string& map) {
  const DeviceSpec& spec = context.spec;
  results::Record record;
  record.time_utc = utc_now();
  record.status = outcome.status;
  record.reason = std::move(outcome.reason);
  record.point = identity_json(context.point, context.backend.info(),
                               {spec.name(), spec.hash(), calibration_of(context.point, device),
                                outcome.implementation, spec.theory_bound(), map});
  record.point["data"] = {{"dist", "given"}, {"hash", hash_of(inputs)}};
  record.versions = {{"model_version", context.backend.info().model_version},
                     {"device_hash", spec.hash()},
                     {"tables_hash", tables_hash()}};
  record.point_id = results::point_id_of(record.point);
  record.record_id = results::record_id_of(record.point_id, record.versions);
  record.work = outcome.work;
  record.quantities = std::move(outcome.quantities);
  record.ledger = std::move(outcome.ledger);
  record.setup_ledger = std::move(outcome.setup_ledger);
  record.verification = std::move(outcome.verification);
  record.measurement = std::move(outcome.measurement);
  record.lints = std::move(outcome.lints);
  return record;
}

}  // namespace

InferenceMachine::InferenceMachine(const PointSpec& point) : point_(point) {
  PointSpec checked = point;
  if (!point.map.empty()) {  // the machines of a map check what is theirs
    checked.map.clear();
    checked.set.clear();
    checked.precision.reset();
  }
  checked.dynamic.reset();
  checked.gemm = {1, 1, 1};  // sizes are those of the models
  check_runnable(checked);
  if (point_.instances > 1) fail_usage("--instances: a model runs on one device here");
  if (!point_.map.empty()) hybrid_ = std::make_unique<HybridBackend>(point_);
  if (!available()) return;
  set_thread_count(threads_of(point_));
  if (hybrid_ != nullptr) {
    spec_ = hybrid_->spec();
    return;
  }
  spec_ = load_device(backend(),
                      point_.device.empty() ? backend().info().default_device : point_.device);
  for (const auto& [key, value] : point_.set) spec_.set(key, value);
}

InferenceMachine::~InferenceMachine() = default;

Support InferenceMachine::available() const { return backend().available(); }

const Backend& InferenceMachine::backend() const {
  return hybrid_ != nullptr ? *hybrid_ : find_backend(point_.backend);
}

Inference InferenceMachine::run(const std::filesystem::path& model,
                                const std::vector<Tensor>& inputs, bool timed) {
  const models::Graph graph = models::load_onnx(model, {inputs});
  if (inputs.size() != graph.inputs().size()) {
    fail_usage("'{}' takes {} inputs, and {} were given", model.string(), graph.inputs().size(),
               inputs.size());
  }
  const std::int64_t batch =
      inputs.empty() || inputs[0].rank() == 0 ? 1 : std::max<std::int64_t>(1, inputs[0].dims()[0]);
  const GraphView bound = graph.bind(batch);
  check_memory(bound);
  PointSpec point = point_;
  point.op = Op::network;
  point.network = graph.name();
  point.dataset.clear();
  point.batch = batch;
  RunOptions run_options;
  run_options.metering = metering_;
  const PointContext context{point, run_options, backend(), spec_,
                             precision_of(point, backend().info())};
  // Each run has a machine of its own, so that none finds another's plans or clocks.
  const auto device = backend().open(spec_, {point.seed, 0, context.precision});
  CompileOptions options = compile_options(context, bound);
  // A simulator's plans take several times the memory of the weights. Each is needed once here,
  // when its layer runs, unless a calibration must find it before.
  if (!context.measured() &&
      (device->storage_units() > 0 || calibration_of(point, *device) == "none")) {
    options.streamed = true;
  }
  if (const Support support = device->supports_network(bound, options); !support) {
    fail_unsupported("'{}': {}", model.string(), support.reason);
  }
  const auto executable = device->compile(bound, options);
  Counts counts;
  counts.calibration = bring_to_age(context, *device);
  Inference result;
  const auto start = std::chrono::steady_clock::now();
  const Execution execution = executable->run(inputs, result.outputs, Draw{}, nullptr);
  const double host_time_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  counts.setup = executable->setup();
  counts.execution = execution.activity;
  for (const int output : bound.outputs) result.names.push_back(bound.value(output).name);
  result.ran_on_host = elsewhere(bound, *executable);
  Outcome outcome = outcome_of(context, *device, bound, *executable, counts, host_time_s);
  if (timed && context.measured() && outcome.work.macs > 0 && timing_available()) {
    std::vector<Tensor> again;
    MeasuredBody body{[&] { executable->run(inputs, again, Draw{}, nullptr); }};
    body.known = timing_of_long_call(host_time_s);
    add_measurement(outcome, context, body);
  }
  add_execution_lints(outcome, execution.lints);
  result.record = record_of(context, *device, std::move(outcome), inputs,
                            hybrid_ != nullptr ? hybrid_->canonical_map() : "");
  return result;
}

}  // namespace jb::harness
