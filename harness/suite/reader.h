#pragma once
// One JSON object of a suite whose keys are all known and of the right type; errors name file and
// key.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "backends/core/text.h"
#include "harness/point.h"

namespace jb::harness::suite {

class Reader {
 public:
  Reader(const Json& json, std::string where, const std::vector<std::string>& allowed)
      : json_(json), where_(std::move(where)) {
    if (!json_.is_object()) fail_usage("{} must be an object", where_);
    for (const auto& [key, value] : json_.items()) {
      if (std::find(allowed.begin(), allowed.end(), key) == allowed.end()) {
        fail_usage("{}: unknown key '{}'{} (there are: {})", where_, key,
                   did_you_mean(key, allowed), join(allowed));
      }
    }
  }

  [[nodiscard]] const std::string& where() const { return where_; }
  [[nodiscard]] bool has(const char* key) const { return json_.contains(key); }
  [[nodiscard]] const Json& at(const char* key) const {
    if (!has(key)) fail_usage("{}: the key '{}' is missing", where_, key);
    return json_.at(key);
  }
  [[nodiscard]] std::string text(const char* key) const {
    const Json& value = at(key);
    if (!value.is_string()) fail_usage("{}: '{}' must be a text", where_, key);
    const std::string text = value.get<std::string>();
    if (has_control_characters(text)) {
      fail_usage("{}: '{}' must not hold control characters", where_, key);
    }
    return text;
  }
  [[nodiscard]] double number(const char* key) const {
    const Json& value = at(key);
    if (!value.is_number()) fail_usage("{}: '{}' must be a number", where_, key);
    return value.get<double>();
  }
  [[nodiscard]] std::int64_t integer(const char* key) const { return as_integer(at(key), key); }
  [[nodiscard]] bool flag(const char* key) const {
    const Json& value = at(key);
    if (!value.is_boolean()) fail_usage("{}: '{}' must be true or false", where_, key);
    return value.get<bool>();
  }
  [[nodiscard]] const Json& list(const char* key) const {
    const Json& value = at(key);
    if (!value.is_array() || value.empty()) {
      fail_usage("{}: '{}' must be a list that is not empty", where_, key);
    }
    return value;
  }
  [[nodiscard]] std::int64_t as_integer(const Json& value, const char* key) const {
    const bool fits = value.is_number_integer() &&
                      (!value.is_number_unsigned() ||
                       value.get<std::uint64_t>() <=
                           static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
    if (!fits) fail_usage("{}: '{}' must hold whole numbers", where_, key);
    return value.get<std::int64_t>();
  }

 private:
  const Json& json_;
  std::string where_;
};

}  // namespace jb::harness::suite
