// Names of states, look-up, and the identity of points and records.

#include "results/record.h"

#include <array>
#include <cmath>
#include <utility>

#include "backends/core/text.h"

namespace jb::results {
namespace {

constexpr std::array<std::pair<Status, std::string_view>, 8> kStatusNames{{
    {Status::ok, "ok"},
    {Status::unsupported, "unsupported"},
    {Status::unavailable, "unavailable"},
    {Status::failed, "failed"},
    {Status::inconsistent, "inconsistent"},
    {Status::throttled, "throttled"},
    {Status::timeout, "timeout"},
    {Status::skipped, "skipped"},
}};

// What a version or a preset decides, not the person who asks for the point.
constexpr std::array<std::string_view, 5> kNotIdentity{
    "model_version", "device_hash", "tables_hash", "implementation", "theory_bound"};

// nlohmann::json keeps its objects sorted; ordered_json keeps them as written.
nlohmann::json canonical(const Json& value) {
  if (value.is_object()) {
    nlohmann::json sorted = nlohmann::json::object();
    for (const auto& item : value.items()) sorted[item.key()] = canonical(item.value());
    return sorted;
  }
  if (value.is_array()) {
    nlohmann::json list = nlohmann::json::array();
    for (const auto& item : value) list.push_back(canonical(item));
    return list;
  }
  if (value.is_number_float()) {
    const auto number = value.get<double>();
    constexpr double kExact = 9007199254740992.0;  // 2^53: whole doubles below are exact integers
    if (std::abs(number) < kExact && number == std::floor(number)) {
      return static_cast<std::int64_t>(number);
    }
    return number;
  }
  return nlohmann::json(value);
}

std::string canonical_text(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::string_view name_of(Status s) noexcept {
  for (const auto& entry : kStatusNames) {
    if (entry.first == s) return entry.second;
  }
  return "failed";
}

std::optional<Status> status_from(std::string_view name) noexcept {
  for (const auto& entry : kStatusNames) {
    if (entry.second == name) return entry.first;
  }
  return std::nullopt;
}

const Quantity* Record::find(const std::string& name) const {
  const auto it = quantities.find(name);
  return it == quantities.end() ? nullptr : &it->second;
}

std::string canonical_point(const Json& point) {
  nlohmann::json sorted = canonical(point);
  if (!sorted.is_object()) return canonical_text(sorted);
  for (const std::string_view key : kNotIdentity) sorted.erase(std::string(key));
  const auto threads = sorted.find("threads");
  if (threads != sorted.end() && *threads == 0) sorted.erase(threads);
  return canonical_text(sorted);
}

std::string point_id_of(const Json& point) { return hash_hex(canonical_point(point)); }

std::string record_id_of(const std::string& point_id, const Json& versions) {
  return hash_hex(point_id + "\n" + canonical_text(canonical(versions)));
}

}  // namespace jb::results
