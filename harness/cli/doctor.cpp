// joulebench doctor: what would spoil a measurement on this computer, and the mend; and the fit of
// the CPU model's energies to its meter.

#include <CLI/CLI.hpp>
#include <memory>

#include "backends/backend.h"
#include "backends/core/text.h"
#include "backends/core/threads.h"
#include "harness/cli/app.h"
#include "harness/cli/energy_flags.h"
#include "harness/cli/fit.h"
#include "harness/cli/meter_text.h"
#include "harness/cli/output.h"
#include "harness/environment.h"
#include "harness/findings.h"
#include "harness/timing.h"

namespace jb::harness::cli {

namespace {

struct DoctorFlags {
  EnergyFlags energy;
  FitFlags fit;
  bool json = false;
};

Json diagnose(const HostDescription& host, const meter::Bench& bench) {
  Json json = Json::object();
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
  json["meters"] = meters_json(&bench);
  json["findings"] = findings_json(host, &bench);
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

void print_report(const Json& report, const meter::Bench& bench) {
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
  for (const meter::MeterState& meter : bench.states()) {
    print(wrap(
        fmt::format("{} ({}): {}", meter.candidate.id, meter.candidate.measures, meter_text(meter)),
        width, 2));
  }
  print(report["findings"].empty() ? "nothing found that would spoil a measurement\n"
                                   : "what would spoil a measurement\n");
  for (const Json& finding : report["findings"]) {
    print(wrap(fmt::format("{}: {}; mend: {}", finding["id"].get<std::string>(),
                           finding["text"].get<std::string>(), finding["mend"].get<std::string>()),
               width, 2));
  }
}

int doctor(const DoctorFlags& flags) {
  if (flags.fit.asked) return fit(flags.fit, flags.energy, flags.json);
  if (!flags.fit.results.empty()) {
    fail_usage("doctor: '{}' goes with --fit, which takes results", flags.fit.results.front());
  }
  const HostDescription host = describe_host();
  const meter::Bench bench(bench_options(flags.energy));
  const Json report = diagnose(host, bench);
  if (flags.json) {
    print(report.dump(2) + "\n");
  } else {
    print_report(report, bench);
  }
  return kDone;
}

}  // namespace

void add_doctor_verb(CLI::App& app, VerbAction& action) {
  CLI::App* verb = add_verb(app, "doctor", "what would spoil a measurement here, and the mend",
                            "joulebench doctor\n"
                            "joulebench doctor --json\n"
                            "joulebench doctor --power-log wattmeter.csv\n"
                            "joulebench doctor --fit\n"
                            "joulebench doctor --fit joulebench-runs/RUN");
  const auto flags = std::make_shared<DoctorFlags>();
  verb->add_flag("--json", flags->json, "JSON instead of text");
  verb->add_flag(
      "--fit", flags->fit.asked,
      "fits the CPU model's five energies (a MAC, a byte of L1, L2, L3, DRAM) to metered "
      "products: ten run here, or those of RESULTS");
  verb->add_option("RESULTS", flags->fit.results, "run folders with metered products, for --fit");
  add_metering_flags(*verb, flags->energy);
  verb->callback([flags, &action] { action = [flags] { return doctor(*flags); }; });
}

}  // namespace jb::harness::cli
