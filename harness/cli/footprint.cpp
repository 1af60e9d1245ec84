// joulebench footprint: energy to kilowatt-hours, carbon and money; published training footprints.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>

#include "backends/core/error.h"
#include "backends/core/text.h"
#include "harness/cli/app.h"
#include "harness/cli/footprint_flags.h"
#include "harness/cli/output.h"
#include "harness/cli/record_source.h"
#include "harness/meter/power_log.h"
#include "results/footprint/published.h"
#include "results/footprint/sensitivity.h"
#include "results/journal.h"

namespace jb::harness::cli {

namespace {

using results::MethodSheet;

constexpr double kMostExecutions = 1e18;

struct Flags {
  std::string source, id;
  FootprintFlags conversion;
  std::string cpu = "0", dram = "0", gpu = "0", gpus = "1", hours;
  std::string executions = "1", trials = "1", tuning = "1", search = "1";
  std::string boundary, base, max_gap;
  bool total = false;  // of all records together
  bool bridge = false, json = false;
  bool power = false;  // --cpu, --dram or --gpu is given
};

/// A footprint and the ledger rows behind it, where there are any.
struct Result {
  MethodSheet sheet;
  std::vector<results::RecordRow> rows;
};

results::Multiplicity multiplicity_of(const Flags& flags) {
  return {number_flag("--trials", flags.trials), number_flag("--tuning", flags.tuning),
          number_flag("--search", flags.search)};
}

results::EnergyUse energy_of_power(const Flags& flags) {
  if (flags.hours.empty()) fail_usage("--cpu, --dram and --gpu need the time: give --hours");
  results::PowerDraw draw;
  draw.cpu_W = number_flag("--cpu", flags.cpu);
  draw.dram_W = number_flag("--dram", flags.dram);
  draw.gpu_W = number_flag("--gpu", flags.gpu);
  draw.gpus = number_flag("--gpus", flags.gpus);
  draw.hours = number_flag("--hours", flags.hours);
  return results::energy_of(draw);
}

results::EnergyUse energy_of_log(const Flags& flags) {
  meter::PowerLogOptions options;
  options.bridge = flags.bridge;
  if (!flags.max_gap.empty()) {
    options.max_gap_s = number_flag("--max-gap", flags.max_gap);
    if (!(options.max_gap_s > 0)) fail_usage("--max-gap: seconds above 0 are meant");
  }
  const meter::PowerLog log = meter::read_power_log(flags.source, options);
  results::EnergyUse use;
  use.subject = "power log " + log.name();
  use.boundary = flags.boundary.empty() ? "B4" : flags.boundary;
  if (!boundary_from(use.boundary)) {
    fail_usage("--boundary: unknown boundary '{}' (there are: B0, B1, B2, B3, B4, B5)",
               use.boundary);
  }
  use.provenance = Provenance::measured;
  use.energy_J = log.energy_J();
  use.machine_hours = (log.end_s() - log.begin_s()) / 3600;
  use.formula = "integral of the logged power, trapezoid rule";
  use.inputs = {{"samples", static_cast<double>(log.samples().size()), "1", log.name()},
                {"mean power", log.mean_power_W(), "W", log.name()},
                {"time", log.end_s() - log.begin_s(), "s", log.name()}};
  use.notes = log.notes();
  use.notes.push_back(flags.boundary.empty()
                          ? "boundary B4, as of a meter at the wall plug; name another with "
                            "--boundary"
                          : "boundary as given with --boundary");
  return use;
}

std::vector<results::Record> records_of(const Flags& flags) {
  if (!flags.id.empty()) return {load_one_record(flags.source, flags.id)};
  std::vector<results::Record> records = results::load_results(flags.source);
  const auto stopped = [](const results::Record& record) {
    return record.status != results::Status::ok && record.status != results::Status::inconsistent;
  };
  if (std::all_of(records.begin(), records.end(), stopped)) {
    fail_usage("{} holds no record of a point that ran (the first: {})", flags.source,
               records.front().reason);
  }
  records.erase(std::remove_if(records.begin(), records.end(), stopped), records.end());
  return records;
}

bool has_energy(const results::Record& record) {
  for (const auto& [name, quantity] : record.quantities) {
    if (name.rfind("energy_B", 0) == 0 || name.rfind("measured_energy_B", 0) == 0) return true;
  }
  return false;
}

std::vector<Result> footprints(const Flags& flags, const results::FootprintOptions& options) {
  std::vector<Result> all;
  std::vector<results::EnergyUse> uses;
  std::vector<results::RecordRow> rows;
  if (flags.power) {
    all.push_back({results::footprint_of(energy_of_power(flags), options), {}});
    return all;
  }
  if (std::filesystem::path(flags.source).extension() == ".csv") {
    all.push_back({results::footprint_of(energy_of_log(flags), options), {}});
    return all;
  }
  const std::vector<results::Record> records = records_of(flags);
  for (const results::Record& record : records) {
    // Of several records those without prices are left out, and said.
    if (records.size() > 1 && !has_energy(record)) {
      say(fmt::format("record {}: no energy, for its device file has no prices; left out",
                      record.record_id));
      continue;
    }
    results::EnergyUse use = results::energy_of(
        record, positive_flag("--executions", flags.executions, kMostExecutions), flags.boundary);
    if (!flags.hours.empty()) {
      use.machine_hours = number_flag("--hours", flags.hours);
      results::check_hours(use.machine_hours, "--hours");
    }
    if (flags.total) {
      rows.insert(rows.end(), record.ledger.begin(), record.ledger.end());
      uses.push_back(std::move(use));
    } else {
      all.push_back({results::footprint_of(use, options), record.ledger});
    }
  }
  if (!uses.empty()) {
    const std::string subject = fmt::format("{} ({} records)", flags.source, uses.size());
    all.push_back({results::footprint_of(results::sum_of(uses, subject), options), rows});
  }
  if (all.empty()) fail_usage("{} holds no record with energy", flags.source);
  return all;
}

std::string sheet_table(const MethodSheet& sheet, const std::string& color) {
  std::vector<std::vector<std::string>> cells;
  for (const results::Figure& figure : sheet.figures) {
    cells.push_back({figure.name, results::figure_text(figure), figure.boundary,
                     std::string(name_of(figure.provenance))});
  }
  std::string out = wrap(sheet.subject, terminal_width()) +
                    results::render_table({{"figure", results::Align::left, 0},
                                           {"value (95 %)", results::Align::left, 0},
                                           {"boundary", results::Align::left, 1},
                                           {"provenance", results::Align::left, 2}},
                                          cells, table_style(color));
  for (const std::string& note : sheet.notes) out += wrap("note: " + note, terminal_width(), 2);
  for (const std::string& omitted : sheet.omissions) {
    out += wrap("not counted: " + omitted, terminal_width(), 2);
  }
  return out;
}

void show(const Flags& flags, const std::vector<Result>& all,
          const results::FootprintOptions& options, const results::FootprintData& data) {
  std::vector<results::Tornado> tornados;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const MethodSheet& sheet = all[i].sheet;
    if (flags.conversion.asks_sensitivity()) {
      tornados.push_back(results::carbon_tornado(sheet, all[i].rows, data, options));
    }
    if (flags.json) {
      Json json = results::to_json(sheet);
      if (flags.conversion.sensitivity) json["sensitivity"] = results::to_json(tornados.back());
      print(json.dump() + "\n");
      continue;
    }
    if (i > 0) print("\n");
    print(flags.conversion.method ? results::sheet_text(sheet, terminal_width())
                                  : sheet_table(sheet, "auto"));
    if (flags.conversion.sensitivity) {
      print("\n" + results::tornado_text(tornados.back(), table_style("auto")));
    }
  }
  write_tornado_file(flags.conversion, tornados);
}

int published(const Flags& flags, const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (flags.json) {
      print(results::published_json(names[i]).dump() + "\n");
      continue;
    }
    if (i > 0) print("\n");
    print(flags.conversion.method
              ? results::sheet_text(results::published_sheet(names[i]), terminal_width())
              : results::published_text(names[i], table_style("auto")));
  }
  return kDone;
}

