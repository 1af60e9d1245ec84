#include "harness/runner.h"

#include <fmt/core.h>

#include <algorithm>
#include <new>
#include <set>
#include <utility>

#include "backends/analog/schedule.h"
#include "backends/core/text.h"
#include "backends/core/threads.h"
#include "backends/energy/bounds.h"
#include "harness/host_matrix.h"
#include "harness/metering.h"
#include "harness/network_files.h"
#include "harness/network_map.h"
#include "harness/network_source.h"
#include "harness/operands.h"
#include "harness/point_context.h"
#include "harness/point_identity.h"
#include "harness/quantisation_ranges.h"
#include "harness/run_folder.h"
#include "harness/workload_cache.h"
#include "results/statistics/constants.h"

namespace jb::harness {
namespace {

constexpr const char* kMadeDataset = "synthetic-digits";  // the set that the program makes itself

/// The backend of a point, or the machines of its map as one.
class BackendOf {
 public:
  explicit BackendOf(const PointSpec& point) {
    if (point.map.empty()) {
      backend_ = &find_backend(point.backend);
    } else {
      hybrid_ = std::make_unique<HybridBackend>(point);
    }
  }
  [[nodiscard]] const Backend& get() const { return hybrid_ != nullptr ? *hybrid_ : *backend_; }

 private:
  const Backend* backend_ = nullptr;
  std::unique_ptr<HybridBackend> hybrid_;
};

/// The device file with the point's overrides.
DeviceSpec device_spec(const PointSpec& point, const Backend& backend) {
  if (const auto* hybrid = dynamic_cast<const HybridBackend*>(&backend)) return hybrid->spec();
  const std::string name = point.device.empty() ? backend.info().default_device : point.device;
  DeviceSpec spec = load_device(backend, name);
  for (const auto& [key, value] : point.set) spec.set(key, value);
  return spec;
}

void check_precision(const PointSpec& point, const BackendInfo& info) {
  if (!point.precision) return;
  std::vector<std::string> names;
  for (const ElementType type : info.precisions) names.emplace_back(name_of(type));
  if (std::find(info.precisions.begin(), info.precisions.end(), *point.precision) ==
      info.precisions.end()) {
    std::vector<std::string> others;
    for (const Backend* other : backends()) {
      const std::vector<ElementType>& has = other->info().precisions;
      if (std::find(has.begin(), has.end(), *point.precision) != has.end()) {
        others.push_back("--backend " + other->info().id);
      }
    }
    fail_usage("backend '{}' has no precision {} (it has: {}){}", info.id,
               name_of(*point.precision), join(names),
               others.empty() ? "" : "; with " + join(others, " or ") + " it runs");
  }
}

std::string map_of(const Backend& backend) {
  const auto* hybrid = dynamic_cast<const HybridBackend*>(&backend);
  return hybrid != nullptr ? hybrid->canonical_map() : std::string();
}

/// Identity of a point whose device cannot be opened here: the device file where there is one.
DeviceIdentity closed_identity(const PointSpec& point, const Backend& backend) {
  DeviceIdentity identity;
  identity.calibration = point.calibration.value_or("none");
  identity.map = map_of(backend);
  if (identity.map.empty() && preset_names(backend.info().id).empty() && point.device.empty()) {
    identity.name = backend.info().default_device;
    return identity;
  }
  const DeviceSpec spec = device_spec(point, backend);
  identity.name = spec.name();
  identity.hash = spec.hash();
  identity.theory_bound = spec.theory_bound();
  return identity;
}

Json versions_json(const Backend& backend, const DeviceIdentity& identity) {
  static const std::string tables = tables_hash();  // they do not change while the program runs
  return {{"model_version", backend.info().model_version},
          {"device_hash", identity.hash},
          {"tables_hash", tables}};
}

/// Light of photonic machines, so that views can tell optical energy from the machine's.
void add_photons(const DeviceSpec& spec, Outcome& outcome) {
  const auto has = [&spec](const char* key) {
    return std::any_of(spec.schema().begin(), spec.schema().end(),
                       [key](const ParameterSpec& p) { return p.key == key; });
  };
  if (outcome.status != results::Status::ok || !has("n_mac") || !has("wavelength_nm")) return;
  outcome.measurement["photons_per_mac"] = spec.number("n_mac");
  outcome.measurement["photon_energy_J"] =
      kPlanck_J_s * kSpeedOfLight_m_per_s / (spec.number("wavelength_nm") * 1e-9);
}

/// Data of a multiply: whose values, by their hash.
std::string hash_of(const ConstMatrixRef& x) {
  const Matrix<double> values = copy_as<double>(x);
  const auto bytes = static_cast<std::size_t>(values.size()) * sizeof(double);
  // The bytes of doubles, read as characters, are what is hashed.
  const std::string_view text(reinterpret_cast<const char*>(values.data()), bytes);
  return hash_hex(fmt::format("{}x{}:{}", x.rows, x.cols, hash_hex(text)));
}

/// A run of one point: gemm with the caller's operands, or an op of the point's own.
struct Job {
  const PointSpec& point;
  const RunOptions& options;
  const GemmOperands* operands = nullptr;       ///< of multiply
  const GivenStatistics* statistics = nullptr;  ///< of estimates
};

class PointRun {
 public:
  PointRun(const Job& job, const Backend& backend) : job_(job), backend_(backend) {}

