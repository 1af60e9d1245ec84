// The rows of the HTML report: as a static table, and as data for the script.

#include <fmt/format.h>

#include "results/report/escape.h"
#include "results/report/html_parts.h"
#include "results/report/tables.h"
#include "results/report/terminal_table.h"

namespace jb::results {
namespace {

constexpr std::size_t kStaticRows = 200;  // of very many

std::string number_json(double value) {
  return std::isnan(value) ? "null" : fmt::format("{:.9g}", value);
}

// -1 for a row without numbers.
int mark_of(const ViewRow& row) {
  if (row.status != Status::ok) return -1;
  const int b = row.highest();
  if (b >= 0) return static_cast<int>(row.energy[static_cast<std::size_t>(b)].mark);
  return row.rate.known() ? static_cast<int>(row.rate.mark) : -1;
}

std::string status_text(const View& view, const ViewRow& row) {
  if (row.status == Status::ok) return {};
  const std::string& reason = view.text(row.reason);
  return std::string(name_of(row.status)) + (reason.empty() ? "" : ": " + reason);
}

void write_cell(std::string& line, const std::string& text, const char* css = nullptr) {
  line += css == nullptr ? "<td>" : fmt::format("<td class=\"{}\">", css);
  line += escape_html(text) + "</td>";
}

std::string energy_text(const Number& number) {
  if (!number.known()) return {};
  return format_energy(number.value, number.digits) + std::string(sign_of(number.mark));
}

std::string static_row(const View& view, const ViewRow& row,
                       const std::array<bool, kBoundaries>& boundaries) {
  std::string line = "<tr>";
  write_cell(line, view.text(row.label));
  write_cell(line, view.text(row.workload), "t");
  for (std::size_t b = 0; b < kBoundaries; ++b) {
    if (!boundaries[b]) continue;
    write_cell(line, energy_text(row.energy[b].known() ? row.energy[b] : row.metered[b]));
  }
  write_cell(line, std::isnan(row.movement_share)
                       ? ""
                       : fmt::format("{:.0f} %", 100 * row.movement_share));
  write_cell(line, row.rate.known() ? format_si(row.rate.value) : "");
  write_cell(line, fidelity_text(row));
  write_cell(line, format_duration(row.age_s));
  const int mark = mark_of(row);
  write_cell(
      line, mark < 0 ? status_text(view, row) : std::string(name_of(static_cast<Mark>(mark))), "t");
  return line + "</tr>\n";
}

std::string energies_json(const ViewRow& row, bool intervals) {
  std::string json = "[";
  for (std::size_t b = 0; b < kBoundaries; ++b) {
    const Number& number = row.energy[b].known() ? row.energy[b] : row.metered[b];
    if (b > 0) json += ',';
    if (!number.known()) {
      json += '0';
      continue;
    }
    json += fmt::format("[{},{},{}", number_json(number.value), static_cast<int>(number.mark),
                        static_cast<int>(number.digits));
    if (intervals && number.interval()) {
      json += "," + number_json(number.low) + "," + number_json(number.high);
    }
    json += ']';
  }
  return json + "]";
}

}  // namespace

std::array<bool, kBoundaries> known_boundaries(const View& view) {
  std::array<bool, kBoundaries> known{};
  for (const ViewRow& row : view.rows) {
    for (std::size_t b = 0; b < kBoundaries; ++b) {
      known[b] = known[b] || row.energy[b].known() || row.metered[b].known();
    }
  }
  return known;
}

void write_static_table(const View& view, const TextSink& out) {
  const std::array<bool, kBoundaries> boundaries = known_boundaries(view);
  std::string head =
      "<div class=\"wide\"><table id=\"table\">\n<thead><tr><th>machine</th>"
      "<th class=\"t\">workload</th>";
  for (std::size_t b = 0; b < kBoundaries; ++b) {
    if (boundaries[b]) head += fmt::format("<th>{} J/MAC</th>", name_of(static_cast<Boundary>(b)));
  }
  out(head +
      "<th>move</th><th>MAC/s</th><th>error or top-1</th><th>age</th>"
      "<th class=\"t\">provenance</th></tr></thead>\n<tbody id=\"rows\">\n");
  const std::size_t count = view.detailed() ? view.rows.size() : kStaticRows;
  for (std::size_t i = 0; i < count; ++i) out(static_row(view, view.rows[i], boundaries));
  out("</tbody>\n</table></div>\n");
  out("<button type=\"button\" class=\"more\" id=\"more\" hidden>Show more rows</button>\n");
  if (count < view.rows.size()) {
    out(
        fmt::format("<noscript><p class=\"note\">The first {} of {} rows; the others need script, "
                    "or the records themselves.</p></noscript>\n",
                    count, view.rows.size()));
  }
}

void write_data(const View& view, const TextSink& out) {
  out("<script type=\"application/json\" id=\"data\">{\"boundaries\":[");
  const std::array<bool, kBoundaries> boundaries = known_boundaries(view);
  std::string list;
  for (std::size_t b = 0; b < kBoundaries; ++b) {
    if (boundaries[b]) list += (list.empty() ? "" : ",") + std::to_string(b);
  }
  out(list + "],\"texts\":[");
  std::vector<std::string> statuses;
  const auto write_text = [&](const std::string& text, bool first) {
    const std::string json = Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
    out((first ? "" : ",") + script_json(json));
  };
  for (std::size_t i = 0; i < view.texts().size(); ++i) write_text(view.texts()[i], i == 0);
  // Sentences of what did not run follow the view's own texts.
  std::map<std::string, std::size_t> status_ids;
  for (const ViewRow& row : view.rows) {
    const std::string status = status_text(view, row);
    if (status.empty()) continue;
    if (status_ids.emplace(status, view.texts().size() + status_ids.size()).second) {
      write_text(status, false);
    }
  }
  out("],\n\"rows\":[");
  const bool detailed = view.detailed();
  for (std::size_t i = 0; i < view.rows.size(); ++i) {
    const ViewRow& row = view.rows[i];
    const std::string status = status_text(view, row);
    std::string json = fmt::format(
        "{}[{},{},{},{},{},{},{},{},{},{},{},{:.6g}", i == 0 ? "" : ",\n", row.label, row.workload,
        row.backend, row.dataset, status.empty() ? 0 : status_ids.at(status), mark_of(row),
        energies_json(row, detailed), number_json(row.movement_share), number_json(row.rate.value),
        number_json(row.accuracy.known() ? row.accuracy.value : row.error.value),
        row.accuracy.known() ? 1 : 0, row.age_s);
    if (detailed) {
      const std::string id =
          Json(row.record_id).dump(-1, ' ', false, Json::error_handler_t::replace);
      json += fmt::format(",[{},{},{}]", script_json(id), row.run, row.repro);
    }
    out(json + "]");
  }
  out("]");
  if (detailed) {
    out(",\n\"ledgers\":[");
    for (std::size_t i = 0; i < view.rows.size(); ++i) {
      const std::string& ledger = view.rows[i].ledger_json;
      out((i == 0 ? "" : ",\n") + (ledger.empty() ? std::string("0") : script_json(ledger)));
    }
    out("]");
  }
  out("}</script>\n");
}

std::string validations_section(const View& view) {
  if (view.validations.empty()) return {};
  std::string text =
      "<div class=\"wide\"><table>\n<thead><tr><th>machine</th><th>published J/MAC</th>"
      "<th>model J/MAC</th><th>model / published</th><th class=\"t\">published figure</th></tr>"
      "</thead>\n<tbody>\n";
  for (const Validation& one : view.validations) {
    std::string line = "<tr>";
    write_cell(line, one.machine);
    write_cell(line, format_energy(one.published_J_per_mac) + "*");
    write_cell(line, format_energy(one.published_J_per_mac * one.ratio) + "~");
    write_cell(line, fmt::format("{:.3g}", one.ratio));
    write_cell(line, one.against, "t");
    text += line + "</tr>\n";
  }
  return text + "</tbody>\n</table></div>\n";
}

std::string literature_section(const std::vector<LiteratureRow>& literature) {
  std::string text =
      "<div class=\"wide\"><table class=\"lit\">\n<thead><tr><th>machine</th>"
      "<th>year</th><th class=\"t\">kind</th><th class=\"t\">bits</th><th>at</th>"
      "<th>J/MAC *</th><th class=\"t\">basis</th><th class=\"t\">workload</th>"
      "<th class=\"t\">source</th></tr></thead>\n<tbody>\n";
  for (const LiteratureRow& row : literature) {
    std::string line = "<tr>";
    std::string sources;
    for (const std::string& key : row.sources) sources += (sources.empty() ? "" : ", ") + key;
    write_cell(line, row.name + (row.optical_only ? " (optical only)" : ""));
    write_cell(line, std::to_string(row.year));
    write_cell(line, row.kind, "t");
    write_cell(line, row.precision(), "t");
    write_cell(line, std::string(name_of(row.boundary)));
    write_cell(line, format_energy(row.J_per_mac) + "*");
    write_cell(line, row.measured, "t");
    write_cell(line, row.workload, "t");
    write_cell(line, sources, "t");
    text += line + "</tr>\n";
  }
  return text + "</tbody>\n</table></div>\n";
}

}  // namespace jb::results