int list_grids(const Flags& flags, const results::FootprintData& data) {
  std::vector<std::vector<std::string>> cells;
  for (const results::FootprintConstant& grid : data.grids()) {
    if (flags.json) {
      print(Json{{"name", grid.name},
                 {"g_per_kWh", grid.value},
                 {"year", grid.year ? Json(*grid.year) : Json(nullptr)},
                 {"basis", name_of(grid.basis)},
                 {"signal", name_of(grid.signal)},
                 {"source", grid.source}}
                .dump() +
            "\n");
    }
    cells.push_back({grid.name, fmt::format("{:.1f}", grid.value),
                     grid.year ? std::to_string(*grid.year) : "-", std::string(name_of(grid.basis)),
                     std::string(name_of(grid.signal)), grid.source});
  }
  if (flags.json) return kDone;
  print(results::render_table({{"grid", results::Align::left, 0},
                               {"g/kWh", results::Align::right, 0},
                               {"year", results::Align::right, 0},
                               {"basis", results::Align::left, 0},
                               {"signal", results::Align::left, 1},
                               {"source", results::Align::left, 0}},
                              cells, table_style("auto")));
  return kDone;
}

int footprint(const Flags& flags) {
  const std::vector<std::string> names = results::publication_names();
  if (flags.source.empty() && !flags.power) {
    if (!flags.hours.empty()) fail_usage("--hours goes with a record or with --cpu, --dram, --gpu");
    return published(flags, names);
  }
  if (std::find(names.begin(), names.end(), flags.source) != names.end()) {
    return published(flags, {flags.source});
  }
  if (flags.power && !flags.source.empty()) {
    fail_usage("--cpu, --dram and --gpu are an energy of their own; drop them or '{}'",
               flags.source);
  }
  const results::FootprintData data = results::FootprintData::load(flags.conversion.data);
  if (flags.source == "grids") return list_grids(flags, data);
  check_tornado_file(flags.conversion);
  results::FootprintOptions options = footprint_options(flags.conversion, data);
  options.multiplicity = multiplicity_of(flags);
  if (!flags.base.empty()) {
    const MethodSheet sheet = results::joules_per_point(
        load_one_record(flags.base, ""), load_one_record(flags.source, flags.id), flags.boundary);
    print(flags.json                ? results::to_json(sheet).dump() + "\n"
          : flags.conversion.method ? results::sheet_text(sheet, terminal_width())
                                    : sheet_table(sheet, "auto"));
    return kDone;
  }
  show(flags, footprints(flags, options), options, data);
  return kDone;
}

