// Views of records: what each format must hold, and that texts of records stay texts in it.

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "backends/core/error.h"
#include "backends/core/paths.h"
#include "results/report/escape.h"
#include "results/report/formats.h"
#include "results/report/steps.h"
#include "results/report/tables.h"
#include "tests/support/hostile_record.h"

namespace jb::results {
namespace {

View view_of(const std::vector<Record>& records) {
  ViewBuilder builder;
  for (const Record& record : records) builder.add(record);
  return builder.finish();
}

std::string html_of(const std::vector<Record>& records) {
  std::string html;
  html_report(view_of(records), {}, Bibliography(literature_dir()),
              [&](std::string_view piece) { html += piece; });
  return html;
}

std::size_t count_of(const std::string& text, const std::string& what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    ++count;
  }
  return count;
}

// The interval of one constant is that of its class: factor 2 for C (definition of the classes).
TEST(ReportView, IntervalOfOneConstantIsItsClass) {
  RecordRow row = test::sample_row("dac", Category::conversion, Boundary::B0, 100, 1e-12);
  row.cls = "C";
  const Interval interval = class_interval({row}, Boundary::B3, 100);
  EXPECT_NEAR(interval.low, 0.5e-12, 1e-18);
  EXPECT_NEAR(interval.high, 2e-12, 1e-18);
}

// Two constants of equal joules spread less than one; two rows of one constant as much as one row.
TEST(ReportView, IndependentConstantsAverage) {
  RecordRow one = test::sample_row("a", Category::compute, Boundary::B0, 100, 1e-12);
  one.cls = "C";
  RecordRow same = one;
  RecordRow other = one;
  other.constant = "table/other";
  const auto width = [](const Interval& interval) {
    return std::log(interval.high / interval.low);
  };
  const double single = width(class_interval({one}, Boundary::B0, 1));
  EXPECT_NEAR(width(class_interval({one, same}, Boundary::B0, 1)), single, 1e-12);
  EXPECT_LT(width(class_interval({one, other}, Boundary::B0, 1)), 0.8 * single);
}

TEST(ReportView, RowsAboveTheLimitDoNotCount) {
  RecordRow inner = test::sample_row("a", Category::compute, Boundary::B0, 1, 1e-12);
  inner.cls = "A";
  RecordRow outer = test::sample_row("b", Category::static_power, Boundary::B3, 1, 1e-9);
  outer.cls = "D";
  EXPECT_NEAR(class_interval({inner, outer}, Boundary::B0, 1).high, 1.1e-12, 1e-17);
}

TEST(ReportView, AboveTwoThousandRecordsLedgersGo) {
  ViewBuilder builder;
  Record record = test::sample_record();
  for (int i = 0; i < 2001; ++i) {
    record.point["seed"] = i;
    test::set_ids(record);
    builder.add(record);
  }
  const View view = builder.finish();
  EXPECT_FALSE(view.detailed());
  for (const ViewRow& row : view.rows) EXPECT_TRUE(row.ledger_json.empty());
  ViewBuilder small;
  small.add(record);
  EXPECT_FALSE(small.finish().rows[0].ledger_json.empty());
}

TEST(ReportView, LabelsTellWhatDiffers) {
  std::vector<Record> records{test::sample_record(), test::sample_record()};
  records[1].point["seed"] = 7;
  const View view = view_of(records);
  EXPECT_EQ(view.text(view.rows[0].label), "systolic tpu-v1 seed=1");
  EXPECT_EQ(view.text(view.rows[1].label), "systolic tpu-v1 seed=7");
}

TEST(ReportView, IsoAccuracyKeepsTheLeastEnergyOfEachMachine) {
  std::vector<Record> records;
  const Json point = test::gemm_point(8, 8, 8);
  const double energies[] = {1e-13, 4e-13, 2e-13};
  const double errors[] = {1e-1, 1e-3, 1e-2};
  for (int i = 0; i < 3; ++i) {
    records.push_back(
        test::table_record(point, "photonic", "photonic-2025", {{energies[i]}, -1, 1, errors[i]}));
    records.back().point["set"] = {{"n_mac", i}};
  }
  View view = view_of(records);
  keep_iso_accuracy(view, 0.01);
  ASSERT_EQ(view.rows.size(), 1U);
  EXPECT_EQ(view.rows[0].energy[0].value, 2e-13);
  EXPECT_EQ(view.text(view.rows[0].label), "photonic photonic-2025 n_mac=2");
}

TEST(ReportView, RunsThatAreNotOursAddNothing) {
  ViewBuilder builder;
  builder.add(test::sample_record());
  builder.add_run(nullptr);
  builder.add_run({{"devices", 3}});
  builder.add_run({{"devices", {1, {{"backend", 2}, {"published_J_per_mac", "x"}}}}});
  EXPECT_TRUE(builder.finish().validations.empty());
}

TEST(ReportTables, LeadersAreBeatenByNoRowOfTheirKind) {
  const Json point = test::gemm_point(8, 8, 8);
  const View view =
      view_of({test::table_record(point, "systolic", "cheap", {{1e-13}, -1, 1, 1e-1}),
               test::table_record(point, "systolic", "exact", {{9e-13}, -1, 1, 1e-6}),
               test::table_record(point, "systolic", "bad", {{9.5e-13}, -1, 1, 1e-1})});
  const auto tables = tables_of(view);
  const auto lead = leaders(tables.at(0).sections.at(0));
  EXPECT_TRUE(lead[0][0]);
  EXPECT_TRUE(lead[1][0]);
  EXPECT_FALSE(lead[2][0]);
}

TEST(ReportMarkdown, HoldsTheTerminalsRowsAndMarks) {
  const std::string text = markdown_report(view_of(test::table_records()), {});
  EXPECT_NE(text.find("## Matrix products"), std::string::npos);
  EXPECT_NE(text.find("| photonic hamerly2019-sql | 52.0 zJ° |"), std::string::npos);
  EXPECT_NE(text.find("~ modelled"), std::string::npos);
  EXPECT_NE(text.find("cublas h100: unavailable"), std::string::npos);
  EXPECT_NE(text.find("1 MAC = 1 multiply + 1 add = 2 ops"), std::string::npos);
}

TEST(ReportMarkdown, PipesAndMarkupStayText) {
  const std::string text = markdown_report(view_of({test::hostile_record()}), {});
  EXPECT_EQ(text.find("<script"), std::string::npos);
  EXPECT_EQ(text.find("<img"), std::string::npos);
  // Every row of a table has as many cell walls as its heading.
  std::size_t walls = 0;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line.empty() || line[0] != '|') {
      walls = 0;
      continue;
    }
    const std::size_t here = count_of(line, "|") - count_of(line, "\\|");
    if (walls == 0) walls = here;
    EXPECT_EQ(here, walls) << line;
  }
}

