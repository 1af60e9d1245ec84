#pragma once
// A suspected regression measured again: the base's program and the new one, turn by turn.

#include <string>
#include <vector>

#include "results/compare.h"

namespace jb::harness::cli {

struct Remeasurement {
  std::string base_program;  ///< joulebench as it was
  std::string new_program;
  int rounds = 3;  ///< runs of each program, alternating
};

/// Words of a repro line as repro_line() writes it, without a shell: blanks part them, single
/// quotes hold them together. Usage error for anything else.
std::vector<std::string> words_of_repro(const std::string& repro);

/// Measures every point again that fails only because a measured number got worse. Where both
/// programs, run alternately on this machine, do not show it again, the difference becomes
/// inconclusive and fails no more; the note tells what was seen.
void confirm_regressions(results::Comparison& comparison, const results::CompareOptions& options,
                         const Remeasurement& how);

}  // namespace jb::harness::cli
