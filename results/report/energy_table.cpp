// The energy-per-op table of records.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "results/label.h"
#include "results/report/energy_row.h"
#include "results/report/terminal_table.h"
#include "results/report/text_layout.h"

namespace jb::results {
namespace {

constexpr int kLeastWidth = 32;
// "crossbar pcm-hermes" and its like stay whole; longer labels get a line of their own.
constexpr int kLeastLabel = 24;
constexpr std::size_t kEnergyColumn = 1;
constexpr std::size_t kMovementColumn = kEnergyColumn + kBoundaries;
constexpr std::size_t kRateColumn = kMovementColumn + 1;
constexpr std::size_t kFidelityColumn = kRateColumn + 1;
constexpr std::size_t kAgeColumn = kFidelityColumn + 1;

// Networks without a data set have no accuracy: they share no table with those that have one.
constexpr const char* kDrawnInputs = "\x01 drawn inputs";

using RecordList = std::vector<const Record*>;

// Groups in order of appearance.
struct Group {
  std::string name;
  RecordList records;
};

template <class NameOf>
std::vector<Group> grouped(const RecordList& records, NameOf group_name) {
  std::vector<Group> groups;
  for (const Record* record : records) {
    const std::string name = group_name(*record);
    auto it = std::find_if(groups.begin(), groups.end(),
                           [&](const Group& group) { return group.name == name; });
    if (it == groups.end()) it = groups.insert(groups.end(), Group{name, {}});
    it->records.push_back(record);
  }
  return groups;
}

// A heading that spans the table, or cells.
struct Line {
  std::string heading;
  std::vector<std::string> cells;
};

std::vector<Column> table_columns(const std::string& fidelity_title) {
  std::vector<Column> columns{{"backend device", Align::left, 0}};
  for (int b = 0; b < kBoundaries; ++b) {
    // The highest boundary goes last, it is the one to compare machines at; B0 is always known
    // first.
    columns.push_back({std::string(name_of(static_cast<Boundary>(b))), Align::right, 1});
  }
  columns.push_back({"move", Align::right, 5});
  columns.push_back({"MAC/s", Align::right, 3});
  columns.push_back({fidelity_title, Align::right, 2});
  columns.push_back({"age", Align::right, 4});
  return columns;
}

std::vector<std::string> cells_of(const EnergyRow& row) {
  std::vector<std::string> cells{printable(row.label)};
  cells.insert(cells.end(), row.energy.begin(), row.energy.end());
  for (const std::string& cell : {row.movement, row.rate, row.fidelity, row.age}) {
    cells.push_back(cell);
  }
  return cells;
}

std::vector<Line> lines_of(const RecordList& ran, MarksUsed& marks) {
  std::vector<std::string> backends;
  const auto rank_of = [&](const Record* record) {
    const std::string backend = point_text(record->point, "backend");
    const auto it = std::find(backends.begin(), backends.end(), backend);
    if (it != backends.end()) return it - backends.begin();
    backends.push_back(backend);
    return static_cast<std::ptrdiff_t>(backends.size()) - 1;
  };
  for (const Record* record : ran) rank_of(record);
  std::vector<Line> lines;
  for (Group& group : grouped(ran, [](const Record& r) { return workload_heading(r.point); })) {
    std::stable_sort(group.records.begin(), group.records.end(),
                     [&](const Record* a, const Record* b) { return rank_of(a) < rank_of(b); });
    lines.push_back({printable(group.name), {}});
    const std::vector<std::string> labels = row_labels(group.records);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const Record& record = *group.records[i];
      lines.push_back({"", cells_of(energy_row(record, labels[i], marks))});
      const EnergyRow meter = meter_row(record, marks);
      const bool metered = std::any_of(meter.energy.begin(), meter.energy.end(),
                                       [](const std::string& cell) { return !cell.empty(); });
      if (metered) lines.push_back({"", cells_of(meter)});
    }
  }
  return lines;
}

// Widths of what there is; a column nobody has a value for is not there.
std::vector<int> natural_widths(const std::vector<Column>& columns,
                                const std::vector<Line>& lines) {
  std::vector<int> widths(columns.size(), 0);
  for (const Line& line : lines) {
    for (std::size_t c = 0; c < line.cells.size(); ++c) {
      widths[c] = std::max(widths[c], text_width(line.cells[c]));
    }
  }
  for (std::size_t c = 0; c < columns.size(); ++c) {
    if (widths[c] > 0) widths[c] = std::max(widths[c], text_width(columns[c].title));
  }
  return widths;
}

std::string emphasised(const std::string& line, const char* code, bool color) {
  return color ? fmt::format("\x1b[{}m{}\x1b[0m\n", code, line) : line + "\n";
}

void wrap_into(std::string& text, const std::string& sentence, int width, int indent) {
  for (const std::string& line : wrap(sentence, width, indent)) text += line + "\n";
}

struct Body {
  std::string text;
  std::vector<int> widths;  // of the columns shown; 0 where hidden
};

Body render_body(const std::vector<Column>& columns, std::vector<Line> lines, int width,
                 bool color) {
  const ColumnLayout layout =
      fit_columns(columns, natural_widths(columns, lines), width, kLeastLabel);
  std::vector<std::string> titles;
  for (const Column& column : columns) titles.push_back(column.title);
  Body body{emphasised(layout_line(columns, layout, titles), "1", color), layout.widths};
  for (Line& line : lines) {
    if (line.cells.empty()) {
      body.text += "\n";
      for (const std::string& part : wrap(line.heading, width, 2)) {
        body.text += emphasised(part, "1", color);
      }
      continue;
    }
    for (std::size_t c = 1; c < line.cells.size(); ++c) {
      if (line.cells[c].empty()) line.cells[c] = "-";
    }
    if (text_width(line.cells.front()) > layout.widths.front()) {
      wrap_into(body.text, line.cells.front(), width, 4);
      line.cells.front() = "";
    }
    body.text += layout_line(columns, layout, line.cells) + "\n";
  }
  return body;
}

void append_not_run(std::string& text, const RecordList& records, int width, bool color) {
  const std::vector<Group> groups = grouped(records, [](const Record& record) {
    return fmt::format("{} {}: {}", point_text(record.point, "backend"),
                       point_text(record.point, "device"), name_of(record.status)) +
           (record.reason.empty() ? "" : ": " + record.reason);
  });
  if (groups.empty()) return;
  text += "\n" + emphasised("no numbers:", "1", color);
  for (const Group& group : groups) {
    std::string sentence = group.name;
    sentence += group.records.size() == 1
                    ? fmt::format(" [{}]", workload_heading(group.records.front()->point))
                    : fmt::format(" [{} points]", group.records.size());
    for (const std::string& line : wrap(printable(sentence), width, 2)) {
      text += emphasised(line, "2", color);
    }
  }
}

// What the tables show, for one legend under all of them.
struct Shown {
  MarksUsed marks;
  std::vector<bool> columns = std::vector<bool>(kAgeColumn + 1, false);
  bool error = false;
  bool accuracy = false;
};

// Parts separated by semicolons; a line ends between parts where it can.
void append_parts(std::string& text, const std::vector<std::string>& parts, int width) {
  std::string line;
  const auto end_line = [&] {
    wrap_into(text, line, width, 2);
    line.clear();
  };
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string part = parts[i] + (i + 1 < parts.size() ? ";" : "");
    if (!line.empty() && text_width(line) + 1 + text_width(part) > width) end_line();
    line += (line.empty() ? "" : " ") + part;
  }
  if (!line.empty()) end_line();
}

