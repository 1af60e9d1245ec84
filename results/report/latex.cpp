// Tables for papers: booktabs, siunitx, daggers for what is modelled, a .bib of what they cite.

#include <fmt/format.h>

#include <algorithm>

#include "results/report/escape.h"
#include "results/report/formats.h"
#include "results/report/tables.h"
#include "results/report/terminal_table.h"

namespace jb::results {
namespace {

// Rows of one float: more would not fit a page.
constexpr std::size_t kMostRows = 34;
constexpr double kPico = 1e-12;

// Compiled by itself the file brings its own document; \input in a paper it is tables alone. The
// kernel lets \@nodocument be \relax when a document has begun.
constexpr const char* kPreamble = R"(\makeatletter
\ifx\@nodocument\relax
  \gdef\jbPause{}\gdef\jbEndOfTables{}%
\else
  \documentclass[a4paper]{article}
  \usepackage[utf8]{inputenc}
  \usepackage{textcomp}
  \usepackage[margin=2cm]{geometry}
  \usepackage{booktabs}
  \usepackage{siunitx}
  \gdef\jbPause{\clearpage}%
  \gdef\jbEndOfTables{@BIBLIOGRAPHY@\end{document}}%
  \begin{document}%
\fi
\makeatother
)";

std::string_view dagger_of(Mark mark) {
  switch (mark) {
    case Mark::modelled:  // a thin space: a mark is no exponent
      return "\\,$^{\\dagger}$";
    case Mark::unvalidated:
      return "\\,$^{\\ddagger}$";
    case Mark::theory_bound:
      return "\\,$^{\\S}$";
    case Mark::literature:
      return "\\,$^{*}$";
    case Mark::measured:
      return "";
  }
  return "";
}

// Picojoules as a decimal where that is short, with an exponent otherwise; exactly `digits`
// significant ones: 1.60, 740.
std::string pico_text(double joules, int digits) {
  const std::string rounded = fmt::format("{:.{}e}", joules / kPico, std::max(0, digits - 1));
  const double value = std::stod(rounded);
  if (value != 0 && (std::abs(value) < 1e-3 || std::abs(value) >= 1e5)) {
    return "\\num{" + rounded + "}";
  }
  int before_point = 1;
  for (double rest = std::abs(value); rest >= 10; rest /= 10) ++before_point;
  for (double rest = std::abs(value); rest < 1 && rest > 0; rest *= 10) --before_point;
  constexpr int kMostDecimals = 4;  // what the column has room for
  if (digits - before_point > kMostDecimals) return "\\num{" + rounded + "}";
  return fmt::format("{:.{}f}", value, std::max(0, digits - before_point));
}

// A cell of an S column: the number, then its mark; what is no plain decimal stands in braces.
std::string number_cell(const std::string& number, Mark mark, bool bold) {
  const std::string sign(dagger_of(mark));
  if (number.empty()) return "{--}";
  if (bold) return fmt::format("{{\\bfseries {}{}}}", number, sign);
  if (number[0] == '\\') return fmt::format("{{{}{}}}", number, sign);
  return number + sign;
}

struct Document {
  std::string body;
  std::set<Mark> marks;
  Citations citations;
  int tables = 0;
};

std::string cite_text(const std::vector<std::string>& keys) {
  if (keys.empty()) return {};
  std::string list;
  for (const std::string& key : keys) list += (list.empty() ? "" : ",") + key;
  return fmt::format(" \\cite{{{}}}", list);
}

std::vector<std::string> sources_of(const View& view, const ViewRow& row, Citations& citations) {
  std::set<std::string> keys;
  for (const TextId source : row.sources) {
    for (const std::string& key : citations.cite_source(view.text(source))) keys.insert(key);
  }
  return {keys.begin(), keys.end()};
}

std::string boundary_meaning(const std::array<bool, kBoundaries>& boundaries) {
  std::string text;
  for (std::size_t b = 0; b < kBoundaries; ++b) {
    if (!boundaries[b]) continue;
    text += fmt::format("{}{}~{}", text.empty() ? "" : "; ", name_of(static_cast<Boundary>(b)),
                        meaning_of(static_cast<Boundary>(b)));
  }
  return text;
}

std::string mark_meaning(const std::set<Mark>& marks) {
  std::string text;
  for (const Mark mark : marks) {
    switch (mark) {
      case Mark::measured:
        text += " Without a mark: measured.";
        break;
      case Mark::modelled:
        text += " $\\dagger$~modelled.";
        break;
      case Mark::unvalidated:
        text += " $\\ddagger$~modelled, not validated against a published or metered figure.";
        break;
      case Mark::theory_bound:
        text += " \\S~bound of theory, no machine.";
        break;
      case Mark::literature:
        text += " *~literature.";
        break;
    }
  }
  return text;
}

// One float of some rows of a section.
class TableWriter {
 public:
  TableWriter(const View& view, const ReportTable& table, Document& document)
      : view_(view), table_(table), document_(document) {}

