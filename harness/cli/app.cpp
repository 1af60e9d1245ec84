#include "harness/cli/app.h"

#include <CLI/CLI.hpp>
#include <string_view>
#include <vector>

#include "backends/core/error.h"
#include "backends/core/text.h"
#include "harness/cli/help.h"
#include "harness/cli/output.h"
#include "harness/environment.h"

namespace jb::harness::cli {

namespace {

constexpr const char* kDescription =
    "How many joules does one multiply-accumulate cost, on which hardware, at what accuracy, and "
    "where does the energy go?";

constexpr const char* kExamples =
    "joulebench run\n"
    "joulebench run --backend crossbar,photonic --gemm 64,100,784\n"
    "joulebench multiply A.npy B.npy --backend photonic -o C.npy\n"
    "joulebench explain joulebench-runs/RUN\n"
    "joulebench list devices";

std::vector<std::string> flag_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

std::vector<std::string> verb_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands({})) names.push_back(verb->get_name());
  return names;
}

// Arguments that nothing on `app` takes: the first is named, with the nearest flag or verb.
void refuse_unknown_arguments(const CLI::App& app, const std::string& help_command) {
  const std::vector<std::string> unknown = app.remaining();
  if (unknown.empty()) return;
  const std::string& first = unknown.front();
  if (first.size() > 1 && first.front() == '-') {
    const std::string flag = first.substr(0, first.find('='));
    fail_usage("unknown flag '{}'{}; see '{} --help'", flag, did_you_mean(flag, flag_names(app)),
               help_command);
  }
  if (app.get_parent() == nullptr) {
    const std::vector<std::string> verbs = verb_names(app);
    fail_usage("unknown verb '{}'{} (there are: {}); see 'joulebench --help'", first,
               did_you_mean(first, verbs), join(verbs));
  }
  fail_usage("unexpected argument '{}'; see '{} --help'", first, help_command);
}

// An empty word is a slip, mostly an unset variable of a script; no default stands in for it.
void refuse_empty_values(const CLI::App& verb, const std::string& help_command) {
  for (const CLI::Option* option : verb.get_options()) {
    for (const std::string& value : option->results()) {
      if (value.empty()) {
        fail_usage("{}: the value is empty; see '{} --help'", option->get_name(), help_command);
      }
    }
  }
}

// CLI11's errors in our words; `help_command` is where to read more.
[[noreturn]] void fail_parse(const CLI::ParseError& error, const std::string& help_command) {
  const std::string text = error.what();
  const std::string name = text.substr(0, text.find_first_of(": "));
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    fail_usage("the argument {} is missing; see '{} --help'", name, help_command);
  }
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    // Every flag takes one value: either there was none, or the flag came twice.
    const bool none = text.find("missing") != std::string::npos;
    fail_usage("{} {}; see '{} --help'", name, none ? "needs a value" : "is given twice",
               help_command);
  }
  fail_usage("{}; see '{} --help'", text, help_command);
}

std::string help_command_of(const CLI::App& app) {
  const std::vector<CLI::App*> chosen = app.get_subcommands();
  return chosen.empty() ? "joulebench" : "joulebench " + chosen.front()->get_name();
}

}  // namespace

CLI::App* add_verb(CLI::App& app, const std::string& name, const std::string& description,
                   const std::string& examples) {
  CLI::App* verb = app.add_subcommand(name, description);
  verb->footer(examples);
  verb->allow_extras();
  verb->get_help_ptr()->description("show this help");
  return verb;
}

void check_choice(const std::string& flag, const std::string& value,
                  const std::vector<std::string>& choices) {
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) return;
  fail_usage("{}: unknown value '{}'{} (there are: {})", flag, value, did_you_mean(value, choices),
             join(choices));
}

int run_command_line(int argc, const char* const* argv) {
  CLI::App app{kDescription, "joulebench"};
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_help_flag("-h,--help", "show this help");
  app.set_version_flag("--version", "joulebench " + program_version(), "show the version");
  app.allow_extras();
  app.require_subcommand(0, 1);
  app.footer(kExamples);

  const std::vector<std::string> command(argv, argv + argc);
  VerbAction action;
  add_list_verb(app, action);
  add_run_verb(app, action, command);
  add_multiply_verb(app, action);
  add_infer_verb(app, action);
  add_conformance_verb(app, action);
  add_train_verb(app, action);
  add_estimate_verb(app, action, command);
  add_explain_verb(app, action);
  add_compare_verb(app, action);
  add_validate_verb(app, action);
  add_report_verb(app, action);
  add_merge_verb(app, action, command);
  add_pareto_verb(app, action);
  add_cutoff_verb(app, action);
  add_footprint_verb(app, action);
  add_doctor_verb(app, action);

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForVersion&) {
    print("joulebench " + program_version() + "\n");
    return kDone;
  } catch (const CLI::CallForHelp&) {
    const std::vector<CLI::App*> chosen = app.get_subcommands();
    print(chosen.empty() ? app.help() : chosen.front()->help());
    return kDone;
  } catch (const CLI::ParseError& error) {
    fail_parse(error, help_command_of(app));
  }

  const std::vector<CLI::App*> chosen = app.get_subcommands();
  refuse_unknown_arguments(app, "joulebench");
  if (chosen.empty()) {
    fail_usage("no verb given (there are: {}); see 'joulebench --help'", join(verb_names(app)));
  }
  refuse_unknown_arguments(*chosen.front(), help_command_of(app));
  refuse_empty_values(*chosen.front(), help_command_of(app));
  return action();
}

}  // namespace jb::harness::cli