std::string legend(const Shown& shown, int width) {
  constexpr std::array<std::string_view, kBoundaries> kMeanings{"arithmetic, conversion, light",
                                                                "+ on-chip memory, control",
                                                                "+ DRAM and links",
                                                                "+ static power",
                                                                "+ host and supply",
                                                                "+ facility"};
  std::vector<std::string> boundaries;
  for (std::size_t b = 0; b < kMeanings.size(); ++b) {
    if (shown.columns[kEnergyColumn + b])
      boundaries.push_back(fmt::format("B{} {}", b, kMeanings[b]));
  }
  if (!boundaries.empty()) boundaries.front() = "J per MAC, cumulative: " + boundaries.front();

  std::vector<std::string> marks;
  if (shown.marks.modelled) marks.emplace_back("~ modelled");
  if (shown.marks.unvalidated) {
    marks.emplace_back("? modelled, not validated against a published or metered figure");
  }
  if (shown.marks.theory_bound) marks.emplace_back("° bound of theory, no machine");
  if (shown.marks.literature) marks.emplace_back("* literature");
  if (shown.marks.measured) marks.emplace_back("J/MAC or MAC/s without mark: measured");

  std::vector<std::string> columns;
  if (shown.columns[kMovementColumn]) columns.emplace_back("move: data movement's share of B2");
  if (shown.error) columns.emplace_back("error: relative Frobenius error against float64");
  if (shown.accuracy) columns.emplace_back("top-1: accuracy on the test samples");
  if (shown.columns[kAgeColumn]) columns.emplace_back("age: time since programming");

  std::string text;
  for (const auto* parts : {&boundaries, &marks, &columns}) append_parts(text, *parts, width);
  return text;
}