  results::Record run() {
    const BackendInfo& info = backend_.info();
    check_precision(job_.point, info);
    // An estimate computes nothing: a description needs no machine.
    if (const Support available = backend_.available(); !available && !job_.point.estimate) {
      return record_of(Outcome::stopped(results::Status::unavailable, available.reason),
                       closed_identity(job_.point, backend_));
    }
    const DeviceSpec spec = device_spec(job_.point, backend_);
    identity_ = {spec.name(), spec.hash(),         job_.point.calibration.value_or("none"),
                 "",          spec.theory_bound(), map_of(backend_)};
    Outcome outcome = guarded_run(spec);
    add_photons(spec, outcome);
    identity_.implementation = outcome.implementation;
    return record_of(std::move(outcome), identity_);
  }

  results::Record record_of(Outcome outcome, const DeviceIdentity& identity) {
    results::Record record;
    record.run_id = job_.options.run_id;
    record.time_utc = utc_now();
    record.status = outcome.status;
    record.reason = std::move(outcome.reason);
    record.point = identity_json(job_.point, backend_.info(), identity);
    if (job_.operands != nullptr) {
      record.point["data"] = {{"dist", "given"},
                              {"hash_a", hash_of(job_.operands->a)},
                              {"hash_b", hash_of(job_.operands->b)}};
    } else {
      record.repro = repro_line(job_.point);
    }
    record.versions = versions_json(backend_, identity);
    record.point_id = results::point_id_of(record.point);
    record.record_id = results::record_id_of(record.point_id, record.versions);
    keep_network_files(outcome, record.record_id, job_.options.directory);
    record.work = outcome.work;
    record.quantities = std::move(outcome.quantities);
    record.ledger = std::move(outcome.ledger);
    record.setup_ledger = std::move(outcome.setup_ledger);
    record.verification = std::move(outcome.verification);
    record.measurement = std::move(outcome.measurement);
    record.statistics = std::move(outcome.statistics);
    if (!outcome.operands.empty()) record.statistics = statistics_json(outcome.operands);
    record.lints = std::move(outcome.lints);
    // The draws of a constant are the same for all points; each thread keeps them.
    thread_local results::ConstantDraws draws;
    results::add_constant_intervals(record, draws);
    return record;
  }

 private:
  Outcome run_instances(const DeviceSpec& spec) {
    const PointSpec& point = job_.point;
    const PointContext context{point, job_.options, backend_, spec,
                               precision_of(point, backend_.info())};
    if (context.measured() && point.instances > 1) {
      return Outcome::stopped(results::Status::unsupported,
                              "a measured machine is one instance; --instances is for simulators");
    }
    if (const Metering* metering = job_.options.metering.get();
        metering != nullptr && metering->mode == EnergyMode::meter) {
      if (const Support meter = can_be_metered(point, *metering); !meter) {
        return Outcome::stopped(
            context.measured() ? results::Status::unavailable : results::Status::unsupported,
            meter.reason);
      }
    }
    std::vector<Outcome> outcomes;
    for (std::int64_t i = 0; i < point.instances; ++i) {
      const DeviceInstance instance{point.seed, static_cast<std::uint32_t>(i), context.precision};
      const auto device = open(spec, instance);
      if (!device) {
        return Outcome::stopped(results::Status::unavailable, backend_.available().reason);
      }
      identity_.calibration = calibration_of(point, *device);
      outcomes.push_back(run_on(context, *device));
      const results::Status status = outcomes.back().status;
      if (status != results::Status::ok && status != results::Status::inconsistent) {
        return outcomes.back();
      }
      add_area(outcomes.back(), *device);
    }
    return average(outcomes);
  }

  /// Null when the backend is not available and, even for an estimate, opens no device.
  std::unique_ptr<Device> open(const DeviceSpec& spec, const DeviceInstance& instance) const {
    if (backend_.available()) return backend_.open(spec, instance);
    try {
      return backend_.open(spec, instance);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::not_available) throw;
      return nullptr;
    }
  }

