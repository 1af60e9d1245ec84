#include "results/report/literature.h"

#include <algorithm>
#include <array>
#include <map>

#include "backends/core/error.h"
#include "backends/core/json_file.h"
#include "backends/core/text.h"

namespace jb::results {
namespace {

constexpr std::uintmax_t kLargestTable = 16U << 20U;

struct CsvLine {
  std::size_t number = 0;  // of the line in the file
  std::vector<std::string> cells;
};

// RFC 4180: quoted cells may hold commas, quotes (doubled) and line breaks.
std::vector<CsvLine> read_csv(const std::string& text, const std::string& where) {
  std::vector<CsvLine> lines;
  std::string cell;
  bool quoted = false;
  std::size_t number = 1;
  CsvLine line{number, {}};
  const auto end_line = [&] {
    line.cells.push_back(std::move(cell));
    cell.clear();
    if (line.cells.size() > 1 || !line.cells.front().empty()) lines.push_back(std::move(line));
    line = {number, {}};
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') ++number;
    if (quoted) {
      if (c != '"') {
        cell += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        cell += c;
        ++i;
      } else {
        quoted = false;
      }
    } else if (c == '"' && cell.empty()) {
      quoted = true;
    } else if (c == ',') {
      line.cells.push_back(std::move(cell));
      cell.clear();
    } else if (c == '\n') {
      end_line();
    } else if (c != '\r') {
      cell += c;
    }
  }
  if (quoted) fail_usage("{}: a quoted cell does not end", where);
  if (!cell.empty() || !line.cells.empty()) end_line();
  return lines;
}

// One row by column name.
class Cells {
 public:
  Cells(const std::map<std::string, std::size_t>& columns, const CsvLine& line, std::string where)
      : columns_(columns), line_(line), where_(std::move(where)) {}

  [[nodiscard]] const std::string& text(const char* column) const {
    return line_.cells[columns_.at(column)];
  }
  // 0 for an empty cell.
  [[nodiscard]] double number(const char* column) const {
    if (text(column).empty()) return 0;
    double value = 0;
    if (!parse_number(text(column), value) || value < 0) {
      fail_usage("{}: '{}' in column {} is no number from 0 up", where_, text(column), column);
    }
    return value;
  }
  [[nodiscard]] const std::string& where() const noexcept { return where_; }