  void add_rows(const TableSection& section, std::size_t begin, std::size_t end,
                const std::vector<std::array<bool, kBoundaries>>& lead) {
    std::string lines;
    for (std::size_t i = begin; i < end; ++i) lines += row_line(*section.rows[i], lead[i]);
    const bool continued = begin > 0;
    ++document_.tables;
    document_.body +=
        "\n\\begin{table}[htbp]\n\\centering\\footnotesize\\setlength{\\tabcolsep}{1.5pt}\n";
    document_.body += fmt::format(
        "\\caption{{{}: {}{}. Energy in \\si{{\\pico\\joule}} per MAC, cumulative over boundaries: "
        "{}. 1~MAC = 1~multiply + 1~add = 2~ops.{}{}{}}}\n\\label{{tab:joulebench-{}}}\n",
        escape_latex(table_.title), escape_latex(section.workload), continued ? " (continued)" : "",
        boundary_meaning(table_.boundaries), mark_meaning(marks_), fidelity_meaning(),
        bold_ ? " Bold: no row of the same provenance is better in both energy and error." : "",
        document_.tables);
    document_.body +=
        fmt::format("\\begin{{tabular}}{{@{{}}p{{0.18\\linewidth}}{}@{{}}}}\n", column_types());
    document_.body += "\\toprule\n" + titles() + "\\midrule\n" + lines + "\\bottomrule\n";
    document_.body += "\\end{tabular}\n\\end{table}\n";
    // LaTeX holds few floats back; a document of nothing else must let them out.
    constexpr int kFloatsHeld = 12;
    if (document_.tables % kFloatsHeld == 0) document_.body += "\\jbPause\n";
    document_.marks.insert(marks_.begin(), marks_.end());
  }

 private:
  std::string row_line(const ViewRow& row, const std::array<bool, kBoundaries>& lead) {
    const std::vector<std::string> keys = sources_of(view_, row, document_.citations);
    std::string line = "\\raggedright " + escape_latex(view_.text(row.label)) + cite_text(keys);
    for (std::size_t b = 0; b < kBoundaries; ++b) {
      if (!table_.boundaries[b]) continue;
      const Number& energy = row.energy[b].known() ? row.energy[b] : row.metered[b];
      if (energy.known()) marks_.insert(energy.mark);
      bold_ = bold_ || lead[b];
      line += " & " + number_cell(energy.known() ? pico_text(energy.value, energy.digits) : "",
                                  energy.mark, lead[b]);
    }
    if (table_.movement) {
      line += " & " + (std::isnan(row.movement_share)
                           ? std::string("--")
                           : fmt::format("{:.0f}", 100 * row.movement_share));
    }
    if (table_.rate) line += " & " + rate_cell(row);
    if (table_.error || table_.accuracy) line += " & " + fidelity_cell(row);
    if (table_.age) line += " & " + escape_latex(format_duration(row.age_s));
    return line + " \\\\\n";
  }