// Title of the fidelity column; which of both it holds goes to the legend.
std::string fidelity_title(const RecordList& ran, Shown& shown) {
  bool error = false;
  bool accuracy = false;
  for (const Record* record : ran) {
    if (record->find("accuracy_top1_frac") != nullptr) {
      accuracy = true;
    } else if (record->find("relative_error_frobenius") != nullptr) {
      error = true;
    }
  }
  shown.error = shown.error || error;
  shown.accuracy = shown.accuracy || accuracy;
  if (accuracy) return error ? "top-1/error" : "top-1";
  return "error";
}

std::string dataset_table(const Group& group, int width, bool color, Shown& shown) {
  RecordList ran;
  RecordList not_run;
  for (const Record* record : group.records) {
    (record->status == Status::ok ? ran : not_run).push_back(record);
  }
  std::string title = "Data set " + printable(group.name);
  if (group.name.empty()) title = "Matrix products";
  if (group.name == kDrawnInputs) title = "Networks on drawn inputs";
  title += ", energy in J/MAC";
  std::string text;
  for (const std::string& line : wrap(title, width, 2)) text += emphasised(line, "1", color);
  if (!ran.empty()) {
    const std::vector<Column> columns = table_columns(fidelity_title(ran, shown));
    const Body body = render_body(columns, lines_of(ran, shown.marks), width, color);
    text += body.text;
    for (std::size_t c = 0; c < body.widths.size(); ++c) {
      shown.columns[c] = shown.columns[c] || body.widths[c] > 0;
    }
  }
  append_not_run(text, not_run, width, color);
  return text;
}

}  // namespace

std::string energy_table(const std::vector<Record>& records, const TableStyle& style) {
  RecordList list;
  for (const Record& record : records) list.push_back(&record);
  std::vector<Group> tables = grouped(list, [](const Record& record) {
    const std::string dataset = point_text(record.point, "dataset");
    const bool drawn = dataset.empty() && point_text(record.point, "op") == "network";
    return drawn ? std::string(kDrawnInputs) : dataset;
  });
  std::stable_partition(tables.begin(), tables.end(),
                        [](const Group& table) { return table.name.empty(); });
  const int width = std::max(style.width, kLeastWidth);
  Shown shown;
  std::string text;
  for (const Group& table : tables) {
    if (!text.empty()) text += "\n";
    text += dataset_table(table, width, style.color, shown);
  }
  const std::string explained = legend(shown, width);
  return explained.empty() ? text : text + "\n" + explained;
}

}  // namespace jb::results