TEST(ReportHtml, HostileTextsStayText) {
  const std::string html = html_of({test::hostile_record()});
  EXPECT_EQ(html.find("<script>alert"), std::string::npos);
  EXPECT_EQ(html.find("<img"), std::string::npos);
  EXPECT_EQ(html.find("<!-- "), std::string::npos);
  // The data and the page's own script, no more.
  EXPECT_EQ(count_of(html, "<script"), 2U);
  EXPECT_EQ(count_of(html, "</script>"), 2U);
}

TEST(ReportHtml, LoadsNothing) {
  const std::string html = html_of(test::table_records());
  EXPECT_NE(html.find("default-src 'none'"), std::string::npos);
  for (const char* loader :
       {"src=\"http", "href=\"http", "@import", "url(", "fetch(", "XMLHttpRequest", "WebSocket"}) {
    EXPECT_EQ(html.find(loader), std::string::npos) << loader;
  }
}

TEST(ReportHtml, FiguresAndTableStandWithoutScript) {
  const std::string html = html_of(test::table_records());
  const std::string still = html.substr(0, html.find("<script"));
  EXPECT_GE(count_of(still, "<svg"), 8U);
  EXPECT_NE(still.find("id=\"pareto\""), std::string::npos);
  // 11 machines in 3 workloads, a row each and the heading.
  EXPECT_EQ(count_of(still.substr(still.find("<tbody id=\"rows\">")), "<tr>"), 33U);
}

TEST(ReportLatex, SpecialsAreEscapedAndBracesBalance) {
  const LatexReport report =
      latex_report(view_of({test::hostile_record()}), {}, Bibliography(literature_dir()), "x");
  EXPECT_EQ(report.tex.find("\\input{x}"), std::string::npos);
  EXPECT_EQ(report.tex.find("$y$"), std::string::npos);
  int depth = 0;
  for (std::size_t i = 0; i < report.tex.size(); ++i) {
    if (report.tex[i] == '\\') {
      ++i;
    } else if (report.tex[i] == '{') {
      ++depth;
    } else if (report.tex[i] == '}') {
      --depth;
    }
    ASSERT_GE(depth, 0);
  }
  EXPECT_EQ(depth, 0);
}

