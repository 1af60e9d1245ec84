#include "harness/cli/help.h"

#include <algorithm>
#include <vector>

#include "harness/cli/output.h"

namespace jb::harness::cli {

namespace {

constexpr int kIndent = 2;
constexpr int kTextColumn = 28;  // descriptions start here; longer names take a line of their own

std::string entry(const std::string& name, const std::string& text) {
  const int used = kIndent + static_cast<int>(name.size());
  std::string out(kIndent, ' ');
  out += name;
  if (text.empty()) return out + "\n";
  if (used + 2 > kTextColumn) return out + "\n" + wrap(text, kDefaultWidth, kTextColumn);
  out.append(static_cast<std::size_t>(kTextColumn - used), ' ');
  return out + wrap(text, kDefaultWidth, kTextColumn).substr(kTextColumn);
}

std::string flag_title(const CLI::Option& option) {
  std::string title;
  for (const std::string& name : option.get_snames()) {
    title += (title.empty() ? "-" : ", -") + name;
  }
  for (const std::string& name : option.get_lnames()) {
    title += (title.empty() ? "--" : ", --") + name;
  }
  if (option.get_items_expected_max() > 0 && !option.get_type_name().empty()) {
    title += " " + option.get_type_name();
  }
  return title;
}

std::string usage_line(const CLI::App& app) {
  std::string usage = "Usage: joulebench";
  if (app.get_parent() == nullptr) return usage + " VERB [flags]\n";
  usage += " " + app.get_name();
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_positional()) continue;
    const std::string name = option->get_name(true);
    usage += option->get_required() ? " " + name : " [" + name + "]";
  }
  return usage + " [flags]\n";
}

std::string flags_of_group(const CLI::App& app, const std::string& group) {
  std::string out;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional() || option->get_group() != group) continue;
    out += entry(flag_title(*option), option->get_description());
  }
  return out;
}

}  // namespace

std::string HelpFormatter::make_help(const CLI::App* app, std::string /*name*/,
                                     CLI::AppFormatMode /*mode*/) const {
  std::string out = usage_line(*app) + "\n" + wrap(app->get_description(), kDefaultWidth);
  std::string positionals;
  for (const CLI::Option* option : app->get_options()) {
    if (option->get_positional()) {
      positionals += entry(option->get_name(true), option->get_description());
    }
  }
  if (!positionals.empty()) out += "\nArguments:\n" + positionals;
  std::string verbs;
  for (const CLI::App* verb : app->get_subcommands({})) {
    verbs += entry(verb->get_name(), verb->get_description());
  }
  if (!verbs.empty()) out += "\nVerbs ('joulebench VERB --help' shows the flags of one):\n" + verbs;
  for (const std::string& group : app->get_groups()) {
    const std::string flags = flags_of_group(*app, group);
    if (flags.empty()) continue;
    out += "\n" + (group == "Options" ? std::string("Flags") : group) + ":\n" + flags;
  }
  if (!app->get_footer().empty()) {
    out += "\nExamples:\n" + wrap(app->get_footer(), kDefaultWidth, kIndent);
  }
  if (app->get_parent() == nullptr) {
    out += "\nExit codes:\n" + entry("0", "done (skipped backends included)") +
           entry("1", "worse or missing points under a gate, or a broken rule") +
           entry("2", "bad usage or input") +
           entry("3", "some point failed or was inconsistent, or none could run") +
           entry("5", "comparison inconclusive, with --strict") +
           entry("6", "inputs that must not be compared") + entry("70", "internal error") +
           entry("130", "interrupted; the journal is kept");
  }
  return out;
}

}  // namespace jb::harness::cli
