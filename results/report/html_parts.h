#pragma once
// The parts of the HTML report that are not figures.

#include <array>
#include <string>
#include <vector>

#include "results/report/formats.h"

namespace jb::results {

extern const char* const kReportStyle;   ///< html/report.css
extern const char* const kReportScript;  ///< html/report.js

/// Boundaries that some row has a number at.
std::array<bool, kBoundaries> known_boundaries(const View& view);

/// The table as it stands without script: all rows, or the first of very many.
void write_static_table(const View& view, const TextSink& out);

/// What the script needs, as JSON for a <script> element.
void write_data(const View& view, const TextSink& out);

/// How far each model is from the figure of its paper; "" where no run tells.
std::string validations_section(const View& view);

/// How figures are formed and what they leave out; "" when no record has an energy.
std::string method_section(const View& view);

/// Published machines, each with its source.
std::string literature_section(const std::vector<LiteratureRow>& literature);

}  // namespace jb::results
