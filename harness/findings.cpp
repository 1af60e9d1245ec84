#include "harness/findings.h"

#include <fmt/core.h>

#include <algorithm>

namespace jb::harness {

std::vector<Finding> all_findings(const HostDescription& host, const meter::Bench* bench) {
  std::vector<Finding> findings = host_findings(host);
  if (bench == nullptr) return findings;
  bool any = false;
  for (const meter::MeterState& state : bench->states()) {
    any = any || state.status == meter::MeterStatus::available;
    const bool rejected = state.status == meter::MeterStatus::rejected;
    // Nobody misses a log that nobody named.
    const bool mendable = !state.candidate.mend.empty() && state.candidate.id != "log";
    if (!rejected && !mendable) continue;
    const std::string reason = state.reason.empty() ? state.candidate.reason : state.reason;
    const std::string status = state.status == meter::MeterStatus::available
                                   ? "is not whole"
                                   : fmt::format("is {}", meter::name_of(state.status));
    std::string mend = state.candidate.mend;
    if (mend.empty()) mend = "take another meter, or --energy model";
    findings.push_back({"meter-" + state.candidate.id,
                        fmt::format("meter '{}' {}: {}", state.candidate.id, status, reason),
                        std::move(mend)});
  }
  if (!any) {
    findings.push_back({"no-meter", "no energy meter can be used: every energy is modelled",
                        "measure on a machine that has one (RAPL, NVML), or name the log of a "
                        "wattmeter with --power-log FILE"});
  }
  for (const std::string& text : bench->disagreements()) {
    findings.push_back({"meters-disagree", text,
                        "find out which is right against a wattmeter (--power-log FILE)"});
  }
  return findings;
}

Json findings_json(const HostDescription& host, const meter::Bench* bench) {
  Json findings = Json::array();
  for (const Finding& finding : all_findings(host, bench)) {
    findings.push_back({{"id", finding.id}, {"text", finding.text}, {"mend", finding.mend}});
  }
  return findings;
}

Json meters_json(const meter::Bench* bench) {
  Json meters = Json::array();
  if (bench == nullptr) return meters;
  for (const meter::MeterState& state : bench->states()) meters.push_back(to_json(state));
  return meters;
}

}  // namespace jb::harness
