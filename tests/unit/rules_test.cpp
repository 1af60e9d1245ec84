// results/RULES.md and the checks of validate say the same.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <string>

#include "backends/core/json_file.h"
#include "results/validate.h"

namespace jb::results {
namespace {

std::string rules_text() {
  return read_text_file(std::string(JOULEBENCH_SOURCE_DIR) + "/results/RULES.md", 1U << 20U);
}

std::set<std::string> matches(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  std::set<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it) {
    found.insert((*it)[1].str());
  }
  return found;
}

TEST(Rules, EveryRuleIsCheckedOrDeclared) {
  const std::regex row(R"(\n\| (R[0-9.]+) \| ([^|]+) \| ([^|]+) \|)");
  const std::string text = rules_text();
  std::set<std::string> numbers;
  for (std::sregex_iterator it(text.begin(), text.end(), row), end; it != end; ++it) {
    EXPECT_TRUE(numbers.insert((*it)[1]).second) << (*it)[1] << " stands twice";
    const std::string how = (*it)[3];
    EXPECT_TRUE(how.rfind("check `", 0) == 0 || how.rfind("declared: `", 0) == 0)
        << (*it)[1] << ": " << how;
  }
  EXPECT_GE(numbers.size(), 30U);
  EXPECT_NE(text.find("\nVersion 1."), std::string::npos);
}

TEST(Rules, NameExistingChecksAndAllOfThem) {
  const std::set<std::string> named = matches(rules_text(), "\\| check `([a-z-]+)`");
  std::set<std::string> existing;
  for (const Check& check : checks()) {
    EXPECT_TRUE(existing.insert(std::string(check.name)).second) << check.name;
    EXPECT_FALSE(check.description.empty());
  }
  EXPECT_EQ(named, existing);
}

TEST(Rules, MarkTheChecksOfSubmissions) {
  const std::set<std::string> marked = matches(rules_text(), "\\| check `([a-z-]+)` \\(s\\)");
  std::set<std::string> of_submissions;
  for (const Check& check : checks()) {
    if (check.scope == Check::Scope::submission) of_submissions.insert(std::string(check.name));
  }
  EXPECT_EQ(marked, of_submissions);
}

TEST(Rules, TheExampleAnswersEveryDeclaration) {
  const std::string text = rules_text();
  const std::size_t begin = text.find("{ \"submitter\"");
  ASSERT_NE(begin, std::string::npos);
  const Json example =
      parse_json(text.substr(begin, text.find('}', begin) + 1 - begin), "RULES.md");
  std::set<std::string> declared;
  for (const std::string& list : matches(text, "\\| declared: ([^|]+) \\|")) {
    for (const std::string& key : matches(list, "`([a-z_]+)`")) declared.insert(key);
  }
  std::set<std::string> answered;
  for (const auto& item : example.items()) answered.insert(item.key());
  EXPECT_EQ(answered, declared);
}

}  // namespace
}  // namespace jb::results
