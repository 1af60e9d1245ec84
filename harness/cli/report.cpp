// joulebench report: views of records, for people, papers and programs.

#include <CLI/CLI.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <regex>
#include <system_error>

#include "backends/core/error.h"
#include "backends/core/paths.h"
#include "harness/cli/app.h"
#include "harness/cli/output.h"
#include "results/journal.h"
#include "results/label.h"
#include "results/report/formats.h"
#include "results/report/history.h"

namespace jb::harness::cli {

namespace {

namespace fs = std::filesystem;

struct ReportFlags {
  std::vector<std::string> results;
  std::string format = "table";
  std::string output;
  std::string literature;  ///< "" = what the format has by itself
  std::string layout = "long";
  std::string better = "smaller";
  std::string color = "auto";
  std::string filter;    ///< regular expression on the point's label
  double max_error = 0;  ///< 0 = no iso-accuracy
  bool history = false;
  bool force = false;
};

/// One file of a report.
struct OutputFile {
  fs::path path;
  std::string text;
};

using RecordSink = std::function<void(results::Record&&)>;

/// The folder's run.json; null where there is none or it cannot be read.
Json run_of(const fs::path& journal) {
  const fs::path file = journal.parent_path() / "run.json";
  std::error_code error;
  if (!fs::is_regular_file(file, error)) return nullptr;
  try {
    return read_json_file(file);
  } catch (const Error&) {
    return nullptr;  // the records speak for themselves
  }
}

std::regex filter_of(const ReportFlags& flags) {
  try {
    return std::regex(flags.filter, std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error& error) {
    fail_usage("--filter: '{}' is no regular expression: {}", flags.filter, error.what());
  }
}

/// Records that the filter keeps, in order; each run's run.json goes to `runs` before its records.
void for_each_record(const ReportFlags& flags, const RecordSink& sink,
                     const std::function<void(const Json&)>& runs = {}) {
  const std::regex filter = filter_of(flags);
  std::size_t kept = 0;
  fs::path current;
  for (const std::string& path : flags.results) {
    results::stream_results(path, [&](results::Record&& record, const fs::path& journal) {
      if (runs && journal != current) runs(run_of(journal));
      current = journal;
      if (!flags.filter.empty() && !std::regex_search(results::point_label(record.point), filter)) {
        return;
      }
      ++kept;
      sink(std::move(record));
    });
  }
  if (kept == 0) fail_usage("--filter: no point's label matches '{}'", flags.filter);
}

/// A data folder of the user's own may lack it; then sources are quoted instead of cited.
results::Bibliography bibliography() {
  const fs::path folder = literature_dir();
  std::error_code error;
  return fs::exists(folder / "references.bib", error) ? results::Bibliography(folder)
                                                      : results::Bibliography();
}

std::vector<results::LiteratureRow> literature_of(const ReportFlags& flags) {
  const fs::path table = literature_dir() / "energy-per-op.csv";
  std::string choice = flags.literature;
  std::error_code error;
  if (choice.empty()) choice = flags.format == "html" && fs::exists(table, error) ? "all" : "none";
  if (choice == "none") return {};
  return results::chosen_literature(results::load_literature(table), choice);
}

results::View view_of(const ReportFlags& flags) {
  results::ViewBuilder builder;
  for_each_record(
      flags, [&](results::Record&& record) { builder.add(record); },
      [&](const Json& run) { builder.add_run(run); });
  results::View view = builder.finish();
  if (flags.max_error > 0) results::keep_iso_accuracy(view, flags.max_error);
  return view;
}

// Every writer gives the files of a report; the first one goes to stdout where no -o is given.
using Files = std::vector<OutputFile>;

Files terminal_files(const ReportFlags& flags) {
  std::vector<results::Record> records;
  for_each_record(flags, [&](results::Record&& record) { records.push_back(std::move(record)); });
  results::TableStyle style = table_style(flags.color);
  if (!flags.output.empty()) style = {kDefaultWidth, false};
  std::string text = results::energy_table(records, style);
  text += results::literature_table(literature_of(flags), style);
  return {{flags.output, std::move(text)}};
}

Files markdown_files(const ReportFlags& flags) {
  return {{flags.output, results::markdown_report(view_of(flags), literature_of(flags))}};
}

Files latex_files(const ReportFlags& flags) {
  const fs::path tex(flags.output);
  const std::string name = flags.output.empty() ? "report" : tex.stem().string();
  results::LatexReport report =
      results::latex_report(view_of(flags), literature_of(flags), bibliography(), name);
  Files files{{tex, std::move(report.tex)}};
  fs::path bib = tex;
  files.push_back({bib.replace_extension(".bib"), std::move(report.bib)});
  return files;
}

// CSV and HTML may be large: they go out piece by piece.
void stream_csv(const ReportFlags& flags, const results::TextSink& out) {
  const std::vector<results::LiteratureRow> literature = literature_of(flags);
  if (flags.layout == "long") {
    out(results::csv_long_header());
    for_each_record(flags, [&](results::Record&& record) { out(results::csv_long_lines(record)); });
    for (const results::LiteratureRow& row : literature) out(results::csv_long_lines(row));
    return;
  }
  if (!literature.empty()) fail_usage("--literature goes with --layout long, not with wide");
  std::set<std::string> quantities;
  for_each_record(flags, [&](results::Record&& record) {
    for (const auto& entry : record.quantities) quantities.insert(entry.first);
  });
  out(results::csv_wide_header(quantities));
  for_each_record(
      flags, [&](results::Record&& record) { out(results::csv_wide_line(record, quantities)); });
}

void stream_html(const ReportFlags& flags, const results::TextSink& out) {
  const results::View view = view_of(flags);
  results::html_report(view, literature_of(flags), bibliography(), out);
}

Files bencher_files(const ReportFlags& flags) {
  results::BencherReport report;
  for_each_record(flags, [&](results::Record&& record) { report.add(record); });
  return {{flags.output, report.text()}};
}

// One list a direction: the action takes one direction a run.
Files action_files(const ReportFlags& flags) {
  results::ActionReport smaller(true);
  results::ActionReport bigger(false);
  for_each_record(flags, [&](results::Record&& record) {
    smaller.add(record);
    bigger.add(record);
  });
  std::error_code error;
  const fs::path output(flags.output);
  if (fs::is_directory(output, error)) {
    return {{output / "customSmallerIsBetter.json", smaller.text()},
            {output / "customBiggerIsBetter.json", bigger.text()}};
  }
  const bool first_smaller = flags.better != "bigger";
  Files files{{output, first_smaller ? smaller.text() : bigger.text()}};
  if (flags.better == "both") {
    const std::string name = output.stem().string() + "-bigger" + output.extension().string();
    files.push_back({output.parent_path() / name, bigger.text()});
  }
  return files;
}

Files google_files(const ReportFlags& flags) {
  std::unique_ptr<results::GoogleReport> report;
  for_each_record(
      flags, [&](results::Record&& record) { report->add(record); },
      [&](const Json& run) {
        if (!report) report = std::make_unique<results::GoogleReport>(run);
      });
  return {{flags.output, report->text()}};
}

Files history_files(const ReportFlags& flags) {
  results::HistoryBuilder builder;
  std::string commit;
  for_each_record(
      flags,
      [&](results::Record&& record) {
        builder.add(record, commit.empty() ? record.run_id : commit);
      },
      [&](const Json& run) {
        const bool known = run.is_object() && run.contains("commit") && run["commit"].is_string();
        commit = known ? run["commit"].get<std::string>() : "";
      });
  const results::History history = builder.finish();
  if (flags.format == "md") return {{flags.output, results::history_markdown(history)}};
  if (flags.format == "csv") return {{flags.output, results::history_csv(history)}};
  if (flags.format == "json") {
    return {{flags.output, results::history_json(history).dump(2) + "\n"}};
  }
  if (flags.format != "table") {
    fail_usage("--history comes as table, md, csv or json, not as {}", flags.format);
  }
  return {{flags.output, results::history_text(history, table_style(flags.color))}};
}

struct Writer {
  const char* format;
  const char* example;  ///< of -o
  Files (*files)(const ReportFlags&);
  void (*stream)(const ReportFlags&, const results::TextSink&);  ///< instead of files
};

constexpr Writer kWriters[] = {
    {"table", "report.txt", terminal_files, nullptr},
    {"md", "report.md", markdown_files, nullptr},
    {"tex", "table.tex", latex_files, nullptr},
    {"csv", "records.csv", nullptr, stream_csv},
    {"html", "report.html", nullptr, stream_html},
    {"bmf", "bencher.json", bencher_files, nullptr},
    {"gab", "benchmarks.json", action_files, nullptr},
    {"gbench", "benchmarks.json", google_files, nullptr},
};

const Writer& writer_of(const ReportFlags& flags) {
  std::vector<std::string> formats;
  for (const Writer& writer : kWriters) formats.emplace_back(writer.format);
  if (flags.history && flags.format == "json") return kWriters[0];
  check_choice("--format", flags.format, formats);
  for (const Writer& writer : kWriters) {
    if (flags.format == writer.format) return writer;
  }
  fail_internal("no writer for '{}'", flags.format);
}

// A regular file is replaced only when the user says so; a device or a pipe is written to.
void refuse_overwriting(const fs::path& path, bool force) {
  std::error_code error;
  if (!force && fs::is_regular_file(path, error)) {
    fail_usage("-o: {} is there already; add --force to replace it, or name another file",
               path.string());
  }
}

void check_output(const ReportFlags& flags, const Writer& writer) {
  std::error_code error;
  const fs::path output(flags.output);
  const bool folder = flags.format == "gab" && fs::is_directory(output, error);
  if (flags.output.empty() || folder) return;
  check_output_file(flags.output, writer.example);
  refuse_overwriting(output, flags.force);
}

void write_files(const Files& files, const ReportFlags& flags) {
  if (flags.output.empty()) {
    print(files.front().text);
    if (files.size() > 1 && flags.format == "tex") {
      say("the .bib of the cited sources is written with -o FILE.tex");
    }
    return;
  }
  for (const OutputFile& file : files) refuse_overwriting(file.path, flags.force);
  for (const OutputFile& file : files) write_file_atomically(file.path, file.text);
}

// A file under another name until it is whole: what is there stays when the report fails.
void stream_to_file(const ReportFlags& flags, const Writer& writer) {
  const fs::path output(flags.output);
  std::error_code error;
  const bool regular = !fs::exists(output, error) || fs::is_regular_file(output, error);
  const fs::path written = regular ? fs::path(flags.output + ".part") : output;
  try {
    std::ofstream file(written, std::ios::binary);
    writer.stream(flags, [&](std::string_view piece) { file << piece; });
    if (!file.flush()) {
      fail_usage("cannot write {}: {}", flags.output, std::generic_category().message(errno));
    }
    if (regular) fs::rename(written, fs::is_symlink(output) ? fs::canonical(output) : output);
  } catch (...) {
    if (regular) fs::remove(written, error);
    throw;
  }
}

int report(const ReportFlags& flags) {
  const Writer& writer = writer_of(flags);
  check_choice("--layout", flags.layout, {"long", "wide"});
  check_choice("--better", flags.better, {"smaller", "bigger", "both"});
  check_choice("--color", flags.color, {"auto", "always", "never"});
  if (flags.better == "both" && flags.output.empty()) {
    fail_usage("--better both writes two files: name the first with -o");
  }
  const bool tables = flags.format == "md" || flags.format == "tex" || flags.format == "html";
  if (flags.max_error < 0 || flags.max_error > 1) {
    fail_usage("--max-error: {} is not between 0 and 1", flags.max_error);
  }
  if (flags.max_error > 0 && (!tables || flags.history)) {
    fail_usage("--max-error goes with md, tex and html");
  }
  check_output(flags, writer);
  if (flags.history) {
    write_files(history_files(flags), flags);
  } else if (writer.stream == nullptr) {
    write_files(writer.files(flags), flags);
  } else if (flags.output.empty()) {
    writer.stream(flags, [](std::string_view piece) { print(piece); });
  } else {
    stream_to_file(flags, writer);
  }
  return kDone;
}

}  // namespace

void add_report_verb(CLI::App& app, VerbAction& action) {
  CLI::App* verb = add_verb(
      app, "report", "views of records: tables, papers, web pages, trackers of benchmarks",
      "joulebench report joulebench-runs/RUN\n"
      "joulebench report joulebench-runs/RUN --format html -o report.html\n"
      "joulebench report joulebench-runs/RUN --format tex -o table.tex --literature digital\n"
      "joulebench report old-run new-run --history");
  const auto flags = std::make_shared<ReportFlags>();
  verb->add_option("RESULTS", flags->results, "records.jsonl files, run folders, folders of runs")
      ->required();
  verb->add_option("--format", flags->format,
                   "table (default), md, tex (with its .bib), csv, html, bmf (Bencher), gab "
                   "(github-action-benchmark) or gbench (Google Benchmark)")
      ->type_name("FORMAT");
  verb->add_option("-o,--output", flags->output, "file to write; default: standard output")
      ->type_name("PATH");
  verb->add_flag("--force", flags->force, "replace files that are there already");
  verb->add_option("--literature", flags->literature,
                   "published machines beside ours: all, none, or ids, kinds and families (cpu, "
                   "gpu, digital, analog, photonic); default: all in html, none elsewhere")
      ->type_name("WHAT");
  verb->add_option("--layout", flags->layout,
                   "csv: long (a quantity a line, default) or wide (a record a line)")
      ->type_name("HOW");
  verb->add_option("--better", flags->better,
                   "gab: smaller (default), bigger, or both with -o FILE.json and "
                   "FILE-bigger.json; -o FOLDER has both, too")
      ->type_name("WHAT");
  verb->add_option("--filter", flags->filter,
                   "only points whose label ('systolic tpu-v1 gemm 64,100,784') matches")
      ->type_name("REGEX");
  verb->add_option("--max-error", flags->max_error,
                   "iso-accuracy: of each machine and workload the row with the least energy whose "
                   "relative error, or 1 - top-1, is at most this")
      ->type_name("X");
  verb->add_flag("--history", flags->history,
                 "steps of numbers between runs of several commits (table, md, csv, json)");
  verb->add_option("--color", flags->color, "auto, always or never; NO_COLOR is obeyed")
      ->type_name("WHEN");
  verb->callback([flags, &action] { action = [flags] { return report(*flags); }; });
}

}  // namespace jb::harness::cli
