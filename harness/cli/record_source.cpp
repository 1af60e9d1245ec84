#include "harness/cli/record_source.h"

#include <algorithm>
#include <vector>

#include "backends/core/error.h"
#include "backends/core/text.h"
#include "results/journal.h"
#include "results/label.h"

namespace jb::harness::cli {

namespace {

constexpr std::size_t kMostListed = 12;

bool starts_with(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

std::string listing(const std::vector<results::Record>& records) {
  std::vector<std::string> entries;
  for (std::size_t i = 0; i < std::min(records.size(), kMostListed); ++i) {
    entries.push_back(fmt::format("{} ({})", records[i].record_id.substr(0, 8),
                                  results::point_label(records[i].point)));
  }
  if (records.size() > kMostListed) {
    entries.push_back(fmt::format("and {} more", records.size() - kMostListed));
  }
  return join(entries);
}

}  // namespace

results::Record load_one_record(const std::filesystem::path& path, const std::string& id_prefix) {
  const std::vector<results::Record> records = results::load_results(path);
  std::vector<results::Record> matching;
  for (const results::Record& record : records) {
    if (starts_with(record.record_id, id_prefix) || starts_with(record.point_id, id_prefix)) {
      matching.push_back(record);
    }
  }
  if (matching.empty()) {
    fail_usage("{} holds no record whose id starts with '{}'; there are: {}", path.string(),
               id_prefix, listing(records));
  }
  if (matching.size() > 1) {
    fail_usage("{} holds {} such records; name one by the start of its id: {}", path.string(),
               matching.size(), listing(matching));
  }
  return matching.front();
}

std::string lint_text(const results::Lint& lint) {
  return starts_with(lint.text, lint.id + ":") ? lint.text : lint.id + ": " + lint.text;
}

}  // namespace jb::harness::cli
