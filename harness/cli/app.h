#pragma once
// The command line as a whole: one CLI11 subcommand per verb, one sentence per mistake.

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace jb::harness::cli {

/// Exit codes that are results, not errors (errors carry theirs in jb::Error).
enum ExitCode : int {
  kDone = 0,
  kWorse = 1,         ///< worse or missing points under a gate, broken rule
  kSomeFailed = 3,    ///< some point failed or was inconsistent, or none could run
  kInconclusive = 5,  ///< comparison without a verdict, with --strict
  kInterrupted = 130,
};

/// What the chosen verb does once the whole command line has been read; returns the exit code.
using VerbAction = std::function<int()>;

/// Each adds its verb to `app`; the verb's callback puts what it does into `action`. `command` is
/// argv, for run.json.
void add_list_verb(CLI::App& app, VerbAction& action);
void add_run_verb(CLI::App& app, VerbAction& action, const std::vector<std::string>& command);
void add_estimate_verb(CLI::App& app, VerbAction& action, const std::vector<std::string>& command);
void add_multiply_verb(CLI::App& app, VerbAction& action);
void add_infer_verb(CLI::App& app, VerbAction& action);
void add_conformance_verb(CLI::App& app, VerbAction& action);
void add_train_verb(CLI::App& app, VerbAction& action);
void add_explain_verb(CLI::App& app, VerbAction& action);
void add_compare_verb(CLI::App& app, VerbAction& action);
void add_validate_verb(CLI::App& app, VerbAction& action);
void add_report_verb(CLI::App& app, VerbAction& action);
void add_merge_verb(CLI::App& app, VerbAction& action, const std::vector<std::string>& command);
void add_pareto_verb(CLI::App& app, VerbAction& action);
void add_cutoff_verb(CLI::App& app, VerbAction& action);
void add_footprint_verb(CLI::App& app, VerbAction& action);
void add_doctor_verb(CLI::App& app, VerbAction& action);

/// A verb with the project's help format; `examples` are lines of its help, as a user types them.
/// Unknown arguments are collected and refused with the nearest name.
CLI::App* add_verb(CLI::App& app, const std::string& name, const std::string& description,
                   const std::string& examples);

/// Text that must be one of `choices`; usage error suggesting the nearest otherwise.
void check_choice(const std::string& flag, const std::string& value,
                  const std::vector<std::string>& choices);

/// Reads the command line and does what it says. Returns the exit code; throws jb::Error.
int run_command_line(int argc, const char* const* argv);

}  // namespace jb::harness::cli
