// The method sheet of the HTML report: how its figures are formed and what they leave out.
// Constants and sources stand at each record's ledger.

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <vector>

#include "results/footprint/method_sheet.h"
#include "results/footprint/omissions.h"
#include "results/report/escape.h"
#include "results/report/html_parts.h"

namespace jb::results {
namespace {

constexpr std::array<const char*, 11> kFigures = {
    "energy_B0_J_per_mac",      "energy_B1_J_per_mac",     "energy_B2_J_per_mac",
    "energy_B3_J_per_mac",      "data_movement_J_per_mac", "data_movement_share_frac",
    "throughput_mac_per_s",     "average_power_W",         "setup_energy_J",
    "relative_error_frobenius", "accuracy_top1_frac"};

/// Machines by the highest boundary that they have data for.
std::map<int, std::string> machines_by_boundary(const View& view) {
  std::map<int, std::vector<std::string>> machines;
  for (const ViewRow& row : view.rows) {
    if (row.highest() < 0) continue;
    std::vector<std::string>& here = machines[row.highest()];
    const std::string machine = view.machine(row);
    if (std::find(here.begin(), here.end(), machine) == here.end()) here.push_back(machine);
  }
  std::map<int, std::string> texts;
  for (const auto& [boundary, names] : machines) {
    for (const std::string& name : names) {
      texts[boundary] += (texts[boundary].empty() ? "" : ", ") + name;
    }
  }
  return texts;
}

}  // namespace

std::string method_section(const View& view) {
  const std::map<int, std::string> machines = machines_by_boundary(view);
  if (machines.empty()) return {};
  std::string text =
      "<div class=\"wide\"><table>\n<thead><tr><th class=\"t\">figure</th>"
      "<th class=\"t\">formula</th></tr></thead>\n<tbody>\n";
  for (const char* figure : kFigures) {
    text += "<tr><td class=\"t\">" + escape_html(figure) + "</td><td class=\"t\">" +
            escape_html(quantity_formula(figure)) + "</td></tr>\n";
  }
  text += "</tbody>\n</table></div>\n<p>Not counted:</p>\n<ul>\n";
  for (const auto& [boundary, names] : machines) {
    std::string omitted;
    for (const std::string& one : omissions_above(static_cast<Boundary>(boundary))) {
      omitted += (omitted.empty() ? "" : "; ") + one;
    }
    text += "<li>" + escape_html(names + ": " + omitted) + "</li>\n";
  }
  return text + "</ul>\n";
}

}  // namespace jb::results
