#include "results/report/text_layout.h"

#include <algorithm>
#include <cstddef>

namespace jb::results {
namespace {

bool continues(char c) noexcept { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

// Bytes of the first `count` code points.
std::size_t bytes_of_points(std::string_view text, int count) noexcept {
  std::size_t at = 0;
  while (at < text.size()) {
    if (!continues(text[at]) && count-- == 0) break;
    ++at;
  }
  return at;
}

int total_width(const ColumnLayout& layout) noexcept {
  int total = 0;
  for (const int w : layout.widths) {
    if (w > 0) total += w + (total > 0 ? layout.gap : 0);
  }
  return total;
}

// Takes width from the widest of the columns that may shrink, one at a time, down to `least`.
void shrink(ColumnLayout& layout, int width, int least, const std::vector<bool>& may_shrink) {
  while (total_width(layout) > width) {
    int* widest = nullptr;
    for (std::size_t c = 0; c < layout.widths.size(); ++c) {
      int& w = layout.widths[c];
      if (may_shrink[c] && w > least && (widest == nullptr || w > *widest)) widest = &w;
    }
    if (widest == nullptr) return;
    --*widest;
  }
}

}  // namespace

int text_width(std::string_view text) noexcept {
  int width = 0;
  for (const char c : text) width += continues(c) ? 0 : 1;
  return width;
}

std::string printable(std::string_view text) {
  std::string clean(text);
  for (std::size_t i = 0; i < clean.size(); ++i) {
    const auto byte = static_cast<unsigned char>(clean[i]);
    if (byte < 0x20 || byte == 0x7F) clean[i] = ' ';
    // C1 controls (U+0080 to U+009F) are C2 80 to C2 9F; some terminals obey them.
    if (byte == 0xC2 && i + 1 < clean.size() && static_cast<unsigned char>(clean[i + 1]) < 0xA0) {
      clean.replace(i, 2, "  ");
    }
  }
  return clean;
}

std::string shorten(std::string_view text, int width) {
  if (width <= 0) return {};
  if (text_width(text) <= width) return std::string(text);
  return std::string(text.substr(0, bytes_of_points(text, width - 1))) + "…";
}

std::string pad(std::string_view text, int width, Align align) {
  std::string cell = shorten(text, width);
  const std::string space(static_cast<std::size_t>(std::max(0, width - text_width(cell))), ' ');
  return align == Align::left ? cell + space : space + cell;
}

std::vector<std::string> wrap(std::string_view text, int width, int indent) {
  const std::string space(static_cast<std::size_t>(indent), ' ');
  std::vector<std::string> lines;
  std::string line;
  bool empty = true;  // only the indent so far
  const auto end_line = [&] {
    lines.push_back(line);
    line = space;
    empty = true;
  };
  while (!text.empty()) {
    const std::size_t begin = text.find_first_not_of(' ');
    if (begin == std::string_view::npos) break;
    text.remove_prefix(begin);
    std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    if (!empty && text_width(line) + 1 + text_width(word) > width) end_line();
    while (empty && text_width(line) + text_width(word) > width) {
      const std::size_t part = bytes_of_points(word, std::max(1, width - text_width(line)));
      line += word.substr(0, part);
      word.remove_prefix(part);
      end_line();
    }
    if (word.empty()) continue;
    if (!empty) line += ' ';
    line += word;
    empty = false;
  }
  if (!empty) lines.push_back(line);
  return lines;
}

ColumnLayout fit_columns(const std::vector<Column>& columns, const std::vector<int>& natural,
                         int width, int least_left) {
  ColumnLayout layout{natural, 2};
  if (total_width(layout) <= width) return layout;
  layout.gap = 1;
  std::vector<bool> left(columns.size());
  for (std::size_t c = 0; c < columns.size(); ++c) left[c] = columns[c].align == Align::left;
  std::vector<bool> dropped(columns.size(), false);
  while (true) {
    for (std::size_t c = 0; c < columns.size(); ++c) {
      layout.widths[c] = dropped[c] ? 0 : natural[c];
    }
    shrink(layout, width, least_left, left);
    if (total_width(layout) <= width) return layout;
    std::size_t victim = columns.size();
    for (std::size_t c = 0; c < columns.size(); ++c) {
      if (dropped[c] || columns[c].rank == 0 || natural[c] == 0) continue;
      if (victim == columns.size() || columns[c].rank >= columns[victim].rank) victim = c;
    }
    if (victim == columns.size()) break;
    dropped[victim] = true;
  }
  shrink(layout, width, 1, std::vector<bool>(columns.size(), true));
  return layout;
}

std::string layout_line(const std::vector<Column>& columns, const ColumnLayout& layout,
                        const std::vector<std::string>& cells) {
  std::string line;
  bool first = true;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    if (layout.widths[c] == 0) continue;
    if (!first) line.append(static_cast<std::size_t>(layout.gap), ' ');
    first = false;
    const std::string_view cell =
        c < cells.size() ? std::string_view(cells[c]) : std::string_view();
    line += pad(cell, layout.widths[c], columns[c].align);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace jb::results
