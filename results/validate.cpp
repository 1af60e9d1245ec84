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

}  // namespace

std::vector<Violation> validate(const Record& record) {
  Findings out(record);
  check_identity(out);
  check_schema(out);
  check_status(out);
  check_quantities(out);
  check_macs(out);
  check_ledger(out);
  return out.take();
}

std::vector<Violation> validate(const std::vector<Record>& records) {
  std::vector<Violation> all;
  std::map<std::pair<std::string, std::string>, std::size_t> seen;
  for (const Record& record : records) {
    std::vector<Violation> found = validate(record);
    std::move(found.begin(), found.end(), std::back_inserter(all));
    const std::size_t times = ++seen[{record.run_id, record.record_id}];
    if (times == 2) {
      all.push_back({"duplicate-record", record.record_id,
                     fmt::format("run {} holds this record more than once.", record.run_id)});
    }
  }
  return all;
}

}  // namespace jb::results
