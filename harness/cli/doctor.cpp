// joulebench doctor: what would spoil a measurement on this computer, and the mend.

#include <CLI/CLI.hpp>
#include <memory>

#include "backends/backend.h"
#include "backends/core/text.h"
#include "backends/core/threads.h"
#include "harness/cli/app.h"
#include "harness/cli/meters.h"
#include "harness/cli/output.h"
#include "harness/environment.h"
#include "harness/timing.h"

namespace jb::harness::cli {

namespace {

Json diagnose() {
  Json json = Json::object();
  const HostDescription host = describe_host();
  json["version"] = program_version();
  json["build"] = build_description();
  json["libraries"] = library_versions();
  json["host"] = to_json(host);
  json["threads"] = {{"usable", available_threads()}, {"default", thread_count()}};
  const Support timing = timing_available();
  json["timing"] = {{"available", timing.ok}, {"reason", timing.reason}};
  json["backends"] = Json::array();
  for (const Backend* backend : backends()) {
    const Support available = backend->available();
    json["backends"].push_back(
        {{"id", backend->info().id}, {"available", available.ok}, {"reason", available.reason}});
  }
  json["meters"] = Json::array();
  for (const MeterFinding& meter : find_meters()) {
    json["meters"].push_back({{"id", meter.id},
                              {"measures", meter.measures},
                              {"present", meter.present},
                              {"available", false},
                              {"detail", meter.detail}});
  }
  json["findings"] = Json::array();
  for (const Finding& finding : host_findings(host)) {
    json["findings"].push_back(
        {{"id", finding.id}, {"text", finding.text}, {"mend", finding.mend}});
  }
  return json;
}

// Lists without brackets and quotes; objects as "key value" pairs.
std::string plain(const Json& value) {
  if (value.is_string())
    return value.get<std::string>().empty() ? "unknown" : value.get<std::string>();
  if (!value.is_structured()) return value.dump();
  std::vector<std::string> parts;
  for (const auto& [key, part] : value.items()) {
    parts.push_back(value.is_object() ? key + " " + plain(part) : plain(part));
  }
  return join(parts, value.is_object() ? " " : ", ");
}

void print_fields(const std::string& title, const Json& fields) {
  print(title + "\n");
  for (const auto& [key, value] : fields.items()) {
    print(wrap(key + ": " + plain(value), terminal_width(), 2));
  }
}

int doctor(bool json) {
  const Json report = diagnose();
  if (json) {
    print(report.dump(2) + "\n");
    return kDone;
  }
  print("joulebench " + report["version"].get<std::string>() + "\n");
  print_fields("build", report["build"]);
  print_fields("libraries", report["libraries"]);
  print_fields("host", report["host"]);
  print_fields("threads", report["threads"]);
  const int width = terminal_width();
  const auto state = [](const Json& item) {
    return item["available"].get<bool>() ? std::string("available")
                                         : "unavailable: " + item["reason"].get<std::string>();
  };
  print("timing of measured backends\n" + wrap(state(report["timing"]), width, 2));
  print("backends\n");
  for (const Json& backend : report["backends"]) {
    print(wrap(backend["id"].get<std::string>() + ": " + state(backend), width, 2));
  }
  print("energy meters\n");
  for (const Json& meter : report["meters"]) {
    print(
        wrap(meter["id"].get<std::string>() + ": " + meter["detail"].get<std::string>(), width, 2));
  }
  print(wrap(kNoMeterReason, width, 2));
  print(report["findings"].empty() ? "nothing found that would spoil a timing\n"
                                   : "what would spoil a timing\n");
  for (const Json& finding : report["findings"]) {
    print(wrap(fmt::format("{}: {}; {}", finding["id"].get<std::string>(),
                           finding["text"].get<std::string>(), finding["mend"].get<std::string>()),
               width, 2));
  }
  return kDone;
}

}  // namespace

void add_doctor_verb(CLI::App& app, VerbAction& action) {
  CLI::App* verb = add_verb(app, "doctor", "what would spoil a measurement here, and the mend",
                            "joulebench doctor\njoulebench doctor --json");
  const auto json = std::make_shared<bool>(false);
  verb->add_flag("--json", *json, "JSON instead of text");
  verb->callback([json, &action] { action = [json] { return doctor(*json); }; });
}

}  // namespace jb::harness::cli
