// Answers as tables and JSON.

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "harness/scale/question.h"
#include "results/footprint/published.h"
#include "results/report/text_layout.h"

namespace jb::harness::scale {
namespace {

using results::Align;

std::string paragraph(const std::string& text, int width, int indent = 2) {
  std::string out;
  for (const std::string& line : results::wrap(text, width, indent)) out += line + "\n";
  return out;
}

std::string short_number(double value) {
  if (value >= 1e5 && value < 1e15) {
    std::string text = results::format_si(value);  // "2.38 M"
    text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
    return text;
  }
  return value >= 1000 && value < 1e5 ? results::grouped(value) : fmt::format("{:.3g}", value);
}

/// The class in a word that fits a column.
std::string class_word(const std::string& name) { return name.substr(0, name.find(',')); }

std::string cell(const results::MethodSheet& sheet, const char* name) {
  const results::Figure* figure = sheet.find(name);
  return figure != nullptr ? short_number(figure->value) : "-";
}

std::string phases_text(const TrainingRun& run) {
  std::string text;
  for (const Phase& phase : run.phases) {
    text += fmt::format("{}{} steps of {} samples", text.empty() ? "" : ", then ",
                        results::grouped(phase.steps), phase.batch);
    if (phase.sequence > 0) text += fmt::format(" of {} tokens", phase.sequence);
  }
  return text;
}

/// The published footprint of the run, for comparison.
std::string published_text(const TrainingRun& run, int width) {
  if (run.as != "strubell2019") return "";
  const results::StrubellTables tables = results::strubell_tables();
  for (const results::StrubellRow& row : tables.rows) {
    if (row.model != run.published_model || row.hardware != run.published_hardware) continue;
    const std::string hours = results::grouped(row.hours, row.hours < 1000 ? 1 : 0);
    if (!row.kWh_pue) {
      return paragraph(fmt::format("published: {} on {}, {} h; no power and no energy is given",
                                   row.model, row.hardware, hours),
                       width);
    }
    std::string text = fmt::format(
        "published (literature, B3 x PUE {}): {} on {}, {} h: {} kWh, {:.0f} kg CO2e, {:.3g} "
        "device-years",
        tables.pue.value, row.model, row.hardware, hours, results::grouped(*row.kWh_pue),
        1000 * *row.co2e_t, row.devices * row.hours / results::kHoursPerYear);
    if (!row.note.empty()) text += "; " + row.note;
    return paragraph(text, width);
  }
  return "";
}

std::string heading(const Question& question, int width) {
  if (question.service) {
    const Service& service = *question.service;
    return paragraph(
        fmt::format("serving {}: {} queries a day for {} days, passes of {}", service.network,
                    results::grouped(service.queries_per_day), service.days, service.batch),
        width);
  }
  const TrainingRun& run = *question.run;
  return paragraph(fmt::format("training {}{}: {}", run.name,
                               run.as.empty() ? "" : " as in " + run.as, phases_text(run)),
                   width) +
         (run.source.empty() ? "" : paragraph("source: " + run.source, width)) +
         published_text(run, width);
}

std::vector<std::string> cells_of(const Question& question, const Answer& answer, bool boundary) {
  std::vector<std::string> cells = {answer.backend, answer.device,
                                    fmt::format("{:.1g}", answer.accuracy.error),
                                    class_word(answer.accuracy.name)};
  if (boundary) cells.emplace_back(name_of(answer.boundary));
  for (const char* name : {"energy_kWh", "facility_energy_kWh", "carbon_kg"}) {
    cells.push_back(cell(answer.sheet, name));
  }
  if (question.service) {
    cells.push_back(cell(answer.sheet, "energy_per_query_J"));
  }
  cells.push_back(cell(answer.sheet, "device_years"));
  return cells;
}

std::string table_of(const Question& question, const std::vector<const Answer*>& answers,
                     bool boundary, const results::TableStyle& style) {
  std::vector<results::Column> columns = {{"backend", Align::left, 0},
                                          {"device", Align::left, 0},
                                          {"error", Align::right, 0},
                                          {"class", Align::right, 1}};
  if (boundary) columns.push_back({"B", Align::right, 0});
  columns.push_back({"kWh", Align::right, 0});
  columns.push_back({"kWh x PUE", Align::right, 0});
  columns.push_back({"kg CO2e", Align::right, 0});
  if (question.service) columns.push_back({"J/query", Align::right, 2});
  columns.push_back({"dev-years", Align::right, 0});
  std::vector<std::vector<std::string>> rows;
  for (const Answer* answer : answers) rows.push_back(cells_of(question, *answer, boundary));
  return results::render_table(columns, rows, style);
}

/// Sentences that several machines share stand once, with how many they concern.
std::string shared_lines(const std::vector<const Answer*>& answers, bool omissions, int width) {
  std::vector<std::string> order;
  std::map<std::string, std::vector<std::string>> machines;
  for (const Answer* answer : answers) {
    for (const std::string& text : omissions ? answer->sheet.omissions : answer->sheet.notes) {
      // The table and its headings tell the accuracy.
      if (!omissions && text.rfind("accuracy", 0) == 0) continue;
      if (machines[text].empty()) order.push_back(text);
      machines[text].push_back(answer->backend + " " + answer->device);
    }
  }
  std::string out;
  for (const std::string& text : order) {
    const std::vector<std::string>& of = machines[text];
    std::string who;
    if (of.size() < answers.size()) {
      who = of.size() <= 2 ? of.front() + (of.size() == 2 ? ", " + of.back() : "")
                           : fmt::format("{} machines", of.size());
      who += ": ";
    }
    out += paragraph("- " + who + text, width);
  }
  return out;
}

}  // namespace

std::string answers_text(const Question& question, const std::vector<Answer>& answers,
                         const results::TableStyle& style) {
  std::string out = heading(question, style.width);
  std::vector<const Answer*> whole;
  std::vector<const Answer*> partial;
  std::vector<const Answer*> coarse;
  std::vector<const Answer*> all;
  for (const Answer& one : answers) {
    if (!one.unsupported.empty()) continue;
    all.push_back(&one);
    (one.boundary < Boundary::B3 ? partial : one.holds_training ? whole : coarse).push_back(&one);
  }
  const auto add = [&](const char* title, const std::vector<const Answer*>& group) {
    if (group.empty()) return;
    out +=
        "\n" + paragraph(title, style.width) + table_of(question, group, &group == &partial, style);
  };
  add(question.run ? "At B3, at an accuracy that trains:" : "At B3:", whole);
  add("At B3, at an accuracy that holds inference at most (the same products at that accuracy, not "
      "the "
      "same network):",
      coarse);
  add("Stopping below B3, for lack of data: not comparable with the above:", partial);
  if (!all.empty()) {
    out += "\n" + paragraph("grid: " + question.footprint.grid.name + " (" +
                                question.footprint.grid.cited() + ")" +
                                (question.footprint.pue
                                     ? fmt::format("; PUE {} ({})", question.footprint.pue->value,
                                                   question.footprint.pue->cited())
                                     : "; PUE not counted"),
                            style.width);
    out += "not modelled:\n" + shared_lines(all, true, style.width);
    out += "notes:\n" + shared_lines(all, false, style.width);
  }
  bool none = true;
  for (const Answer& one : answers) {
    if (one.unsupported.empty()) continue;
    if (none) out += "no numbers:\n";
    none = false;
    out += paragraph("- " + one.backend + " " + one.device + ": " + one.unsupported, style.width);
  }
  return out;
}

Json answer_json(const Question& question, const Answer& answer) {
  Json json;
  if (answer.unsupported.empty()) {
    json = results::to_json(answer.sheet);
  } else {
    json = {{"schema", results::kFootprintSchema},
            {"subject", question.network()},
            {"figures", Json::array()},
            {"omissions", Json::array()},
            {"notes", Json::array()}};
  }
  json["estimate"] = true;
  json["op"] = question.run ? "training" : "service";
  json["network"] = question.network();
  if (question.run) {
    json["name"] = question.run->name;
    json["as"] = question.run->as;
  }
  json["backend"] = answer.backend;
  json["device"] = answer.device;
  json["status"] = answer.unsupported.empty() ? "ok" : "unsupported";
  json["reason"] = answer.unsupported;
  if (!answer.unsupported.empty()) return json;
  json["boundary"] = name_of(answer.boundary);
  json["accuracy"] = {{"relative_error_frobenius", answer.accuracy.error},
                      {"class", answer.accuracy.name},
                      {"method", answer.accuracy.method},
                      {"trains", answer.holds_training}};
  json["cluster"] = {{"devices", answer.cluster.devices()},
                     {"data", answer.cluster.data},
                     {"tensor", answer.cluster.tensor},
                     {"pipeline", answer.cluster.pipeline},
                     {"microbatches", answer.cluster.microbatches},
                     {"microbatch_samples", answer.cluster.samples},
                     {"state_bytes", answer.cluster.state_bytes},
                     {"activation_bytes", answer.cluster.activation_bytes},
                     {"spilled_bytes", answer.cluster.spilled_bytes}};
  return json;
}

}  // namespace jb::harness::scale