  std::string rate_cell(const ViewRow& row) {
    constexpr double kGiga = 1e9;
    if (!row.rate.known()) return "--";
    marks_.insert(row.rate.mark);
    return "\\num{" + plain_number(row.rate.value / kGiga, 3) + "}" +
           std::string(dagger_of(row.rate.mark));
  }

  static std::string fidelity_cell(const ViewRow& row) {
    if (row.accuracy.known()) return fmt::format("{:.2f}\\,\\%", 100 * row.accuracy.value);
    if (!row.error.known()) return "--";
    return "\\num{" + plain_number(row.error.value, 2) + "}";
  }

  [[nodiscard]] std::string fidelity_meaning() const {
    std::string text;
    if (table_.movement) text += " Move: data movement's share of B2.";
    if (table_.error) text += " Error: relative Frobenius error against float64.";
    if (table_.accuracy) text += " Top-1: accuracy on the test samples.";
    return text;
  }

  [[nodiscard]] std::string column_types() const {
    constexpr const char* kNumber = "S[table-format=4.3,table-align-text-post=false]";
    std::string types;
    for (const bool there : table_.boundaries) types += there ? kNumber : "";
    for (const bool there :
         {table_.movement, table_.rate, table_.error || table_.accuracy, table_.age}) {
      types += there ? "r" : "";
    }
    return types;
  }

  [[nodiscard]] std::string titles() const {
    std::string line = "Machine";
    for (std::size_t b = 0; b < kBoundaries; ++b) {
      if (table_.boundaries[b]) {
        line += fmt::format(" & {{{}}}", name_of(static_cast<Boundary>(b)));
      }
    }
    if (table_.movement) line += " & Move / \\%";
    if (table_.rate) line += " & GMAC/s";
    if (table_.error || table_.accuracy) {
      line += table_.accuracy ? (table_.error ? " & Top-1 / error" : " & Top-1") : " & Error";
    }
    if (table_.age) line += " & Age";
    return line + " \\\\\n";
  }

