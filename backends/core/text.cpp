#include "backends/core/text.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

namespace jb {
namespace {

constexpr std::uint64_t kPrime1 = 0x9E3779B185EBCA87ULL;
constexpr std::uint64_t kPrime2 = 0xC2B2AE3D27D4EB4FULL;
constexpr std::uint64_t kPrime3 = 0x165667B19E3779F9ULL;

constexpr std::uint64_t avalanche(std::uint64_t h) noexcept {
  h ^= h >> 33U;
  h *= kPrime2;
  h ^= h >> 29U;
  h *= kPrime3;
  h ^= h >> 32U;
  return h;
}

/// Levenshtein distance; names are short, so the quadratic table is fine.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row.back();
}

}  // namespace

std::uint64_t hash64(std::string_view bytes) noexcept {
  std::uint64_t h = kPrime1 ^ (bytes.size() * kPrime2);
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word = 0;
    for (std::size_t b = 0; b < 8; ++b) {
      word |= std::uint64_t{static_cast<unsigned char>(bytes[i + b])} << (8 * b);
    }
    h = avalanche(h ^ (word * kPrime2)) * kPrime1 + kPrime3;
  }
  for (; i < bytes.size(); ++i) {
    h = (h ^ static_cast<unsigned char>(bytes[i])) * kPrime1;
    h ^= h >> 31U;
  }
  return avalanche(h);
}

std::string hash_hex(std::string_view bytes) { return fmt::format("{:016x}", hash64(bytes)); }

std::string did_you_mean(std::string_view wrong, std::span<const std::string> candidates) {
  const std::string* best = nullptr;
  std::size_t best_distance = std::max<std::size_t>(2, wrong.size() / 3);
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(wrong, candidate);
    const bool prefix = wrong.size() >= 3 && candidate.starts_with(wrong);
    const std::size_t score = prefix ? 1 : distance;
    if (score <= best_distance && (best == nullptr || score < best_distance)) {
      best = &candidate;
      best_distance = score;
    }
  }
  return best == nullptr ? std::string() : fmt::format(", did you mean '{}'?", *best);
}

bool has_control_characters(std::string_view text) noexcept {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
}

bool matches_glob(std::string_view pattern, std::string_view text) noexcept {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;  // last *, and where its characters end so far
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  std::string text;
  for (const std::string& part : parts) {
    if (!text.empty()) text += separator;
    text += part;
  }
  return text;
}

bool parse_number(std::string_view text, double& out) noexcept {
  if (text.starts_with('+')) text.remove_prefix(1);
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, out);
  return error == std::errc() && stop == end && std::isfinite(out);
}

bool parse_integer(std::string_view text, std::int64_t& out) noexcept {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, out);
  if (error == std::errc() && stop == end) return true;
  // "1e6" is an integer too when it is one exactly.
  double number = 0;
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (!parse_number(text, number) || std::floor(number) != number || std::fabs(number) > kExact) {
    return false;
  }
  out = static_cast<std::int64_t>(number);
  return true;
}

std::string shortest(double value) { return fmt::format("{}", value); }

}  // namespace jb