 private:
  const std::map<std::string, std::size_t>& columns_;
  const CsvLine& line_;
  std::string where_;
};

constexpr std::array<const char*, 20> kColumns{"id",
                                               "year",
                                               "kind",
                                               "name",
                                               "venue",
                                               "node_nm",
                                               "tile_or_array",
                                               "input_bits",
                                               "weight_bits",
                                               "output_bits",
                                               "throughput_TOPS",
                                               "energy_per_mac_fJ",
                                               "boundary",
                                               "measured",
                                               "workload",
                                               "accuracy",
                                               "operating_point",
                                               "verified",
                                               "source",
                                               "note"};

bool begins(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    if (end > begin) parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

LiteratureRow row_from(const Cells& cells) {
  LiteratureRow row;
  row.id = cells.text("id");
  row.kind = cells.text("kind");
  row.name = cells.text("name");
  row.venue = cells.text("venue");
  row.node_nm = cells.text("node_nm");
  row.array = cells.text("tile_or_array");
  row.input_bits = cells.text("input_bits");
  row.weight_bits = cells.text("weight_bits");
  row.output_bits = cells.text("output_bits");
  row.year = static_cast<int>(cells.number("year"));
  row.ops_per_s = cells.number("throughput_TOPS") * 1e12;
  row.J_per_mac = cells.number("energy_per_mac_fJ") * 1e-15;
  const auto boundary = boundary_from(cells.text("boundary"));
  if (!boundary) fail_usage("{}: '{}' is no boundary", cells.where(), cells.text("boundary"));
  row.boundary = *boundary;
  row.measured = cells.text("measured");
  row.workload = cells.text("workload");
  row.accuracy = cells.text("accuracy");
  row.operating_point = cells.text("operating_point");
  row.verified = cells.text("verified");
  row.note = cells.text("note");
  row.sources = split(cells.text("source"), ';');
  row.optical_only = begins(row.note, "optical-only:");
  if (row.id.empty() || row.sources.empty()) {
    fail_usage("{}: a row needs an id and a source", cells.where());
  }
  return row;
}

// A ratio of two data-sheet numbers is no energy of an operation.
bool is_nameplate(const LiteratureRow& row) {
  return row.note.find("nameplate") != std::string::npos ||
         row.note.find("estimated-tdp") != std::string::npos || begins(row.note, "ratio of");
}

}  // namespace

std::string_view LiteratureRow::family() const noexcept {
  if (begins(kind, "digital")) return "digital";
  if (begins(kind, "analog")) return "analog";
  if (begins(kind, "photonic")) return "photonic";
  return kind;
}

std::string LiteratureRow::precision() const {
  if (input_bits.empty()) return {};
  return weight_bits.empty() ? input_bits + " b in" : input_bits + " b x " + weight_bits + " b";
}

std::vector<LiteratureRow> load_literature(const std::filesystem::path& file) {
  const std::string name = file.string();
  const std::vector<CsvLine> lines = read_csv(read_text_file(file, kLargestTable), name);
  if (lines.empty()) fail_usage("{} is empty", name);
  std::map<std::string, std::size_t> columns;
  for (std::size_t c = 0; c < lines[0].cells.size(); ++c) columns[lines[0].cells[c]] = c;
  for (const char* column : kColumns) {
    if (columns.count(column) == 0) fail_usage("{}: the column '{}' is missing", name, column);
  }
  std::vector<LiteratureRow> rows;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::string where = fmt::format("{}:{}", name, lines[i].number);
    if (lines[i].cells.size() != lines[0].cells.size()) {
      fail_usage("{}: {} cells under {} columns", where, lines[i].cells.size(),
                 lines[0].cells.size());
    }
    LiteratureRow row = row_from(Cells(columns, lines[i], where));
    if (row.J_per_mac > 0 && !is_nameplate(row)) rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<LiteratureRow> chosen_literature(const std::vector<LiteratureRow>& all,
                                             const std::string& choice) {
  if (choice == "all") return all;
  if (choice == "none") return {};
  std::vector<std::string> names{"all", "none"};
  for (const LiteratureRow& row : all) {
    names.push_back(row.id);
    names.push_back(row.kind);
    names.emplace_back(row.family());
  }
  const std::vector<std::string> wanted = split(choice, ',');
  for (const std::string& name : wanted) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    fail_usage("--literature: '{}' is no id, kind or family of results/literature{}", name,
               did_you_mean(name, names));
  }
  std::vector<LiteratureRow> rows;
  for (const LiteratureRow& row : all) {
    const bool chosen = std::any_of(wanted.begin(), wanted.end(), [&](const std::string& name) {
      return name == "all" || name == row.id || name == row.kind || name == row.family();
    });
    if (chosen) rows.push_back(row);
  }
  return rows;
}

std::string literature_table(const std::vector<LiteratureRow>& rows, const TableStyle& style) {
  if (rows.empty()) return {};
  std::vector<std::vector<std::string>> cells;
  for (const LiteratureRow& row : rows) {
    std::string sources;
    for (const std::string& key : row.sources) sources += (sources.empty() ? "" : ", ") + key;
    cells.push_back({row.name + (row.optical_only ? " (optical only)" : ""),
                     std::to_string(row.year), row.precision(), std::string(name_of(row.boundary)),
                     format_energy(row.J_per_mac) + "*", row.measured, sources});
  }
  return "\nLiterature (*)\n" + render_table({{"machine", Align::left, 0},
                                              {"year", Align::right, 2},
                                              {"bits", Align::left, 3},
                                              {"at", Align::left, 0},
                                              {"J/MAC", Align::right, 0},
                                              {"basis", Align::left, 4},
                                              {"source", Align::left, 1}},
                                             cells, style);
}

std::string_view family_of_backend(std::string_view backend) noexcept {
  if (backend == "onednn") return "cpu";
  if (backend == "cublas") return "gpu";
  if (backend == "systolic") return "digital";
  if (backend == "crossbar") return "analog";
  if (backend == "photonic") return "photonic";
  return {};
}

}  // namespace jb::results