TEST(ReportLatex, BibHoldsExactlyWhatIsCited) {
  Record record = test::sample_record();
  record.ledger[0].source = "derived: 0.2 pJ; Horowitz, ISSCC 2014, Fig. 1.1.9 (45 nm, 0.9 V)";
  record.ledger[1].source = "Jouppi et al., ISCA 2017";
  record.ledger[2].source = "assumption: of the year 2020";
  record.ledger[3].source = "A. Nobody et al., Journal of Nothing 1, 2 (2031)";
  const LatexReport report =
      latex_report(view_of({record}), {}, Bibliography(literature_dir()), "x");
  std::set<std::string> cited;
  for (std::size_t at = report.tex.find("\\cite{"); at != std::string::npos;
       at = report.tex.find("\\cite{", at + 1)) {
    std::string keys = report.tex.substr(at + 6, report.tex.find('}', at) - at - 6) + ",";
    for (std::size_t comma; (comma = keys.find(',')) != std::string::npos;) {
      cited.insert(keys.substr(0, comma));
      keys.erase(0, comma + 1);
    }
  }
  EXPECT_EQ(count_of(report.bib, "\n@"), cited.size());
  for (const std::string& key : cited) {
    EXPECT_NE(report.bib.find("{" + key + ","), std::string::npos) << key;
  }
  EXPECT_EQ(cited.count("Horowitz2014"), 1U);
  EXPECT_EQ(cited.count("Jouppi2017"), 1U);
  EXPECT_EQ(cited.size(), 3U);  // and the one that no entry covers
}

TEST(ReportLatex, CaptionDefinesOpAndBoundary) {
  const LatexReport report =
      latex_report(view_of(test::table_records()), {}, Bibliography(literature_dir()), "x");
  EXPECT_NE(report.tex.find("\\toprule"), std::string::npos);
  EXPECT_NE(report.tex.find("1~MAC = 1~multiply + 1~add = 2~ops"), std::string::npos);
  EXPECT_NE(report.tex.find("B0~arithmetic, conversion, light"), std::string::npos);
  EXPECT_NE(report.tex.find("$\\dagger$~modelled"), std::string::npos);
}

TEST(ReportCsv, LongHasAQuantityALine) {
  const Record record = test::sample_record();
  const std::string lines = csv_long_lines(record);
  EXPECT_EQ(count_of(lines, "\r\n"), record.quantities.size());
  EXPECT_NE(lines.find(",energy_B0_J_per_mac,J/MAC,2.403"), std::string::npos) << lines;
}

TEST(ReportCsv, NoTextCellIsAFormula) {
  const Record record = test::hostile_record();
  for (const std::string& lines :
       {csv_long_lines(record), csv_wide_line(record, {"energy_B0_J_per_mac"})}) {
    for (const char* cell : {",=", ",@", ",+", ",-", ",\"=", ",\"@", "\n="}) {
      EXPECT_EQ(lines.find(cell), std::string::npos) << cell;
    }
  }
  EXPECT_EQ(csv_text("a,\"b\""), "\"a,\"\"b\"\"\"");
  EXPECT_EQ(csv_text("-1"), "'-1");
}

TEST(ReportCi, BencherHasValuesAndBounds) {
  BencherReport report;
  Record record = test::sample_record();
  record.quantities["energy_B0_J_per_mac"].ci_low = 1e-13;
  record.quantities["energy_B0_J_per_mac"].ci_high = 3e-13;
  report.add(record);
  const auto json = nlohmann::json::parse(report.text());
  ASSERT_EQ(json.size(), 1U);
  const auto& measures = json.begin().value();
  EXPECT_EQ(measures["energy_B0_J_per_mac"]["lower_value"], 1e-13);
  EXPECT_EQ(measures["energy_B0_J_per_mac"]["upper_value"], 3e-13);
  EXPECT_EQ(measures["throughput_mac_per_s"]["value"], 1.25e13);
  for (const auto& measure : measures.items()) {
    for (const auto& field : measure.value().items()) EXPECT_TRUE(field.value().is_number());
  }
}

TEST(ReportCi, ActionListsSplitByDirection) {
  ActionReport smaller(true);
  ActionReport bigger(false);
  smaller.add(test::sample_record());
  bigger.add(test::sample_record());
  std::set<std::string> names;
  for (const auto& item : nlohmann::json::parse(smaller.text())) {
    EXPECT_TRUE(item.at("name").is_string() && item.at("unit").is_string());
    EXPECT_TRUE(item.at("value").is_number());
    EXPECT_EQ(item.at("name").get<std::string>().find("throughput"), std::string::npos);
    names.insert(item.at("name"));
  }
  const auto list = nlohmann::json::parse(bigger.text());
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0]["value"], 1.25e13);
  EXPECT_EQ(names.count(list[0]["name"].get<std::string>()), 0U);
}

