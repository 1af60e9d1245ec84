// The HTML report as a page.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "backends/core/text.h"
#include "results/report/escape.h"
#include "results/report/figures.h"
#include "results/report/html_parts.h"
#include "results/report/svg.h"

namespace jb::results {
namespace {

// Workloads with a pane of their own; the others are in "all" and in the table.
constexpr std::size_t kMostPanes = 14;

struct Pane {
  std::string name, body;
};

// Panes that show one at a time, by style alone: no script, and all of them in print.
std::string tabs(const std::string& group, const std::vector<Pane>& panes) {
  if (panes.size() == 1) return "<h3>" + escape_html(panes[0].name) + "</h3>\n" + panes[0].body;
  std::string inputs;
  std::string labels = "<div class=\"tablist\">";
  std::string bodies = "<div class=\"panes\">\n";
  for (std::size_t i = 0; i < panes.size(); ++i) {
    inputs += fmt::format("<input type=\"radio\" name=\"{0}\" id=\"{0}-{1}\"{2}>", group, i,
                          i == 0 ? " checked" : "");
    labels += fmt::format("<label for=\"{}-{}\">{}</label>", group, i, escape_html(panes[i].name));
    bodies += "<div class=\"pane\"><h4>" + escape_html(panes[i].name) + "</h4>\n" + panes[i].body +
              "</div>\n";
  }
  return "<div class=\"tabs\">" + inputs + "\n" + labels + "</div>\n" + bodies + "</div></div>\n";
}

std::string tab_style() {
  std::string css;
  for (std::size_t k = 1; k <= kMostPanes + 1; ++k) {
    css += fmt::format(
        ".tabs>input:nth-of-type({0}):checked~.panes>.pane:nth-child({0}){{display:block}}"
        ".tabs>input:nth-of-type({0}):checked~.tablist>label:nth-child({0}){{background:var(--fg);"
        "color:var(--bg);border-color:var(--fg)}}"
        ".tabs>input:nth-of-type({0}):focus-visible~.tablist>label:nth-child({0}){{outline:2px "
        "solid "
        "var(--accent);outline-offset:2px}}\n",
        k);
  }
  return css;
}

struct Section {
  std::string id, link, title, lead, body;
};

Section pareto_section(const View& view, const std::vector<ReportTable>& tables) {
  Section section{
      "pareto", "Pareto", "Energy against error",
      "Down and left is better. One panel a boundary: ratios mean something only within "
      "one. Bars are 95 % intervals; where a model gives none, they come from the "
      "classes of its constants. The dashed line joins what no validated row beats in "
      "both.",
      ""};
  std::size_t group = 0;
  for (const ReportTable& table : tables) {
    std::vector<Pane> panes;
    if (table.sections.size() > 1) {
      std::vector<const ViewRow*> all;
      for (const TableSection& one : table.sections) {
        all.insert(all.end(), one.rows.begin(), one.rows.end());
      }
      panes.push_back({"all", pareto_figure(view, all, false)});
    }
    for (const TableSection& one : table.sections) {
      if (panes.size() > kMostPanes) break;
      std::string body = pareto_figure(view, one.rows, true);
      if (!body.empty()) panes.push_back({one.workload, std::move(body)});
    }
    const bool empty =
        std::all_of(panes.begin(), panes.end(), [](const Pane& pane) { return pane.body.empty(); });
    if (empty) continue;
    section.body += "<h3>" + escape_html(table.title) + "</h3>\n" +
                    tabs(fmt::format("pareto{}", group++), panes);
  }
  return section;
}

Section breakdown_section(const View& view, const std::vector<ReportTable>& tables) {
  std::vector<Pane> panes;
  for (const ReportTable& table : tables) {
    for (const TableSection& one : table.sections) {
      if (panes.size() > kMostPanes) break;
      std::string body = breakdown_figure(view, one.rows);
      if (!body.empty()) panes.push_back({one.workload, std::move(body)});
    }
  }
  Section section{"energy", "Breakdown", "Where the energy goes",
                  "Left: the share of every component in the energy at the highest boundary the "
                  "machine has data for. Right: the energy up to each boundary.",
                  ""};
  if (panes.empty()) return section;
  section.body = "<ul class=\"key\">";
  for (int c = 0; c < kCategories; ++c) {
    section.body +=
        fmt::format("<li><i class=\"bar c{}\"></i>{}</li>", c, name_of(static_cast<Category>(c)));
  }
  section.body += "</ul>\n" + tabs("energy", panes);
  return section;
}

std::vector<Section> sections_of(const View& view, const std::vector<LiteratureRow>& literature) {
  const std::vector<ReportTable> tables = tables_of(view);
  std::vector<Section> sections;
  sections.push_back(pareto_section(view, tables));
  sections.push_back(breakdown_section(view, tables));
  Section beside{"literature", "Literature", "Beside the literature",
                 "Grey rings: published machines, each at the boundary of its own figure. Colours: "
                 "the records of this report. They are shown together and never added, divided or "
                 "ranked together; their precisions differ.",
                 literature_figure(view, literature)};
  if (!beside.body.empty()) {
    beside.body +=
        fmt::format("<details><summary>{} published machines</summary>\n", literature.size()) +
        literature_section(literature) + "</details>\n";
  }
  sections.push_back(std::move(beside));
  sections.push_back({"papers", "Papers", "Model and paper",
                      "Each published machine and its model, at the boundary of the published "
                      "figure.",
                      validations_section(view)});
  sections.push_back({"drift", "Drift", "Drift, with and without calibration",
                      "Error against the time since programming; hollow marks and dashes: not "
                      "calibrated.",
                      drift_figure(view)});
  sections.push_back(
      {"photons", "Photons", "Error against photons",
       "Photons per MAC at the detectors; hollow marks and dashes: bounds of theory.",
       photon_figure(view)});
  sections.push_back(
      {"roofline", "Roofline", "Roofline",
       "Speed against the MACs that each byte of compulsory traffic serves. A roof is "
       "the lowest one above all points of its machine in this report.",
       roofline_figure(view)});
  sections.push_back({"method", "Method", "Method sheet",
                      "How the figures are formed, and what they leave out; constants and their "
                      "sources stand in each record's ledger.",
                      method_section(view)});
  sections.erase(std::remove_if(sections.begin(), sections.end(),
                                [](const Section& section) { return section.body.empty(); }),
                 sections.end());
  return sections;
}

std::string key_shape(int series, Mark kind) {
  Svg svg(14, 14, "");
  svg.mark({7, 7}, 4.6, series, kind, "");
  return std::move(svg).finish();
}

std::string key_of(const View& view) {
  std::map<int, std::string> backends;
  std::map<Mark, bool> kinds;
  for (const ViewRow& row : view.rows) {
    if (row.status != Status::ok) continue;
    backends.emplace(series_of(view.text(row.backend)), view.text(row.backend));
    for (const Number& energy : row.energy) {
      if (energy.known()) kinds[energy.mark] = true;
    }
    for (const Number& energy : row.metered) {
      if (energy.known()) kinds[energy.mark] = true;
    }
  }
  std::string key = "<ul class=\"key\">";
  for (const auto& backend : backends) {
    key +=
        "<li>" + key_shape(backend.first, Mark::modelled) + escape_html(backend.second) + "</li>";
  }
  for (const auto& kind : kinds) {
    key +=
        fmt::format("<li>{}{}{}</li>", key_shape(0, kind.first), name_of(kind.first),
                    sign_of(kind.first).empty() ? "" : fmt::format(" ({})", sign_of(kind.first)));
  }
  return key + "</ul>\n";
}

std::string counted(std::size_t count, const char* one, const char* many) {
  return fmt::format("<li><b>{}</b> {}</li>", count, count == 1 ? one : many);
}

std::string header_of(const View& view) {
  std::map<std::string, bool> machines;
  std::map<TextId, bool> workloads;
  std::size_t not_run = 0;
  std::string first, last;
  for (const ViewRow& row : view.rows) {
    machines[view.machine(row)] = true;
    workloads[row.workload] = true;
    if (row.status != Status::ok) ++not_run;
    if (!row.time_utc.empty()) {
      first = first.empty() ? row.time_utc : std::min(first, row.time_utc);
      last = std::max(last, row.time_utc);
    }
  }
  std::string text =
      "<header>\n<h1>Energy per operation</h1>\n<p class=\"lead\">Joules per "
      "multiply-accumulate (1 MAC = 1 multiply + 1 add = 2 ops), at named "
      "boundaries, with the provenance of every number.</p>\n<ul class=\"facts\">";
  text += counted(view.rows.size(), "record", "records");
  text += counted(machines.size(), "machine", "machines");
  text += counted(workloads.size(), "workload", "workloads");
  text += counted(view.runs.size(), "run", "runs");
  if (not_run > 0) text += counted(not_run, "point without numbers", "points without numbers");
  if (!first.empty()) {
    const std::string day = first.substr(0, 10);
    const std::string end = last.substr(0, 10);
    text += "<li>" + escape_html(day == end ? day : day + " to " + end) + "</li>";
  }
  return text + "</ul>\n</header>\n";
}

constexpr const char* kControls = R"(<div id="controls" hidden>
<input type="search" id="f-text" placeholder="Filter: machine, workload, setting" aria-label="Filter rows">
<label>backend <select id="f-backend"><option value="">all</option></select></label>
<label>workload <select id="f-workload"><option value="">all</option></select></label>
<label>provenance <select id="f-mark"><option value="">all</option></select></label>
<button type="button" id="f-clear">Clear</button><span id="count" aria-live="polite"></span>
</div>
)";

constexpr const char* kTableLead =
    "<p class=\"lead\">J/MAC, cumulative: B0 arithmetic, conversion, light; B1 + on-chip memory, "
    "control; B2 + DRAM and links; B3 + static power; B4 + host and supply; B5 + facility. "
    "~ modelled; ? modelled and not validated against a published or metered figure; ° bound of "
    "theory; no mark: measured. move: data movement's share of B2; error: relative Frobenius error "
    "against float64.</p>\n";

std::string references_section(const View& view, const std::vector<LiteratureRow>& literature,
                               const Bibliography& bibliography) {
  Citations citations(bibliography);
  for (const ViewRow& row : view.rows) {
    for (const TextId source : row.sources) citations.cite_source(view.text(source));
  }
  for (const LiteratureRow& row : literature) {
    for (const std::string& key : row.sources) citations.cite_key(key);
  }
  const std::vector<std::string> references = citations.references();
  if (references.empty()) return {};
  std::string text = "<section id=\"sources\"><h2>Sources</h2>\n<details><summary>" +
                     std::to_string(references.size()) +
                     " works behind the constants and the literature rows</summary>\n"
                     "<ol class=\"refs\">\n";
  for (const std::string& reference : references) {
    text += "<li>" + escape_html(reference) + "</li>\n";
  }
  return text + "</ol></details></section>\n";
}

}  // namespace

