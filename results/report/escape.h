#pragma once
// Text of records as text in other languages: whatever stands in a record stays text.

#include <string>
#include <string_view>

namespace jb::results {

/// HTML and SVG, in content and in quoted attributes; control characters become spaces.
std::string escape_html(std::string_view text);

/// JSON inside a <script> element: what `json` says, with <, > and & as \u escapes, so that no
/// "</script>" or "<!--" can end it.
std::string script_json(std::string_view json);

/// A cell of a GitHub Markdown table: no pipe, no markup, no HTML, one line.
std::string escape_markdown(std::string_view text);

/// LaTeX text: the ten special characters, quotes and dashes; letters beyond Latin-1 become
/// [U+XXXX], because LaTeX stops at characters its fonts lack.
std::string escape_latex(std::string_view text);

/// A text cell of CSV (RFC 4180). A cell that a spreadsheet would run as a formula (begins with
/// = + - @, tab or carriage return) gets an apostrophe in front; line breaks become spaces.
std::string csv_text(std::string_view text);

}  // namespace jb::results
