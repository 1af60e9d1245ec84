// joulebench explain: one record, or one device, down to its constants.

#include "harness/cli/explain.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <sstream>

#include "backends/core/error.h"
#include "harness/cli/app.h"
#include "harness/cli/output.h"
#include "harness/cli/point_flags.h"
#include "harness/cli/record_source.h"
#include "results/footprint/published.h"

namespace jb::harness::cli {

namespace {

struct ExplainFlags {
  std::string record;
  std::string id;
  PointFlags device;  // backend, device and set
  bool json = false;
};

DeviceSpec device_of(const PointFlags& flags) {
  PointSpec point = one_point(flags);
  if (!flags.has("backend")) point.backend = backend_of_device(point.device);
  check_device_belongs(point);
  const Backend& backend = find_backend(point.backend);
  DeviceSpec spec = load_device(backend, point.device);
  for (const auto& [key, text] : point.set) spec.set(key, text);
  return spec;
}

/// Where the files lie that a record names.
std::string folder_of(const std::string& record) {
  const std::filesystem::path path(record);
  std::error_code error;
  return (std::filesystem::is_directory(path, error) ? path : path.parent_path()).string();
}

/// A file that footprint or estimate wrote with --json: its method sheets, one a line.
std::optional<std::string> explained_sheets(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return std::nullopt;
  const std::string text = read_text_file(path, 64U << 20U);
  const std::string first = text.substr(0, text.find('\n'));
  if (first.find(results::kFootprintSchema) == std::string::npos) return std::nullopt;
  std::string out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    const Json json = parse_json(line, path);
    const bool publication = json.is_object() && json.contains("publication");
    const results::MethodSheet sheet =
        publication ? results::published_sheet(json.at("publication").get<std::string>())
                    : results::sheet_from_json(json, path);
    out += (out.empty() ? "" : "\n") + results::sheet_text(sheet, terminal_width());
  }
  return out;
}

int explain(const ExplainFlags& flags) {
  const bool device = flags.device.has("device");
  if (device == !flags.record.empty()) {
    fail_usage("explain: name a record (a file or a run folder) or a device with --device NAME");
  }
  if (!device && (flags.device.has("backend") || !flags.device.set.empty())) {
    fail_usage("explain: --backend and --set go with --device NAME");
  }
  if (device) {
    const DeviceSpec spec = device_of(flags.device);
    const Backend& backend = find_backend(spec.backend());
    print(flags.json ? device_with_prices_json(backend, spec).dump(2) + "\n"
                     : explain_device(backend, spec, terminal_width()));
    return kDone;
  }
  if (const auto sheets = explained_sheets(flags.record)) {
    print(*sheets);
    return kDone;
  }
  const results::Record record = load_one_record(flags.record, flags.id);
  print(flags.json ? results::to_json(record).dump(2) + "\n"
                   : explain_record(record, terminal_width()) +
                         explain_layers(record, folder_of(flags.record), terminal_width()) + "\n" +
                         results::sheet_text(results::sheet_of(record), terminal_width()));
  return kDone;
}

}  // namespace

void add_explain_verb(CLI::App& app, VerbAction& action) {
  CLI::App* verb =
      add_verb(app, "explain", "a record's energy and time row by row, or a device's parameters",
               "joulebench explain my-run 3f9c2a\n"
               "joulebench explain record.json\n"
               "joulebench explain --device pcm-hermes\n"
               "joulebench explain --backend photonic --device ideal --json");
  const auto flags = std::make_shared<ExplainFlags>();
  verb->add_option("RECORD", flags->record, "a record file, records.jsonl or run folder");
  verb->add_option("ID", flags->id, "start of a record id, when there are several records");
  const auto add = [&verb, &flags](const char* name, const char* metavar, const char* help) {
    verb->add_option_function<std::string>(
            std::string("--") + name,
            [flags, name](const std::string& text) { flags->device.values[name] = text; }, help)
        ->type_name(metavar);
  };
  add("device", "NAME|FILE", "a device preset, or a device file ending in .json");
  add("backend", "ID", "its backend, when several have a device of that name");
  verb->add_option("--set", flags->device.set, "with a device parameter changed (repeatable)")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  verb->add_flag("--json", flags->json, "JSON instead of text");
  verb->callback([flags, &action] { action = [flags] { return explain(*flags); }; });
}

}  // namespace jb::harness::cli
