#pragma once
// UTF-8 text in columns: width, shortening, padding, wrapping, and which columns fit.

#include <string>
#include <string_view>
#include <vector>

#include "results/report/terminal_table.h"

namespace jb::results {

/// Code points in UTF-8 text (a stray byte counts as one).
int text_width(std::string_view text) noexcept;

/// Control characters become spaces: text from files must not move a terminal's cursor.
std::string printable(std::string_view text);

/// At most `width` code points; "…" ends what was cut.
std::string shorten(std::string_view text, int width);

/// Shortened or padded with spaces to exactly `width` code points.
std::string pad(std::string_view text, int width, Align align);

/// Lines of at most `width` code points, broken at spaces (inside words only where a word is longer
/// than a line); lines after the first begin with `indent` spaces.
std::vector<std::string> wrap(std::string_view text, int width, int indent);

/// What of a table is shown: widths[c] = 0 hides column c.
struct ColumnLayout {
  std::vector<int> widths;
  int gap = 2;
};

/// Fits columns of the given natural widths into `width`; left-aligned columns shrink no further
/// than `least_left` as long as dropping a column helps.
ColumnLayout fit_columns(const std::vector<Column>& columns, const std::vector<int>& natural,
                         int width, int least_left);

/// One line of cells, without trailing spaces and without a newline.
std::string layout_line(const std::vector<Column>& columns, const ColumnLayout& layout,
                        const std::vector<std::string>& cells);

}  // namespace jb::results
