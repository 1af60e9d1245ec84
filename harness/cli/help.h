#pragma once
// Help texts at 80 columns: CLI11's own formatter does not break lines.

#include <CLI/CLI.hpp>
#include <string>

namespace jb::harness::cli {

/// Usage, description, verbs or flags with wrapped descriptions, examples.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override;
};

}  // namespace jb::harness::cli