  Outcome run_on(const PointContext& context, Device& device) {
    if (context.point.estimate) {
      return estimate_on(context, device, job_.statistics);
    }
    switch (context.point.op) {
      case Op::gemm:
        return run_gemm(context, device, gemm_operands(context));
      case Op::conv2d:
        return run_conv(context, device);
      case Op::network:
        return run_network(context, device);
      case Op::training:
        return run_training(context, device);
    }
    fail_internal("unknown op");
  }

  /// Operands are made once for all instances, and only if they fit.
  GemmOperands gemm_operands(const PointContext& context) {
    if (job_.operands != nullptr) return *job_.operands;
    const PointSpec& point = context.point;
    const GemmShape& shape = point.gemm;
    if (a_.ref().rows == 0) {
      const ElementType host = context.host_type();
      const double elements = static_cast<double>(shape.m) * static_cast<double>(shape.k) +
                              static_cast<double>(shape.k) * static_cast<double>(shape.n) +
                              static_cast<double>(shape.m) * static_cast<double>(shape.n);
      if (const Support memory = fits_in_memory(elements * (bytes_of(host) + 4)); !memory) {
        throw CannotRun{results::Status::unsupported, memory.reason};
      }
      a_ = HostMatrix(make_operand(OperandRole::a, shape.m, shape.k, point.dist, point.seed), host);
      b_ = HostMatrix(make_operand(OperandRole::b, shape.k, shape.n, point.dist, point.seed), host);
      c_ = HostMatrix(shape.m, shape.n, host);
    }
    return {shape, std::as_const(a_).ref(), std::as_const(b_).ref(), c_.ref()};
  }

  /// What goes wrong inside a point belongs to the point; bad input is the caller's.
  Outcome guarded_run(const DeviceSpec& spec) {
    using results::Status;
    try {
      return run_instances(spec);
    } catch (const CannotRun& cannot) {
      return Outcome::stopped(cannot.status, cannot.reason);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::usage) throw;
      if (error.code() == ErrorCode::not_available) {
        return Outcome::stopped(Status::unavailable, error.what());
      }
      return Outcome::stopped(Status::failed, error.what());
    } catch (const std::bad_alloc&) {
      return Outcome::stopped(Status::failed, "the computer ran out of memory");
    } catch (const std::exception& error) {
      return Outcome::stopped(Status::failed, error.what());
    }
  }

  Job job_;
  const Backend& backend_;
  DeviceIdentity identity_;
  HostMatrix a_, b_, c_;
};

results::Record run_job(const Job& job) {
  check_point(job.point);
  PointSpec point = job.point;
  resolve_network(point);
  const BackendOf backend(point);
  if (job.options.alone) set_thread_count(threads_of(point));
  return PointRun({point, job.options, job.operands, job.statistics}, backend.get()).run();
}

}  // namespace

results::Record failed_record(const PointSpec& point, const RunOptions& options,
                              const std::string& reason) {
  const BackendOf of(point);
  const Backend& backend = of.get();
  DeviceIdentity identity;
  identity.name = point.device.empty() ? backend.info().default_device : point.device;
  identity.map = map_of(backend);
  return PointRun({point, options, nullptr, nullptr}, backend)
      .record_of(Outcome::stopped(results::Status::failed, reason), identity);
}

namespace {}  // namespace

Json versions_now(const PointSpec& given) {
  PointSpec point = given;
  resolve_network(point);
  const BackendOf backend(point);
  return versions_json(backend.get(), closed_identity(point, backend.get()));
}

bool runs_beside_others(const PointSpec& point) {
  if (point.op == Op::training || point.threads != 0) return false;
  if (point.estimate) return true;
  if (!point.map.empty() || !find_backend(point.backend).info().simulated) return false;
  // What fills the memory or every core by itself gains nothing from company.
  constexpr double kLargeBytes = 256.0 * 1024 * 1024;
  if (point.op == Op::network) return point.onnx.empty() && point.network.rfind("mlp-", 0) == 0;
  if (point.op == Op::conv2d) return point.conv.macs() < 1e9;
  const GemmShape& s = point.gemm;
  const auto area = [](std::int64_t a, std::int64_t b) {
    return static_cast<double>(a) * static_cast<double>(b);
  };
  return 8 * (area(s.m, s.k) + area(s.k, s.n) + area(s.m, s.n)) < kLargeBytes;
}

