// What amortises the symbols and readouts of a photonic product: (E7), the energy budget of R.
// Hamerly, L. Bernstein, A. Sludds, M. Soljacic and D. Englund, PRX 9, 021032 (2019), Sec. VI.
//   E / MAC = E_in (1/m + 1/n) + E_out / k + light
// with 1/m the modulation of B (weights), once for each of the m rows of A that use them at a time.

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "harness/cli/explain.h"
#include "harness/cli/output.h"
#include "results/report/terminal_table.h"

namespace jb::harness::cli {
namespace {

using results::format_energy;
using results::Record;

struct Term {
  const char* name;
  const char* size;  // that amortises it: a key of the point
  double joules = 0;
};

/// Index of the (E7) term that a row belongs to; -1: none (memories, static power).
int term_of(const results::RecordRow& row) {
  const auto ends = [&](std::string_view word) {
    return row.action.size() >= word.size() &&
           row.action.compare(row.action.size() - word.size(), word.size(), word) == 0;
  };
  const std::string& c = row.component;
  const bool sends = c == "dac" || c == "modulator" || c == "transmitter (undivided)";
  if (sends && ends(" weight")) return 0;
  if (sends && ends(" activation")) return 1;
  if (c == "adc" || c == "amplifier" || c == "receiver (undivided)") return 2;
  return c == "laser" && row.action == "photon" ? 3 : -1;
}

}  // namespace

std::string amortisation_lines(const Record& record, int width) {
  const auto size = [&](const char* key) {
    const auto found = record.point.find(key);
    return found != record.point.end() && found->is_number() ? found->get<double>() : 0.0;
  };
  if (record.point.value("backend", "") != "photonic" || !(size("m") > 0)) return {};
  std::array<Term, 4> terms = {Term{"modulation of B (weights)", "m"},
                               Term{"modulation of A (activations)", "n"}, Term{"readout", "k"},
                               Term{"light", ""}};
  double all = 0;
  for (const results::RecordRow& row : record.ledger) {
    const int term = term_of(row);
    if (term < 0) continue;
    terms[static_cast<std::size_t>(term)].joules += row.energy_J;
    all += row.energy_J;
  }
  if (!(terms[0].joules > 0) || !(record.work.macs > 0)) return {};
  std::string out;
  for (const Term& term : terms) {
    out += wrap(
        fmt::format("{}{} = {}/MAC, {:.1f} % of the four terms", term.name,
                    *term.size == '\0'
                        ? std::string(" (amortised over nothing)")
                        : fmt::format(", amortised over {} = {:.0f}", term.size, size(term.size)),
                    format_energy(term.joules / record.work.macs, 4), 100 * term.joules / all),
        width, 2);
  }
  // B's term falls as 1/m, the others do not depend on m (on an array that takes them in one pass).
  const double rest = all - terms[0].joules;
  const double ratio = terms[0].joules / rest;
  std::string verdict = "about as much as";
  if (ratio >= 10) verdict = "an order of magnitude more than";
  if (ratio <= 0.1) verdict = "an order of magnitude less than";
  out +=
      wrap(fmt::format("modulation of B is {:.3g} times the other three, {} them; taken at once, "
                       "m = {:.3g} rows would make them equal",
                       ratio, verdict, size("m") * ratio),
           width, 2);
  return out;
}

}  // namespace jb::harness::cli
