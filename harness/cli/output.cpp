#include "harness/cli/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "backends/core/error.h"
#include "backends/core/text.h"
#include "results/report/text_layout.h"

namespace jb::harness::cli {

namespace {

// Narrower terminals would break every table, wider ones are typing errors.
constexpr int kNarrowest = 40;
constexpr int kWidest = 1000;

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view{} : std::string_view{value};
}

[[noreturn]] void fail_output() {
  fail_usage("cannot write to standard output: {}; give it a place that takes the text",
             std::strerror(errno));
}

}  // namespace

int terminal_width() {
  std::int64_t columns = 0;
  if (parse_integer(environment("COLUMNS"), columns) && columns >= kNarrowest &&
      columns <= kWidest) {
    return static_cast<int>(columns);
  }
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= kNarrowest) {
    return static_cast<int>(size.ws_col);
  }
  return kDefaultWidth;
}

bool use_color(std::string_view choice) {
  if (choice == "always") return true;
  if (choice == "never") return false;
  return environment("NO_COLOR").empty() && environment("TERM") != "dumb" &&
         ::isatty(STDOUT_FILENO) == 1;
}

results::TableStyle table_style(std::string_view color_choice) {
  results::TableStyle style;
  style.width = terminal_width();
  style.color = use_color(color_choice);
  return style;
}

void print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) fail_output();
}

void flush_output() {
  if (std::fflush(stdout) != 0) fail_output();
}

void check_output_file(const std::string& output, const std::string& example) {
  if (output.empty()) return;
  const std::filesystem::path path(output);
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    fail_usage("-o: {} is a folder; name a file such as {}", output, (path / example).string());
  }
  if (!std::filesystem::is_directory(folder, error)) {
    fail_usage("-o: the folder {} does not exist; make it first", folder.string());
  }
}

void say(std::string_view sentence) {
  fmt::print(stderr, "joulebench: {}\n", results::printable(sentence));
}

std::string wrap(std::string_view text, int width, int indent) {
  std::string out;
  while (true) {
    const std::size_t end = text.find('\n');
    const std::string clean = results::printable(text.substr(0, end));
    for (const std::string& line : results::wrap(clean, width - indent, 0)) {
      out.append(static_cast<std::size_t>(indent), ' ');
      out += line + "\n";
    }
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

}  // namespace jb::harness::cli