void add_power_flags(CLI::App& verb, const std::shared_ptr<Flags>& flags) {
  constexpr const char* kGroup = "Energy";
  const auto add = [&verb](const char* name, std::string& value, const char* metavar,
                           const char* help) {
    return verb.add_option(name, value, help)->type_name(metavar)->group(kGroup);
  };
  const auto note = [flags](const std::string&) {
    flags->power = true;
    return std::string();
  };
  add("--cpu", flags->cpu, "W", "power of all processors")->each(note);
  add("--dram", flags->dram, "W", "power of all memory")->each(note);
  add("--gpu", flags->gpu, "W", "power of each accelerator")->each(note);
  add("--gpus", flags->gpus, "N", "accelerators; default: 1");
  add("--hours", flags->hours, "H", "how long that power flows; of records: machine-hours");
  add("--executions", flags->executions, "N", "of a record's work; default: 1");
  add("--boundary", flags->boundary, "B", "of a record's energy, or what a power log's meter sees");
  add("--trials", flags->trials, "N", "repetitions with other seeds");
  add("--tuning", flags->tuning, "N", "settings of hyper-parameters tried");
  add("--search", flags->search, "N", "candidates of an architecture search");
  add("--base", flags->base, "RECORD", "joules per point of accuracy gained over that record");
  add("--max-gap", flags->max_gap, "S", "longest time between samples of a power log");
  verb.add_flag("--total", flags->total, "all records of a run as one footprint")->group(kGroup);
  verb.add_flag("--bridge", flags->bridge,
                "interpolate over gaps of a power log instead of refusing")
      ->group(kGroup);
}

}  // namespace

void add_footprint_verb(CLI::App& app, VerbAction& action) {
  CLI::App* verb = add_verb(
      app, "footprint", "energy to kWh, CO2e and money; published training footprints",
      "joulebench footprint\n"
      "joulebench footprint strubell2019 --json\n"
      "joulebench footprint my-run --grid FRA --pue 1.1 --sensitivity\n"
      "joulebench footprint power.csv --grid DEU --fee 15 --bridge\n"
      "joulebench footprint --cpu 120 --dram 20 --gpu 250 --gpus 8 --hours 12 --pue strubell2019\n"
      "joulebench footprint better.json --base first.json");
  const auto flags = std::make_shared<Flags>();
  verb->add_option("SOURCE", flags->source,
                   "a record, a run folder, a power log (.csv), strubell2019, patterson2021 or "
                   "grids; default: the publications");
  verb->add_option("ID", flags->id, "start of a record id, when there are several records");
  add_power_flags(*verb, flags);
  add_footprint_flags(*verb, flags->conversion);
  verb->add_flag("--json", flags->json, "JSON lines instead of tables")->group("Output");
  verb->callback([flags, &action] { action = [flags] { return footprint(*flags); }; });
}

}  // namespace jb::harness::cli
