// CSV (RFC 4180), long and wide. Text cells never begin as a spreadsheet's formula.

#include <fmt/format.h>

#include "backends/core/text.h"
#include "results/label.h"
#include "results/metrics.h"
#include "results/report/energy_row.h"
#include "results/report/escape.h"
#include "results/report/formats.h"

namespace jb::results {
namespace {

constexpr const char* kEndOfLine = "\r\n";

std::string settings_text(const Json& point) {
  std::string text;
  for (const auto& setting : settings_of(point)) {
    text += (text.empty() ? "" : " ") + setting.first + "=" + setting.second;
  }
  return text;
}

// What both forms tell of a record, before its quantities.
std::string record_cells(const Record& record) {
  const Json& point = record.point;
  std::string cells;
  for (const std::string& text :
       {record.record_id, record.point_id, record.run_id, record.time_utc,
        std::string(name_of(record.status)), record.reason, point_text(point, "op"),
        point_text(point, "backend"), point_text(point, "device"), workload_heading(point),
        point_text(point, "dataset"), point_text(point, "age_s"), settings_text(point)}) {
    cells += csv_text(text) + ",";
  }
  cells.pop_back();
  return cells;
}

constexpr const char* kRecordTitles =
    "record_id,point_id,run_id,time_utc,status,reason,op,backend,device,workload,dataset,age_s,"
    "settings";

std::string optional_cell(const std::optional<double>& value) {
  return value ? shortest(*value) : "";
}

std::string quantity_cells(const std::string& name, const Quantity& q) {
  const Metric* metric = find_metric(name);
  return fmt::format("{},{},{},{},{},{},{},{},{}", csv_text(name),
                     csv_text(metric == nullptr ? "" : metric->unit), shortest(q.value),
                     optional_cell(q.ci_low), optional_cell(q.ci_high), csv_text(q.interval_kind),
                     q.n, name_of(q.provenance), csv_text(q.source));
}

}  // namespace

std::string csv_long_header() {
  return std::string(kRecordTitles) +
         ",quantity,unit,value,ci_low,ci_high,interval_kind,n,provenance,source" + kEndOfLine;
}

std::string csv_long_lines(const Record& record) {
  const std::string cells = record_cells(record);
  // A point without numbers has a line all the same: that it did not run is a result.
  if (record.quantities.empty()) return cells + ",,,,,,,,," + kEndOfLine;
  std::string lines;
  for (const auto& entry : record.quantities) {
    lines += cells + "," + quantity_cells(entry.first, entry.second) + kEndOfLine;
  }
  return lines;
}

std::string csv_long_lines(const LiteratureRow& row) {
  std::string sources;
  for (const std::string& key : row.sources) sources += (sources.empty() ? "" : ";") + key;
  return fmt::format(",,,{},ok,{},,literature,{},{},,,{},{},J/MAC,{},,,,1,literature,{}{}",
                     row.year, csv_text(row.note), csv_text(row.id), csv_text(row.workload),
                     csv_text(row.precision()),
                     fmt::format("energy_{}_J_per_mac", name_of(row.boundary)),
                     shortest(row.J_per_mac), csv_text(sources), kEndOfLine);
}

std::string csv_wide_header(const std::set<std::string>& quantities) {
  std::string line = kRecordTitles;
  for (const std::string& name : quantities) {
    const std::string cell = csv_text(name);
    line += fmt::format(",{0},{0}_ci_low,{0}_ci_high,{0}_provenance", cell);
  }
  return line + kEndOfLine;
}

std::string csv_wide_line(const Record& record, const std::set<std::string>& quantities) {
  std::string line = record_cells(record);
  for (const std::string& name : quantities) {
    const Quantity* q = record.find(name);
    if (q == nullptr) {
      line += ",,,,";
    } else {
      line += fmt::format(",{},{},{},{}", shortest(q->value), optional_cell(q->ci_low),
                          optional_cell(q->ci_high), name_of(q->provenance));
    }
  }
  return line + kEndOfLine;
}

}  // namespace jb::results
