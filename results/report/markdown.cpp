// Tables for README files and pull requests.

#include <fmt/format.h>

#include <algorithm>

#include "results/report/escape.h"
#include "results/report/formats.h"
#include "results/report/tables.h"
#include "results/report/terminal_table.h"

namespace jb::results {
namespace {

// What the tables used, for the legend.
struct Used {
  std::array<bool, kBoundaries> boundaries{};
  std::set<Mark> marks;
  bool movement = false, error = false, accuracy = false, age = false, bold = false;
  bool meter = false, optical = false;
};

std::string energy_cell(const Number& energy, bool bold, Used& used) {
  if (!energy.known()) return "–";
  used.marks.insert(energy.mark);
  const std::string value = format_energy(energy.value, energy.digits);
  std::string text = bold ? "**" + value + "**" : value;
  used.bold = used.bold || bold;
  if (energy.mark != Mark::measured) text += escape_markdown(sign_of(energy.mark));
  return text;
}

std::string titles_line(const ReportTable& table) {
  std::string titles = "| machine |";
  std::string rules = "|---|";
  const auto add = [&](std::string_view title) {
    titles += fmt::format(" {} |", title);
    rules += "---:|";
  };
  for (std::size_t b = 0; b < kBoundaries; ++b) {
    if (table.boundaries[b]) add(fmt::format("{} J/MAC", name_of(static_cast<Boundary>(b))));
  }
  if (table.movement) add("move");
  if (table.rate) add("MAC/s");
  if (table.error || table.accuracy) {
    add(table.accuracy ? (table.error ? "top-1 / error" : "top-1") : "error");
  }
  if (table.age) add("age");
  return titles + "\n" + rules + "\n";
}

std::string row_line(const View& view, const ReportTable& table, const ViewRow& row,
                     const std::array<bool, kBoundaries>& lead, Used& used) {
  std::string line = "| " + escape_markdown(view.text(row.label)) + " |";
  const auto add = [&](const std::string& cell) { line += " " + cell + " |"; };
  for (std::size_t b = 0; b < kBoundaries; ++b) {
    if (table.boundaries[b]) add(energy_cell(row.energy[b], lead[b], used));
  }
  if (table.movement) {
    add(std::isnan(row.movement_share) ? "–" : fmt::format("{:.0f} %", 100 * row.movement_share));
  }
  if (table.rate) {
    if (row.rate.known()) used.marks.insert(row.rate.mark);
    add(row.rate.known() ? format_si(row.rate.value) + escape_markdown(sign_of(row.rate.mark))
                         : "–");
  }
  if (table.error || table.accuracy) add(fidelity_text(row).empty() ? "–" : fidelity_text(row));
  if (table.age) add(format_duration(row.age_s));
  return line + "\n";
}

bool is_metered(const ViewRow& row) {
  return std::any_of(row.metered.begin(), row.metered.end(),
                     [](const Number& number) { return number.known(); });
}

// The meter's readings of the row above, under the same columns.
std::string meter_line(const ReportTable& table, const ViewRow& row, Used& used) {
  std::string line = "| by meter |";
  for (std::size_t b = 0; b < kBoundaries; ++b) {
    if (table.boundaries[b]) line += " " + energy_cell(row.metered[b], false, used) + " |";
  }
  used.meter = true;
  const int others =
      int{table.movement} + int{table.rate} + int{table.error || table.accuracy} + int{table.age};
  for (int i = 0; i < others; ++i) line += " |";
  return line + "\n";
}

std::string section_text(const View& view, const ReportTable& table, const TableSection& section,
                         Used& used) {
  std::string text = "\n### " + escape_markdown(section.workload) + "\n\n" + titles_line(table);
  const auto lead = leaders(section);
  for (std::size_t i = 0; i < section.rows.size(); ++i) {
    text += row_line(view, table, *section.rows[i], lead[i], used);
    if (is_metered(*section.rows[i])) text += meter_line(table, *section.rows[i], used);
  }
  return text;
}

std::string literature_text(const std::vector<LiteratureRow>& rows, Used& used) {
  if (rows.empty()) return {};
  std::array<bool, kBoundaries> columns{};
  for (const LiteratureRow& row : rows) columns[static_cast<std::size_t>(row.boundary)] = true;
  std::string text = "\n## Literature\n\n| machine (" + escape_markdown(sign_of(Mark::literature)) +
                     " literature) | year | bits |";
  std::string rules = "|---|---:|---:|";
  for (std::size_t b = 0; b < kBoundaries; ++b) {
    if (!columns[b]) continue;
    used.boundaries[b] = true;
    text += fmt::format(" {} J/MAC |", name_of(static_cast<Boundary>(b)));
    rules += "---:|";
  }
  text += " basis | workload | source |\n" + rules + "---|---|---|\n";
  used.marks.insert(Mark::literature);
  for (const LiteratureRow& row : rows) {
    used.optical = used.optical || row.optical_only;
    text += fmt::format("| {}{} | {} | {} |", escape_markdown(row.name),
                        row.optical_only ? " (optical only)" : "", row.year,
                        escape_markdown(row.precision()));
    for (std::size_t b = 0; b < kBoundaries; ++b) {
      if (!columns[b]) continue;
      const bool here = static_cast<std::size_t>(row.boundary) == b;
      text += here ? fmt::format(" {}\\* |", format_energy(row.J_per_mac)) : " |";
    }
    std::string sources;
    for (const std::string& key : row.sources) sources += (sources.empty() ? "" : ", ") + key;
    text += fmt::format(" {} | {} | {} |\n", escape_markdown(row.measured),
                        escape_markdown(row.workload), escape_markdown(sources));
  }
  return text;
}

std::string validations_text(const View& view) {
  if (view.validations.empty()) return {};
  std::string text =
      "\n## Model and paper\n\n| machine | published J/MAC | model J/MAC | model / published | "
      "published figure |\n|---|---:|---:|---:|---|\n";
  for (const Validation& one : view.validations) {
    text += fmt::format("| {} | {}\\* | {}\\~ | {:.3g} | {} |\n", escape_markdown(one.machine),
                        format_energy(one.published_J_per_mac),
                        format_energy(one.published_J_per_mac * one.ratio), one.ratio,
                        escape_markdown(one.against));
  }
  return text;
}

std::string legend(const Used& used) {
  std::vector<std::string> parts;
  for (std::size_t b = 0; b < kBoundaries; ++b) {
    if (!used.boundaries[b]) continue;
    parts.push_back(fmt::format("{} {}", name_of(static_cast<Boundary>(b)),
                                meaning_of(static_cast<Boundary>(b))));
  }
  std::string text = "\nJ/MAC, cumulative; 1 MAC = 1 multiply + 1 add = 2 ops. ";
  for (std::size_t i = 0; i < parts.size(); ++i) text += (i == 0 ? "" : "; ") + parts[i];
  text += ". Ratios only within one column.\n";
  for (const Mark mark : used.marks) {
    switch (mark) {
      case Mark::measured:
        text += "No mark: measured. ";
        break;
      case Mark::modelled:
        text += "\\~ modelled. ";
        break;
      case Mark::unvalidated:
        text +=
            "? modelled, not validated against a published or metered figure: two digits, "
            "never ranked. ";
        break;
      case Mark::theory_bound:
        text += "° bound of theory, no machine. ";
        break;
      case Mark::literature:
        text += "\\* literature, by its sources. ";
        break;
    }
  }
  if (used.bold) {
    text += "Bold: no row of the same provenance is better in both energy and error. ";
  }
  if (used.meter) text += "by meter: gross energy of the row above. ";
  if (used.movement) text += "move: data movement's share of B2. ";
  if (used.error) text += "error: relative Frobenius error against float64. ";
  if (used.accuracy) text += "top-1: accuracy on the test samples. ";
  if (used.age) text += "age: time since programming. ";
  if (used.optical) text += "optical only: light at the detectors, nothing else. ";
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

}  // namespace

std::string markdown_report(const View& view, const std::vector<LiteratureRow>& literature) {
  std::string text;
  Used used;
  for (const ReportTable& table : tables_of(view)) {
    text += (text.empty() ? "## " : "\n## ") + escape_markdown(table.title) + "\n";
    for (std::size_t b = 0; b < kBoundaries; ++b) {
      used.boundaries[b] = used.boundaries[b] || table.boundaries[b];
    }
    used.movement = used.movement || table.movement;
    used.error = used.error || table.error;
    used.accuracy = used.accuracy || table.accuracy;
    used.age = used.age || table.age;
    for (const TableSection& section : table.sections) {
      text += section_text(view, table, section, used);
    }
    const std::vector<std::string> missing = not_run_sentences(view, table);
    if (!missing.empty()) text += "\nNo numbers:\n\n";
    for (const std::string& sentence : missing) text += "- " + escape_markdown(sentence) + "\n";
  }
  text += validations_text(view);
  if (!view.validations.empty()) used.marks.insert({Mark::modelled, Mark::literature});
  text += literature_text(literature, used);
  return text + legend(used);
}

}  // namespace jb::results