  const View& view_;
  const ReportTable& table_;
  Document& document_;
  std::set<Mark> marks_;
  bool bold_ = false;
};

void add_validations(const View& view, Document& document) {
  if (view.validations.empty()) return;
  ++document.tables;
  std::string lines;
  for (const Validation& one : view.validations) {
    lines += fmt::format(
        "\\raggedright {}{} & \\num{{{}}}\\,* & \\num{{{}}}\\,$^{{\\dagger}}$ & "
        "\\num{{{:.3g}}} & \\raggedright {} \\tabularnewline\n",
        escape_latex(one.machine), cite_text(document.citations.cite_source(one.against)),
        plain_number(one.published_J_per_mac / kPico, 3),
        plain_number(one.published_J_per_mac * one.ratio / kPico, 3), one.ratio,
        escape_latex(one.against));
  }
  document.body += fmt::format(
      "\n\\begin{{table}}[htbp]\n\\centering\\small\\setlength{{\\tabcolsep}}{{4pt}}\n"
      "\\caption{{Model and paper: energy in \\si{{\\pico\\joule}} per MAC of each published "
      "machine "
      "and of its model, at the boundary of the published figure. * literature. "
      "$\\dagger$~modelled.}}\n\\label{{tab:joulebench-{}}}\n"
      "\\begin{{tabular}}{{@{{}}p{{0.22\\linewidth}}rrrp{{0.42\\linewidth}}@{{}}}}\n\\toprule\n"
      "Machine & Published & Model & Ratio & Published figure \\\\\n\\midrule\n{}\\bottomrule\n"
      "\\end{{tabular}}\n\\end{{table}}\n",
      document.tables, lines);
}

void add_literature(const std::vector<LiteratureRow>& rows, Document& document) {
  for (std::size_t begin = 0; begin < rows.size(); begin += kMostRows) {
    std::string lines;
    bool optical = false;
    std::array<bool, kBoundaries> boundaries{};
    for (std::size_t i = begin; i < std::min(rows.size(), begin + kMostRows); ++i) {
      const LiteratureRow& row = rows[i];
      for (const std::string& key : row.sources) document.citations.cite_key(key);
      boundaries[static_cast<std::size_t>(row.boundary)] = true;
      optical = optical || row.optical_only;
      lines += fmt::format(
          "\\raggedright {}{}{} & {} & {} & {} & {}* & {} \\\\\n", escape_latex(row.name),
          row.optical_only ? " (optical only)" : "", cite_text(row.sources), row.year,
          escape_latex(row.precision()), name_of(row.boundary),
          [&] {
            const std::string number = pico_text(row.J_per_mac, 3);
            return number[0] == '\\' ? number : "\\num{" + number + "}";
          }(),
          escape_latex(row.measured));
    }
    ++document.tables;
    document.body += fmt::format(
        "\n\\begin{{table}}[htbp]\n\\centering\\footnotesize\\setlength{{\\tabcolsep}}{{3pt}}"
        "\n\\caption{{Literature{}: published energy "
        "in "
        "\\si{{\\pico\\joule}} per MAC, each at its own boundary: {}. 1~MAC = 2~ops. "
        "*~literature.{}}}\n\\label{{tab:joulebench-{}}}\n"
        "\\begin{{tabular}}{{@{{}}p{{0.36\\linewidth}}rrlrl@{{}}}}\n\\toprule\n"
        "Machine & Year & Bits & Boundary & {{pJ/MAC}} & Basis \\\\\n\\midrule\n{}\\bottomrule\n"
        "\\end{{tabular}}\n\\end{{table}}\n",
        begin > 0 ? " (continued)" : "", boundary_meaning(boundaries),
        optical ? " Optical only: light at the detectors, nothing else." : "", document.tables,
        lines);
  }
}

std::string replaced(std::string text, std::string_view what, const std::string& with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
    text.replace(at, what.size(), with);
    at += with.size();
  }
  return text;
}

}  // namespace

LatexReport latex_report(const View& view, const std::vector<LiteratureRow>& literature,
                         const Bibliography& bibliography, const std::string& name) {
  Document document{"", {}, Citations(bibliography), 0};
  for (const ReportTable& table : tables_of(view)) {
    for (const TableSection& section : table.sections) {
      const auto lead = leaders(section);
      for (std::size_t begin = 0; begin < section.rows.size(); begin += kMostRows) {
        const std::size_t end = std::min(section.rows.size(), begin + kMostRows);
        TableWriter(view, table, document).add_rows(section, begin, end, lead);
      }
    }
    const std::vector<std::string> missing = not_run_sentences(view, table);
    if (missing.empty()) continue;
    document.body +=
        "\n{\\raggedright\\noindent No numbers in ``" + escape_latex(table.title) + "'':";
    for (std::size_t i = 0; i < missing.size(); ++i) {
      document.body += (i == 0 ? " " : "; ") + escape_latex(missing[i]);
    }
    document.body += ".\\par}\n";
  }
  add_validations(view, document);
  add_literature(literature, document);

  const std::string bibliography_command =
      document.citations.empty() ? "" : "\\bibliographystyle{unsrt}\\bibliography{" + name + "}";
  LatexReport report;
  report.tex =
      "% Energy per operation. \\input this file in a paper that loads booktabs and siunitx\n"
      "% and names the .bib beside it in \\bibliography; it compiles by itself, too.\n" +
      replaced(kPreamble, "@BIBLIOGRAPHY@", bibliography_command) + document.body +
      "\\jbEndOfTables\n";
  report.bib = document.citations.bib();
  return report;
}

}  // namespace jb::results