TEST(ReportCi, GoogleBenchmarkNamesAreThoseOfItsSchema) {
  GoogleReport report(nullptr);
  report.add(test::sample_record());
  report.add(test::stopped_record(test::gemm_point(1, 2, 3), "cublas", "h100", Status::unavailable,
                                  "no GPU"));
  const auto json = nlohmann::json::parse(report.text());
  EXPECT_EQ(json["context"]["json_schema_version"], 1);
  const auto& first = json["benchmarks"][0];
  for (const char* key : {"name", "run_name", "run_type", "iterations", "real_time", "cpu_time",
                          "time_unit", "repetitions", "repetition_index", "threads"}) {
    EXPECT_TRUE(first.contains(key)) << key;
  }
  EXPECT_NEAR(first["real_time"].get<double>(), 5017600 / 1.25e13 * 1e9, 1e-6);
  EXPECT_EQ(json["benchmarks"][1]["error_occurred"], true);
}

TEST(ReportCi, NamesTellPointsApartAndStay) {
  Record one = test::sample_record();
  Record two = one;
  two.point["seed"] = 2;
  test::set_ids(two);
  EXPECT_NE(benchmark_name(one), benchmark_name(two));
  one.versions["model_version"] = 9;
  test::set_ids(one);
  EXPECT_EQ(benchmark_name(one), benchmark_name(test::sample_record()));
}

TEST(ReportSteps, ExactNumbersStepWhereTheyMove) {
  const auto levels = exact_levels({1, 1, 1 + 1e-12, 2, 2}, 1e-9);
  ASSERT_EQ(levels.size(), 2U);
  EXPECT_EQ(levels[1].begin, 3U);
}

// Noise of 1 % around 10, then 20 % more: one step, where it is. Without it: none.
TEST(ReportSteps, NoiseIsNoStep) {
  std::vector<double> values;
  unsigned state = 1;
  for (int i = 0; i < 60; ++i) {
    state = state * 1664525U + 1013904223U;
    values.push_back(10 * (1 + 0.02 * (static_cast<double>(state >> 8U) * 0x1p-24 - 0.5)));
  }
  EXPECT_EQ(noisy_levels(values, 0.05).size(), 1U);
  for (std::size_t i = 40; i < values.size(); ++i) values[i] *= 1.2;
  const auto levels = noisy_levels(values, 0.05);
  ASSERT_EQ(levels.size(), 2U);
  EXPECT_EQ(levels[1].begin, 40U);
  EXPECT_NEAR(levels[1].value / levels[0].value, 1.2, 0.01);
}

TEST(ReportLiterature, RowsHaveEnergyBoundaryAndSource) {
  const auto rows = load_literature(literature_dir() / "energy-per-op.csv");
  const Bibliography bibliography(literature_dir());
  EXPECT_GT(rows.size(), 140U);
  std::set<std::string> ids;
  for (const LiteratureRow& row : rows) {
    EXPECT_TRUE(ids.insert(row.id).second) << row.id;
    EXPECT_GT(row.J_per_mac, 0);
    EXPECT_FALSE(row.family().empty());
    for (const std::string& key : row.sources) EXPECT_TRUE(bibliography.has(key)) << key;
    // TDP x time enters no table.
    EXPECT_EQ(row.note.find("nameplate"), std::string::npos) << row.id;
  }
  // 930.2 fJ of the table, by 2000 W / TOPS: 40 W at 86 TOPS.
  for (const LiteratureRow& row : rows) {
    if (row.id != "asic-tpuv1-die-cnn0") continue;
    EXPECT_NEAR(row.J_per_mac, 2 * 40 / 86e12, 1e-16);
  }
}

TEST(ReportLiterature, ChoiceByIdKindAndFamily) {
  const auto rows = load_literature(literature_dir() / "energy-per-op.csv");
  EXPECT_TRUE(chosen_literature(rows, "none").empty());
  EXPECT_EQ(chosen_literature(rows, "all").size(), rows.size());
  EXPECT_EQ(chosen_literature(rows, "asic-eyeriss-alexnet").size(), 1U);
  EXPECT_GT(chosen_literature(rows, "photonic").size(),
            chosen_literature(rows, "photonic-mzi").size());
  EXPECT_THROW(chosen_literature(rows, "photonics"), jb::Error);
}

TEST(ReportHtml, HoldsTheMethodSheet) {
  const std::string html = html_of(test::table_records());
  EXPECT_NE(html.find("<section id=\"method\">"), std::string::npos);
  EXPECT_NE(html.find("sum over ledger rows up to B2"), std::string::npos);
  EXPECT_NE(html.find("host, fans and supply losses"), std::string::npos) << "what is not counted";
}

}  // namespace
}  // namespace jb::results
