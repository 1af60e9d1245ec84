#include "results/report/escape.h"

#include <fmt/format.h>

#include <cstdint>

#include "results/report/text_layout.h"

namespace jb::results {
namespace {

// The code point at `at`, which moves behind it; stray bytes are themselves.
std::uint32_t next_code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at++);
  int more = 0;
  std::uint32_t point = first;
  if (first >= 0xF0) {
    more = 3;
    point = first & 0x07U;
  } else if (first >= 0xE0) {
    more = 2;
    point = first & 0x0FU;
  } else if (first >= 0xC0) {
    more = 1;
    point = first & 0x1FU;
  }
  for (; more > 0 && at < text.size() && (byte(at) & 0xC0U) == 0x80U; --more) {
    point = (point << 6U) | (byte(at++) & 0x3FU);
  }
  return point;
}

std::string_view latex_of_ascii(char c) {
  switch (c) {
    case '\\':
      return "\\textbackslash{}";
    case '{':
      return "\\{";
    case '}':
      return "\\}";
    case '$':
      return "\\$";
    case '&':
      return "\\&";
    case '#':
      return "\\#";
    case '%':
      return "\\%";
    case '_':
      return "\\_";
    case '^':
      return "\\textasciicircum{}";
    case '~':
      return "\\textasciitilde{}";
    case '<':
      return "\\textless{}";
    case '>':
      return "\\textgreater{}";
    case '|':
      return "\\textbar{}";
    case '"':
      return "''";  // the upright one is not in every encoding
    case '\'':
      return "\\textquotesingle{}";
    case '`':
      return "\\textasciigrave{}";
    case '-':
      return "-{}";  // never a ligature of dashes
    default:
      return {};
  }
}

std::string latex_of(std::uint32_t point, std::string_view bytes) {
  switch (point) {
    case 0x00A0:
      return "~";
    case 0x00B0:
      return "\\textdegree{}";
    case 0x00B5:
    case 0x03BC:
      return "\\ensuremath{\\mu}";
    case 0x00B1:
      return "\\ensuremath{\\pm}";
    case 0x00B7:
      return "\\ensuremath{\\cdot}";
    case 0x00D7:
      return "\\ensuremath{\\times}";
    case 0x2013:
      return "--";
    case 0x2014:
      return "---";
    case 0x2026:
      return "\\dots{}";
    default:
      break;
  }
  // Accented letters that inputenc makes from any font; eth and thorn need another encoding.
  const bool letter = point >= 0xC0 && point <= 0xFF && point != 0xD0 && point != 0xDE &&
                      point != 0xF0 && point != 0xFE && point != 0xF7;
  return letter ? std::string(bytes) : fmt::format("[U+{:04X}]", point);
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string script_json(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  for (const char c : json) {
    if (c == '<') {
      out += "\\u003c";
    } else if (c == '>') {
      out += "\\u003e";
    } else if (c == '&') {
      out += "\\u0026";
    } else {
      out += c;
    }
  }
  return out;
}

std::string escape_markdown(std::string_view text) {
  constexpr std::string_view kMarkup = "\\`*_[]|~$";
  std::string out;
  for (const char c : printable(text)) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else {
      if (kMarkup.find(c) != std::string_view::npos) out += '\\';
      out += c;
    }
  }
  return out;
}

std::string escape_latex(std::string_view text) {
  const std::string clean = printable(text);
  std::string out;
  for (std::size_t at = 0; at < clean.size();) {
    const std::size_t begin = at;
    const std::uint32_t point = next_code_point(clean, at);
    if (point >= 0x80) {
      out += latex_of(point, std::string_view(clean).substr(begin, at - begin));
      continue;
    }
    const std::string_view special = latex_of_ascii(clean[begin]);
    // Only a dash after a dash would join with it.
    if (clean[begin] == '-' && (begin == 0 || clean[begin - 1] != '-') &&
        (at >= clean.size() || clean[at] != '-')) {
      out += '-';
    } else if (special.empty()) {
      out += clean[begin];
    } else {
      out += special;
    }
  }
  return out;
}

std::string csv_text(std::string_view text) {
  std::string out;
  const bool formula =
      !text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos;
  if (formula) out += '\'';
  out += printable(text);
  if (out.find_first_of("\",") == std::string::npos) return out;
  std::string quoted = "\"";
  for (const char c : out) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace jb::results
