#include "backends/core/table_file.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "backends/core/error.h"
#include "backends/core/json_file.h"
#include "backends/core/paths.h"
#include "backends/core/text.h"

namespace jb {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTableSchema = "joulebench/table/1";
constexpr std::uintmax_t kMaxTableBytes = 4U << 20U;

TableEntry read_entry(const Json& json, const std::string& where) {
  const auto text = [&](const char* key) {
    if (!json.is_object() || !json.contains(key) || !json.at(key).is_string()) {
      fail_usage("{}: key '{}' must be there and hold a text", where, key);
    }
    return json.at(key).get<std::string>();
  };
  if (!json.is_object() || !json.contains("value") || !json.at("value").is_number()) {
    fail_usage("{}: key 'value' must be there and hold a number", where);
  }
  const auto cls = constant_class_from(text("class"));
  if (!cls) fail_usage("{}: class must be one of exact, A, B, C, D", where);
  return {json.at("value").get<double>(), text("unit"), text("source"), *cls};
}

using Table = std::map<std::string, TableEntry, std::less<>>;

Table read_table(const std::string& name) {
  const fs::path path = tables_dir() / (name + ".json");
  const Json json = read_json_file(path, kMaxTableBytes);
  const std::string where = "table '" + path.string() + "'";
  if (!json.is_object() || json.value("schema", "") != kTableSchema || !json.contains("entries") ||
      !json.at("entries").is_object()) {
    fail_usage("{}: must be an object with \"schema\": \"{}\" and \"entries\"", where,
               kTableSchema);
  }
  Table table;
  for (const auto& [key, entry] : json.at("entries").items()) {
    table[key] = read_entry(entry, where + ", entry '" + key + "'");
  }
  return table;
}

std::vector<std::string> table_names() {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& file : fs::directory_iterator(tables_dir(), error)) {
    if (file.path().extension() == ".json") names.push_back(file.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

TableEntry table_entry(std::string_view table_and_entry) {
  // Tables are read once: they do not change while the program runs.
  static std::mutex mutex;
  static std::map<std::string, Table> tables;

  const std::size_t slash = table_and_entry.find('/');
  if (slash == std::string_view::npos) {
    fail_usage("'{}' must name a table and an entry, as in ops-45nm/mul.int8", table_and_entry);
  }
  const std::string name(table_and_entry.substr(0, slash));
  const std::string_view key = table_and_entry.substr(slash + 1);
  const std::vector<std::string> names = table_names();
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    fail_usage("unknown table '{}'{} (there are: {})", name, did_you_mean(name, names),
               join(names));
  }
  const std::lock_guard<std::mutex> lock(mutex);
  auto it = tables.find(name);
  if (it == tables.end()) it = tables.emplace(name, read_table(name)).first;
  const auto entry = it->second.find(key);
  if (entry == it->second.end()) {
    std::vector<std::string> keys;
    for (const auto& [entry_key, value] : it->second) keys.push_back(entry_key);
    fail_usage("table '{}' has no entry '{}'{}", name, key, did_you_mean(key, keys));
  }
  return entry->second;
}

std::string tables_hash() {
  std::string all;
  for (const std::string& name : table_names()) {
    all += name + '\n' + read_text_file(tables_dir() / (name + ".json"), kMaxTableBytes);
  }
  return hash_hex(all);
}

}  // namespace jb
