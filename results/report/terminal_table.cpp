// The generic table.

#include "results/report/terminal_table.h"

#include <algorithm>

#include "backends/core/error.h"
#include "results/report/text_layout.h"

namespace jb::results {

std::string render_table(const std::vector<Column>& columns,
                         const std::vector<std::vector<std::string>>& rows,
                         const TableStyle& style) {
  std::vector<std::string> titles;
  std::vector<int> natural;
  for (const Column& column : columns) {
    titles.push_back(printable(column.title));
    natural.push_back(text_width(titles.back()));
  }
  std::vector<std::vector<std::string>> clean = rows;
  for (auto& row : clean) {
    if (row.size() > columns.size()) {
      fail_internal("a table of {} columns was given a row of {} cells", columns.size(),
                    row.size());
    }
    for (std::size_t c = 0; c < row.size(); ++c) {
      row[c] = printable(row[c]);
      natural[c] = std::max(natural[c], text_width(row[c]));
    }
  }
  constexpr int kLeastLeft = 12;
  const ColumnLayout layout = fit_columns(columns, natural, style.width, kLeastLeft);
  const std::string title_line = layout_line(columns, layout, titles);
  std::string text = style.color ? "\x1b[1m" + title_line + "\x1b[0m\n" : title_line + "\n";
  for (const auto& row : clean) text += layout_line(columns, layout, row) + "\n";
  return text;
}

}  // namespace jb::results