void html_report(const View& view, const std::vector<LiteratureRow>& literature,
                 const Bibliography& bibliography, const TextSink& out) {
  const std::vector<Section> sections = sections_of(view, literature);
  // No other script runs, whatever stands in a record; and nothing is loaded from anywhere.
  std::string seed;
  for (const std::string& run : view.runs) seed += run;
  if (!view.rows.empty()) seed += view.rows.front().record_id + view.rows.back().record_id;
  const std::string nonce = hash_hex(seed);
  out("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'; img-src data:; script-src 'nonce-" +
      nonce +
      "'\">\n<link rel=\"icon\" href=\"data:,\">\n<title>Energy per operation</title>\n<style>\n");
  out(kReportStyle);
  out(tab_style());
  out("</style>\n</head>\n<body>\n");
  out(header_of(view));
  std::string links = "<nav><div>";
  for (const Section& section : sections) {
    links += fmt::format("<a href=\"#{}\">{}</a>", section.id, section.link);
  }
  out(links +
      "<a href=\"#all\">Table</a><button type=\"button\" id=\"theme\" hidden "
      "title=\"Light or dark\" aria-label=\"Light or dark\">◐</button></div></nav>\n<main>\n");
  out(kControls);
  out(key_of(view));
  for (const Section& section : sections) {
    out(fmt::format("<section id=\"{}\"><h2>{}</h2>\n<p class=\"lead\">{}</p>\n", section.id,
                    section.title, section.lead));
    out(section.body);
    out("</section>\n");
  }
  out("<section id=\"all\"><h2>Table</h2>\n");
  out(kTableLead);
  write_static_table(view, out);
  out("</section>\n");
  out(references_section(view, literature, bibliography));
  out("</main>\n<footer>Made by joulebench from its records alone; this page loads "
      "nothing.</footer>\n"
      "<div id=\"tip\" hidden></div>\n<dialog id=\"detail\"><button type=\"button\" "
      "class=\"close\" "
      "id=\"detail-close\">Close</button><div id=\"detail-content\"></div></dialog>\n");
  write_data(view, out);
  out("<script nonce=\"" + nonce + "\">\n");
  out(kReportScript);
  out("</script>\n</body>\n</html>\n");
}

}  // namespace jb::results
