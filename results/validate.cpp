// Rules on identity, states, single numbers and sets of records; the ledger's rules lie beside.

#include "results/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <map>

#include "backends/core/text.h"
#include "results/label.h"
#include "results/metrics.h"
#include "results/statistics/bootstrap.h"
#include "results/validate_rules.h"

namespace jb::results {
namespace {

bool is_id(const std::string& id) {
  return id.size() == 16 && id.find_first_not_of("0123456789abcdef") == std::string::npos;
}

void check_identity(Findings& out) {
  const Record& record = out.record();
  for (const auto& [name, id] :
       {std::pair<const char*, const std::string&>{"record_id", record.record_id},
        {"point_id", record.point_id}}) {
    if (!is_id(id)) out.add("identity", fmt::format("{} '{}' is not 16 hex digits.", name, id));
  }
  const std::string point_id = point_id_of(record.point);
  if (is_id(record.point_id) && record.point_id != point_id) {
    out.add("identity",
            fmt::format("point_id is {}, but the point's hash is {}.", record.point_id, point_id));
  }
  const std::string record_id = record_id_of(record.point_id, record.versions);
  if (is_id(record.record_id) && record.record_id != record_id) {
    out.add("identity", fmt::format("record_id is {}, but the hash of point_id and versions is {}.",
                                    record.record_id, record_id));
  }
}

void check_schema(Findings& out) {
  const Record& record = out.record();
  for (const char* key : {"op", "backend", "device"}) {
    if (point_text(record.point, key).empty()) {
      out.add("schema", fmt::format("the point does not say its {}.", key));
    }
  }
  for (const char* key : {"model_version", "device_hash"}) {
    const std::string in_point = point_text(record.point, key);
    const std::string in_versions = point_text(record.versions, key);
    if (!in_point.empty() && in_point != in_versions) {
      out.add("schema", fmt::format("{} is {} in the point and {} in the versions.", key, in_point,
                                    in_versions.empty() ? "missing" : in_versions));
    }
  }
}

void check_status(Findings& out) {
  const Record& record = out.record();
  if (record.status != Status::ok && record.reason.empty()) {
    out.add("status", fmt::format("status is {} without a reason.", name_of(record.status)));
  }
  const bool did_not_run = record.status == Status::unsupported ||
                           record.status == Status::unavailable || record.status == Status::skipped;
  if (did_not_run && (!record.quantities.empty() || !record.ledger.empty())) {
    out.add("status",
            fmt::format("status is {}, yet the record holds numbers.", name_of(record.status)));
  }
}

void check_interval(const std::string& name, const Quantity& q, Findings& out) {
  if (q.n < 1) out.add("interval", fmt::format("{} has n = {}; at least 1 is needed.", name, q.n));
  if (q.ci_low.has_value() != q.ci_high.has_value() ||
      q.ci_low.has_value() == q.interval_kind.empty()) {
    out.add("interval", fmt::format("{} needs ci_low, ci_high and interval_kind together.", name));
    return;
  }
  if (!q.ci_low) return;
  constexpr std::array<std::string_view, 4> kKinds{"sampling", "instances", "constants",
                                                   "combined"};
  if (std::find(kKinds.begin(), kKinds.end(), q.interval_kind) == kKinds.end()) {
    out.add("interval",
            fmt::format("{} has the unknown interval kind '{}'.", name, q.interval_kind));
  }
  if (!std::isfinite(*q.ci_low) || !std::isfinite(*q.ci_high)) {
    out.add("finite", fmt::format("{} has an interval that is not finite.", name));
  } else if (q.value < *q.ci_low || q.value > *q.ci_high) {
    out.add("interval", fmt::format("{} = {} lies outside its interval [{}, {}].", name, q.value,
                                    *q.ci_low, *q.ci_high));
  }
}

bool ends_with(const std::string& text, std::string_view tail) {
  return text.size() >= tail.size() &&
         text.compare(text.size() - tail.size(), tail.size(), tail) == 0;
}

void check_range(const std::string& name, double value, Findings& out) {
  double low = 0;
  double high = HUGE_VAL;
  if (name == "sqnr_dB") {
    low = -HUGE_VAL;  // a product that is worse than zero has a negative one
  } else if (name == "accuracy_delta_frac") {
    low = -1;
    high = 1;
  } else if (name.rfind("measured_net_", 0) == 0) {
    low = -HUGE_VAL;  // noise of the idle power can exceed a small load
  } else if (ends_with(name, "_frac")) {
    high = 1;
  }
  if (value < low || value > high) {
    out.add("range", fmt::format("{} = {} is outside [{}, {}].", name, value, low, high));
  }
}

// "TDP" as a word of its own.
bool names_tdp(const std::string& text) {
  std::string lower;
  for (const char c : text) {
    lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  const auto is_letter = [&](std::size_t at) {
    return at < lower.size() && std::isalpha(static_cast<unsigned char>(lower[at])) != 0;
  };
  for (std::size_t at = lower.find("tdp"); at != std::string::npos;
       at = lower.find("tdp", at + 1)) {
    if ((at == 0 || !is_letter(at - 1)) && !is_letter(at + 3)) return true;
  }
  return false;
}

void check_provenance(const std::string& name, const Quantity& q, bool estimate, Findings& out) {
  const bool meter = name.rfind("measured_", 0) == 0;
  if (meter && q.provenance != Provenance::measured) {
    out.add("provenance",
            fmt::format("{} is called {}; only a meter writes it.", name, name_of(q.provenance)));
  }
  if (q.provenance == Provenance::measured && estimate && name != "host_time_s") {
    out.add("provenance", fmt::format("{} is called measured in an estimate.", name));
  }
  if (names_tdp(q.source)) {
    out.add("tdp", fmt::format("{} comes from '{}'; TDP x time is no energy.", name, q.source));
  }
}

void check_quantities(Findings& out) {
  const Record& record = out.record();
  const bool estimate = point_text(record.point, "estimate") == "true";
  for (const auto& entry : record.quantities) {
    const std::string& name = entry.first;
    const Quantity& q = entry.second;
    if (find_metric(name) == nullptr) {
      std::vector<std::string> known;
      for (const Metric& metric : metrics()) known.emplace_back(metric.name);
      out.add("unknown-metric", fmt::format("{} is in no row of the metric table{}.", name,
                                            did_you_mean(name, known)));
    }
    if (!std::isfinite(q.value)) {
      out.add("finite", fmt::format("{} is not finite.", name));
      continue;
    }
    check_interval(name, q, out);
    check_range(name, q.value, out);
    check_provenance(name, q, estimate, out);
  }
  for (const auto* rows : {&record.ledger, &record.setup_ledger}) {
    for (const RecordRow& row : *rows) {
      if (names_tdp(row.constant)) {
        out.add("tdp", fmt::format("row {}/{} is priced with {}; TDP x time is no energy.",
                                   row.component, row.action, row.constant));
      }
    }
  }
}

void check_macs(Findings& out) {
  const Record& record = out.record();
  const Work& work = record.work;
  if (!std::isfinite(work.macs) || !std::isfinite(work.executed_macs) ||
      !std::isfinite(work.compulsory_bytes)) {
    out.add("finite", "work holds a number that is not finite.");
    return;
  }
  if (work.macs < 0 || work.executed_macs < 0 || work.compulsory_bytes < 0) {
    out.add("range", "work holds a negative number.");
  }
  if (point_text(record.point, "op") != "gemm" || record.status != Status::ok) return;
  double product = 1;
  for (const char* key : {"m", "n", "k"}) {
    const auto it = record.point.find(key);
    if (it == record.point.end() || !it->is_number()) {
      out.add("macs", fmt::format("a gemm needs m, n and k; {} is missing.", key));
      return;
    }
    product *= it->get<double>();
  }
  if (!agrees(product, work.macs)) {
    out.add("macs", fmt::format("macs is {}, but m n k is {}.", work.macs, product));
  }
}

double number_in(const Json& object, const char* key) {
  const auto at = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && at != object.end() && at->is_number() ? at->get<double>() : 0;
}

// The samples behind a measured time are kept, so that anyone can compute its median again.
void check_samples(Findings& out) {
  const Record& record = out.record();
  const Quantity* time = record.find("device_time_s");
  const Json& measurement = record.measurement;
  if (time == nullptr || time->provenance != Provenance::measured || !measurement.is_object() ||
      !measurement.contains("times_s")) {
    return;
  }
  std::vector<double> samples;
  for (const Json& value : measurement["times_s"]) {
    if (value.is_number()) samples.push_back(value.get<double>());
  }
  if (samples.empty() || samples.size() != measurement["times_s"].size()) {
    out.add("samples", "measurement.times_s must hold numbers.");
    return;
  }
  std::sort(samples.begin(), samples.end());
  const double median = median_of_sorted(samples);
  if (!agrees(median, time->value)) {
    out.add("samples", fmt::format("device_time_s is {}, but the median of its samples is {}.",
                                   time->value, median));
  }
}

void check_rate(Findings& out) {
  const Record& record = out.record();
  const Quantity* time = record.find("device_time_s");
  const Quantity* rate = record.find("throughput_mac_per_s");
  // Of several instances both are means, and the mean of a ratio is not that of its parts.
  if (time == nullptr || rate == nullptr || time->n != rate->n ||
      time->interval_kind == "instances" || !(time->value >= 0) || !(rate->value >= 0) ||
      !std::isfinite(time->value) || !std::isfinite(rate->value)) {
    return;
  }
  if (!agrees(time->value * rate->value, record.work.macs)) {
    out.add("rate", fmt::format("device_time_s x throughput_mac_per_s is {} MACs, but macs is {}.",
                                time->value * rate->value, record.work.macs));
  }
}

void check_amortised(Findings& out) {
  const Record& record = out.record();
  const Quantity* amortised = record.find("amortised_energy_J_per_mac");
  if (amortised == nullptr) return;
  const auto search = record.extra.find("search");
  if (search == record.extra.end() || !(number_in(*search, "inferences") >= 1)) {
    out.add("amortised",
            "amortised_energy_J_per_mac needs `search`, which says over how many inferences.");
    return;
  }
  const Quantity* highest = nullptr;
  for (int b = kBoundaries - 1; b >= 0 && highest == nullptr; --b) {
    highest = record.find(fmt::format("energy_{}_J_per_mac", name_of(static_cast<Boundary>(b))));
  }
  if (highest == nullptr || amortised->value < highest->value) {
    out.add("amortised", "amortised_energy_J_per_mac must be at least the highest boundary's.");
  }
}

// What a reader must know of an ok record to use its number at all.
void check_context(Findings& out) {
  const Record& record = out.record();
  if (record.status != Status::ok) return;
  const std::string residency = point_text(record.point, "residency");
  if (!residency.empty() && residency != "cold" && residency != "warm" && residency != "resident") {
    out.add("residency", fmt::format("residency '{}' is none of cold, warm, resident.", residency));
  }
  if (point_text(record.point, "precision").empty()) {
    out.add("precision", "the point does not say its precision.");
  }
  const bool data = record.point.contains("data") || record.point.contains("dataset");
  if (!data) out.add("data", "the point says neither its distribution and seed nor its data set.");
}

constexpr std::array<Check, 30> kChecks{{
    {"identity", Check::Scope::record,
     "ids are 16 hex digits and are the hashes of point and versions"},
    {"schema", Check::Scope::record,
     "the JSON Schema is met; the point holds op, backend, device; versions agree with the point"},
    {"status", Check::Scope::record,
     "not ok has a reason; a point that could not run holds no numbers"},
    {"finite", Check::Scope::record, "no NaN, no infinity"},
    {"unknown-metric", Check::Scope::record, "every quantity is in the metric table"},
    {"interval", Check::Scope::record,
     "ci_low <= value <= ci_high, both or none, with a known kind; n >= 1"},
    {"range", Check::Scope::record,
     "energies, times, rates, errors not negative; shares and accuracies in [0, 1]"},
    {"provenance", Check::Scope::record,
     "ledger numbers are not measured and not stronger than their rows; meter numbers are "
     "measured; "
     "an estimate holds no measured number but host time"},
    {"tdp", Check::Scope::record, "TDP x time is no energy"},
    {"macs", Check::Scope::record, "macs = m n k of a gemm"},
    {"row-product", Check::Scope::record, "count x energy_per_action = energy (1e-9)"},
    {"ledger-sum", Check::Scope::record,
     "rows up to Bx = energy_Bx_J_per_mac x macs; movement rows up to B2 = data_movement_J_per_mac "
     "x "
     "macs; setup rows = setup + calibration energy (1e-9)"},
    {"boundary-order", Check::Scope::record,
     "energies grow with the boundary and leave no boundary out; net <= gross"},
    {"theory-bound", Check::Scope::record, "an idealised device stops at B0"},
    {"samples", Check::Scope::record, "a measured time is the median of the samples kept"},
    {"rate", Check::Scope::record, "device time x throughput = macs"},
    {"amortised", Check::Scope::record,
     "an amortised energy says its inferences and is not below the energy it adds to"},
    {"residency", Check::Scope::record, "cold, warm or resident"},
    {"precision", Check::Scope::record, "an ok point says its precision"},
    {"data", Check::Scope::record, "an ok point says its data: distribution and seed, or data set"},
    {"duplicate-record", Check::Scope::set, "no run holds a record_id twice"},
    {"one-machine", Check::Scope::set, "measured points of one run come from one machine"},
    {"run", Check::Scope::submission,
     "run.json meets its schema, is done, and its points all have records"},
    {"environment", Check::Scope::submission,
     "run.json describes build, libraries, tables, host and what would spoil a measurement"},
    {"accuracy", Check::Scope::submission,
     "ok points that computed carry their error against float64; those on a data set their "
     "accuracy"},
    {"uncertainty", Check::Scope::submission, "every modelled energy carries an interval"},
    {"source", Check::Scope::submission,
     "every number names its source, every ledger row its constant, class and source"},
    {"repeats", Check::Scope::submission, "measured times rest on at least 5 samples"},
    {"repro", Check::Scope::submission, "every record holds the command that makes it again"},
    {"declaration", Check::Scope::submission, "declaration.json answers what cannot be checked"},
}};

}  // namespace

std::span<const Check> checks() noexcept { return kChecks; }

std::vector<Violation> validate(const Record& record) {
  Findings out(record);
  check_identity(out);
  check_schema(out);
  check_status(out);
  check_quantities(out);
  check_macs(out);
  check_ledger(out);
  check_samples(out);
  check_rate(out);
  check_amortised(out);
  check_context(out);
  return out.take();
}

std::vector<Violation> validate(const std::vector<Record>& records) {
  std::vector<Violation> all;
  SetChecks set;
  for (const Record& record : records) {
    std::vector<Violation> found = validate(record);
    std::move(found.begin(), found.end(), std::back_inserter(all));
    set.take(record, all);
  }
  return all;
}

void SetChecks::take(const Record& record, std::vector<Violation>& out) {
  if (++seen_[{record.run_id, record.record_id}] == 2) {
    out.push_back({"duplicate-record", record.record_id,
                   fmt::format("run {} holds this record more than once.", record.run_id)});
  }
  const std::string machine = point_text(record.measurement, "machine");
  if (machine.empty()) return;
  const auto [at, first] = machines_.emplace(record.run_id, machine);
  if (!first && at->second != machine) {
    out.push_back(
        {"one-machine", record.record_id,
         fmt::format("run {} measured on {} and on {}.", record.run_id, at->second, machine)});
  }
}

Division ValidationReport::division() const noexcept {
  if (measured > 0) return modelled > 0 ? Division::mixed : Division::measured;
  return Division::modelled;
}

std::string_view name_of(Division division) noexcept {
  switch (division) {
    case Division::measured:
      return "measured";
    case Division::modelled:
      return "modelled";
    case Division::mixed:
      return "mixed";
  }
  return "mixed";
}

}  // namespace jb::results
