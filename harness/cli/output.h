#pragma once
// What the command line writes: stdout carries results and nothing else, stderr everything else.

#include <string>
#include <string_view>

#include "results/report/terminal_table.h"

namespace jb::harness::cli {

inline constexpr int kDefaultWidth = 80;

/// Columns of the terminal behind stdout: $COLUMNS when it is a sensible number, else what the
/// terminal says, else 80.
int terminal_width();

/// Whether stdout takes ANSI colours. `choice` is "auto", "always" or "never"; auto obeys NO_COLOR
/// (set and not empty: no colours), TERM=dumb and whether stdout is a terminal.
bool use_color(std::string_view choice);

/// Width and colours of tables on stdout.
results::TableStyle table_style(std::string_view color_choice);

/// Writes to stdout; usage error when it cannot be written (disk full, closed).
void print(std::string_view text);
/// Pushes out what print() buffered; the same error.
void flush_output();

/// Refuses (usage) a file for -o that is a folder or lies in a folder that does not exist, before
/// anything is computed; `example` is a name that would do. "" passes.
void check_output_file(const std::string& output, const std::string& example);

/// One line on stderr, with the program's name in front.
void say(std::string_view sentence);

/// Text broken at spaces into lines of at most `width` code points, each indented by `indent`
/// spaces and ended by a line break. Line breaks in the text are kept.
std::string wrap(std::string_view text, int width, int indent = 0);

}  // namespace jb::harness::cli