namespace {

void check_calibration(const PointSpec& point, const Device& device) {
  const analog::Schedule schedule = analog::schedule_from(calibration_of(point, device));
  const std::string& method = schedule.method;
  const std::vector<std::string> known = device.calibration_methods();
  if (method != "none" && std::find(known.begin(), known.end(), method) == known.end()) {
    fail_usage("device '{}' has no calibration method '{}'{} (it has: {})", device.spec().name(),
               method, did_you_mean(method, known), join(known));
  }
  if (schedule.kind == analog::Schedule::Kind::error && !device.sees_drift()) {
    fail_usage("--calibrate {}: device '{}' cannot see its own error; use @every=S or @log=F",
               *point.calibration, device.spec().name());
  }
}

}  // namespace

results::Record run_point(const PointSpec& point, const RunOptions& options) {
  if (point.estimate) return estimate_point(point, options);
  return run_job({point, options, nullptr, nullptr});
}

results::Record estimate_point(const PointSpec& point, const RunOptions& options,
                               const GivenStatistics* statistics) {
  PointSpec estimated = point;
  estimated.estimate = true;
  return run_job({estimated, options, nullptr, statistics});
}

results::Record multiply_point(const PointSpec& point, const ConstMatrixRef& a,
                               const ConstMatrixRef& b, const MatrixRef& c,
                               const RunOptions& options) {
  if (a.cols != b.rows) {
    fail_usage("A is {} x {} and B is {} x {}: A must have as many columns as B has rows", a.rows,
               a.cols, b.rows, b.cols);
  }
  if (c.rows != a.rows || c.cols != b.cols || c.type != a.type || c.type != b.type) {
    fail_internal("the result of a product must be {} x {} and of its operands' type", a.rows,
                  b.cols);
  }
  if (has_non_finite(a) || has_non_finite(b)) {
    fail_usage("{} holds NaN or infinite elements: mend the matrix before multiplying",
               has_non_finite(a) ? "A" : "B");
  }
  PointSpec multiply = point;
  multiply.op = Op::gemm;
  multiply.gemm = {a.rows, b.cols, a.cols};
  multiply.shape_name.clear();
  multiply.estimate = false;
  const GemmOperands operands{multiply.gemm, a, b, c};
  return run_job({multiply, options, &operands, nullptr});
}

bool computes_f64(const Backend& backend) {
  const BackendInfo& info = backend.info();
  const bool native = std::find(info.precisions.begin(), info.precisions.end(), ElementType::f64) !=
                      info.precisions.end();
  return info.simulated || native;
}

namespace {

void check_network(const PointSpec& point) {
  const auto source = open_network(point);
  (void)source->graph.bind(source->samples_per_run(point.batch));
  // Made-up data cannot be missing; files can, and are read again by the run.
  const bool made_here = point.dataset == kMadeDataset && point.data_dir.empty();
  const bool calibrates = !point.ptq.empty() && !point.estimate;
  if (!point.dataset.empty() && (!made_here || calibrates)) {
    const models::Dataset data = models::load_dataset(point.dataset, point.data_dir);
    check_fits(*source, data);
    if (calibrates) (void)checked_calibration_images(data, point);
  }
}

void check_machine(const PointSpec& point) {
  const BackendOf of(point);
  const Backend& backend = of.get();
  check_precision(point, backend.info());
  if (!backend.available()) {
    closed_identity(point, backend);
    return;
  }
  const DeviceSpec spec = device_spec(point, backend);
  const auto device =
      backend.open(spec, DeviceInstance{point.seed, 0, precision_of(point, backend.info())});
  check_calibration(point, *device);
  if (!point.map.empty()) {
    const auto source = open_network(point);
    // Patterns that match nothing, and nodes without a machine.
    CompileOptions options;
    options.dynamic = point.dynamic.value_or(DynamicPolicy::backend);
    (void)device->supports_network(source->graph.bind(source->samples_per_run(point.batch)),
                                   options);
  }
}

}  // namespace

void check_runnable(const std::vector<PointSpec>& points) {
  // Points of a sweep share a network and its data, which are looked at once.
  std::set<std::vector<std::string>> seen;
  for (const PointSpec& point : points) {
    check_point(point);
    if (point.op == Op::network &&
        seen.insert({point.network, point.onnx, point.dataset, point.data_dir,
                     std::to_string(point.batch), std::to_string(point.seed), point.ptq,
                     std::to_string(point.calibration_samples)})
            .second) {
      check_network(point);
    }
    if (point.op == Op::training) check_training_data(point);
    check_machine(point);
  }
}

void check_runnable(const PointSpec& point) { check_runnable(std::vector<PointSpec>{point}); }

}  // namespace jb::harness
