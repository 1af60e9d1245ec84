#include "harness/knob_search.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "backends/analog/schedule.h"
#include "backends/core/text.h"
#include "harness/point_identity.h"

namespace jb::harness {
namespace {

constexpr const char* kPrecision = "precision";
constexpr const char* kCalibrate = "calibrate";
constexpr const char* kAmortised = "amortised_energy_J_per_mac";

std::string device_of(const PointSpec& point) {
  const Backend& backend = find_backend(point.backend);
  return point.device.empty() ? backend.info().default_device : point.device;
}

/// The knob that decides accuracy and energy of this kind of machine.
std::string usual_knob(const PointSpec& point) {
  const Backend& backend = find_backend(point.backend);
  const DeviceSpec spec = load_device(backend, device_of(point));
  for (const char* key : {"n_mac", "adc.bits"}) {
    for (const ParameterSpec& parameter : spec.schema()) {
      if (parameter.key == key) return key;
    }
  }
  return kPrecision;
}

/// The knob's row of the schema, and its value in the device file.
std::pair<ParameterSpec, double> knob_of(const PointSpec& base, const std::string& knob) {
  const DeviceSpec spec = load_device(find_backend(base.backend), device_of(base));
  std::vector<std::string> numbers = {kPrecision, kCalibrate};
  for (const ParameterSpec& key : spec.schema()) {
    if (key.type != ParameterType::number && key.type != ParameterType::integer) continue;
    if (key.key == knob) return {key, spec.number(knob)};
    numbers.push_back(key.key);
  }
  fail_usage("--target-knob {}: device '{}' of {} has no such number{}", knob, device_of(base),
             base.backend, did_you_mean(knob, numbers));
}

/// MACs of one sample.
double macs_per_inference(const results::Record& record) {
  const auto number = [](const Json& object, const char* key) {
    const auto at = object.is_object() ? object.find(key) : object.end();
    return object.is_object() && at != object.end() && at->is_number() ? at->get<double>() : 0.0;
  };
  double samples = number(record.measurement, "samples");
  if (samples <= 0) samples = number(record.point, "m");
  if (samples <= 0) samples = number(record.point, "batch");
  if (record.point.is_object() && record.point.contains("conv")) {
    samples = number(record.point["conv"], "N");
  }
  return record.work.macs / std::max(1.0, samples);
}

const results::Quantity* highest_energy(const results::Record& record) {
  for (int b = kBoundaries - 1; b >= 0; --b) {
    const std::string name =
        fmt::format("energy_{}_J_per_mac", jb::name_of(static_cast<Boundary>(b)));
    if (const results::Quantity* energy = record.find(name)) return energy;
  }
  return nullptr;
}

Json number_or_null(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

}  // namespace

std::optional<double> amortised_J_per_mac(const results::Record& record, std::int64_t inferences) {
  const results::Quantity* energy = highest_energy(record);
  if (energy == nullptr || !(record.work.macs > 0)) return std::nullopt;
  double once = 0;
  for (const char* name : {"setup_energy_J", "calibration_energy_J"}) {
    if (const results::Quantity* q = record.find(name)) once += q->value;
  }
  return energy->value + once / (static_cast<double>(inferences) * macs_per_inference(record));
}

KnobSearch::KnobSearch(const PointSpec& base, const SearchTarget& target)
    : base_(base), target_(target) {
  if (!base.map.empty()) fail_usage("a target is searched on one machine; drop --map");
  if (target_.inferences < 1) fail_usage("--inferences must be at least 1");
  if (target_.knob.empty()) target_.knob = usual_knob(base);
  if (base.set.count(target_.knob) != 0) {
    fail_usage("--target-knob {}: --set gives it a value; drop one of them", target_.knob);
  }
  if (target_.quantity == "accuracy_top1_frac" && base.op != Op::network) {
    fail_usage(
        "a target accuracy needs a network; of a product give --target-error, its relative error");
  }
  if (target_.knob == kPrecision) {
    search_precisions();
  } else if (target_.knob == kCalibrate) {
    search_intervals();
  } else {
    search_parameter();
  }
}

void KnobSearch::check_range(double min, double max) const {
  if (!(target_.low > 0) || !(target_.low < target_.high) || target_.low < min ||
      target_.high > max) {
    fail_usage(
        "--target-range {}:{}: the range of {} must rise, start above 0 and lie within {} "
        "to {}",
        shortest(target_.low), shortest(target_.high), target_.knob, shortest(min), shortest(max));
  }
}

void KnobSearch::search_parameter() {
  const auto& [parameter, value] = knob_of(base_, target_.knob);
  whole_ = parameter.type == ParameterType::integer;
  if (target_.low == 0 && target_.high == 0) {
    const double middle = value > 0 ? value : std::sqrt(parameter.min * parameter.max);
    // Zero bits mean no converter; a search goes over those there are.
    target_.low = std::max(parameter.min, whole_ ? 1.0 : middle / kSpan);
    target_.high = std::min(parameter.max, middle * kSpan);
    if (whole_) target_.high = std::floor(target_.high);
  }
  check_range(parameter.min, parameter.max);
  if (!whole_ || target_.high - target_.low >= kMostTried) return;
  std::vector<std::string> values;
  for (double v = std::ceil(target_.low); v <= target_.high; ++v) values.push_back(shortest(v));
  try_all(std::move(values));
}

void KnobSearch::search_precisions() {
  if (base_.precision)
    fail_usage("--target-knob precision: --precision is given; drop one of them");
  std::vector<std::string> names;
  for (const ElementType type : find_backend(base_.backend).info().precisions) {
    names.emplace_back(jb::name_of(type));
  }
  try_all(std::move(names));
}

void KnobSearch::search_intervals() {
  if (!(base_.age_s > 0)) {
    fail_usage("--target-knob calibrate: how often to calibrate matters with --age S above 0");
  }
  const Backend& backend = find_backend(base_.backend);
  std::string method;
  if (base_.calibration) {
    const analog::Schedule schedule = analog::schedule_from(*base_.calibration);
    if (schedule.repeats()) {
      fail_usage("--target-knob calibrate: --calibrate {} names an interval; give the method alone",
                 *base_.calibration);
    }
    method = schedule.method;
  } else {
    DeviceSpec spec = load_device(backend, device_of(base_));
    for (const auto& [key, value] : base_.set) spec.set(key, value);
    const auto device =
        backend.open(spec, DeviceInstance{base_.seed, 0, precision_of(base_, backend.info())});
    const std::vector<std::string> methods = device->calibration_methods();
    const auto real = std::find_if(methods.begin(), methods.end(),
                                   [](const std::string& name) { return name != "none"; });
    if (real != methods.end()) method = *real;
  }
  if (method.empty() || method == "none") {
    fail_usage("--target-knob calibrate: device '{}' has no calibration", device_of(base_));
  }
  constexpr int kPerDecade = 2;
  if (target_.low == 0 && target_.high == 0) {
    target_.low = base_.age_s / 1000;  // a thousand calibrations up to this age
    target_.high = base_.age_s;
  }
  check_range(1e-6, base_.age_s);
  std::vector<std::string> values;
  const double steps = std::ceil(kPerDecade * std::log10(target_.high / target_.low));
  for (double i = 0; i <= steps; ++i) {
    const double interval = target_.low * std::pow(target_.high / target_.low, i / steps);
    double rounded = interval;
    parse_number(fmt::format("{:.4g}", std::min(interval, target_.high)), rounded);
    values.push_back(fmt::format("{}@every={}", method, shortest(rounded)));
  }
  try_all(std::move(values));
}

void KnobSearch::try_all(std::vector<std::string> values) {
  values_ = std::move(values);
  step_ = values_.empty() ? Step::done : Step::all;
  if (values_.empty()) trouble_ = "there is nothing to try";
}

double KnobSearch::probe_number() const {
  if (step_ == Step::high) return target_.high;
  if (step_ == Step::descend) return top_;
  if (step_ == Step::low) return target_.low;
  const double middle = std::sqrt(fails_ * meets_);
  if (!whole_) return middle;
  return std::clamp(std::round(middle), fails_ + 1, meets_ - 1);
}

std::string KnobSearch::probe() const {
  return step_ == Step::all ? values_.at(probes_.size()) : shortest(probe_number());
}

bool KnobSearch::narrow() const {
  return whole_ ? meets_ - fails_ <= 1 : meets_ <= fails_ * kWidth;
}

std::optional<PointSpec> KnobSearch::next() const {
  if (step_ == Step::done) return std::nullopt;
  PointSpec point = base_;
  if (target_.knob == kPrecision) {
    point.precision = element_type_from(probe());
  } else if (target_.knob == kCalibrate) {
    point.calibration = probe();
  } else {
    point.set[target_.knob] = probe();
  }
  return point;
}

void KnobSearch::keep(const results::Record& record, const Probe& probe) {
  // The last of equals: a bisection goes down to the least setting.
  const auto& cost = probe.amortised_J;
  const auto& best_cost = met() ? probes_[best_probe_].amortised_J : cost;
  const bool cheaper = !met() || !cost || !best_cost || *cost <= *best_cost;
  if (probe.met && cheaper) {
    best_ = record;
    best_probe_ = probes_.size();
  }
  const bool nearer = !nearest_quantity_ ||
                      (probe.quantity && (target_.at_most ? *probe.quantity < *nearest_quantity_
                                                          : *probe.quantity > *nearest_quantity_));
  if (nearer) {
    nearest_ = record;
    nearest_quantity_ = probe.quantity;
  }
}

void KnobSearch::take(const results::Record& record) {
  Probe now;
  now.value = probe();
  now.record_id = record.record_id;
  const results::Quantity* quantity = record.find(target_.quantity);
  if (record.status == results::Status::ok && quantity != nullptr) {
    now.quantity = quantity->value;
    now.met = target_.at_most ? quantity->value <= target_.limit : quantity->value >= target_.limit;
    now.amortised_J = amortised_J_per_mac(record, target_.inferences);
  } else {
    now.reason = record.reason.empty() ? "its record has no " + target_.quantity : record.reason;
    trouble_ = now.reason;
  }
  const double value = step_ == Step::all ? 0 : probe_number();
  keep(record, now);
  probes_.push_back(now);
  if (step_ != Step::all) return bisect(now, value);
  if (probes_.size() < values_.size()) return;
  step_ = Step::done;
  if (!met() && nearest_quantity_) {
    trouble_ =
        fmt::format("the best of {} settings gave {:.4g}", probes_.size(), *nearest_quantity_);
  }
}

void KnobSearch::bisect(const Probe& probe, double value) {
  if (!probe.quantity) {
    step_ = Step::done;
    return;
  }
  (probe.met ? meets_ : fails_) = value;
  if (step_ == Step::high || step_ == Step::descend) {
    if (probe.met) {
      step_ = Step::low;
      return;
    }
    constexpr double kDecade = 10;
    top_ = whole_ ? std::floor(value / kDecade) : value / kDecade;
    // Past its best a quantity gets worse again: what clips lies above, noise below.
    const bool past_best =
        nearest_quantity_ && (target_.at_most ? *probe.quantity > *nearest_quantity_
                                              : *probe.quantity < *nearest_quantity_);
    step_ = top_ > target_.low && !past_best ? Step::descend : Step::done;
    trouble_ = fmt::format("the best of {} settings gave {:.4g}", probes_.size(),
                           nearest_quantity_.value_or(*probe.quantity));
  } else if (step_ == Step::low && probe.met) {
    step_ = Step::done;  // the least value of the range is enough
  } else {
    step_ = narrow() ? Step::done : Step::between;
  }
}

std::string KnobSearch::wanted() const {
  return fmt::format("{} {} {}", target_.quantity,
                     target_.at_most ? "<=" : ">=", shortest(target_.limit));
}

std::string KnobSearch::summary() const {
  if (!best_) return fmt::format("no {} reaches {}: {}", target_.knob, wanted(), trouble_);
  const Probe& probe = probes_[best_probe_];
  std::string text = fmt::format("{} = {} reaches {} ({:.4g}", target_.knob, probe.value, wanted(),
                                 *probe.quantity);
  if (probe.amortised_J) {
    text += fmt::format(", {:.4g} J/MAC with set-up and calibration spread over {} inferences",
                        *probe.amortised_J, target_.inferences);
  }
  return text + ")";
}

Json KnobSearch::to_json() const {
  Json json = {{"knob", target_.knob},
               {"quantity", target_.quantity},
               {"limit", target_.limit},
               {"meets", target_.at_most ? "at most" : "at least"},
               {"inferences", target_.inferences}};
  if (target_.high > 0) json["range"] = {target_.low, target_.high};
  Json& probes = json["probes"] = Json::array();
  for (const Probe& probe : probes_) {
    Json entry = {{"value", probe.value}, {"record_id", probe.record_id}};
    entry[target_.quantity] = number_or_null(probe.quantity);
    entry[kAmortised] = number_or_null(probe.amortised_J);
    entry["met"] = probe.met;
    if (!probe.reason.empty()) entry["reason"] = probe.reason;
    probes.push_back(std::move(entry));
  }
  json["met"] = met();
  if (best_) {
    json["value"] = probes_[best_probe_].value;
    json["record_id"] = best_->record_id;
  } else {
    json["reason"] = trouble_;
  }
  return json;
}

results::Record KnobSearch::found() const {
  if (!best_ && !nearest_) fail_internal("a search that has run nothing found nothing");
  results::Record record = best_ ? *best_ : *nearest_;
  record.extra["search"] = to_json();
  if (const auto amortised = amortised_J_per_mac(record, target_.inferences);
      amortised && record.status == results::Status::ok) {
    results::Quantity quantity;
    quantity.value = *amortised;
    quantity.provenance = highest_energy(record)->provenance;
    quantity.source = fmt::format(
        "highest boundary + set-up and calibration spread over {} inferences", target_.inferences);
    record.quantities[kAmortised] = quantity;
  }
  return record;
}

}  // namespace jb::harness
