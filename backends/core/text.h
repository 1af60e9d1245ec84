#pragma once
// Small helpers on text: hashes for identifiers, nearest names for error messages.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace jb {

/// 64-bit hash of bytes (xxHash64-quality mixing, stable across machines and versions) as 16 hex
/// digits.
std::string hash_hex(std::string_view bytes);
std::uint64_t hash64(std::string_view bytes) noexcept;

/// ", did you mean 'x'?" for the nearest candidate by edit distance, "" when none is near.
std::string did_you_mean(std::string_view wrong, std::span<const std::string> candidates);

/// Whether the text holds bytes that act on a terminal instead of being shown (below 0x20, or
/// 0x7f).
bool has_control_characters(std::string_view text) noexcept;

/// Whether `text` matches a pattern in which * stands for any characters and ? for one.
bool matches_glob(std::string_view pattern, std::string_view text) noexcept;

/// "a, b, c".
std::string join(std::span<const std::string> parts, std::string_view separator = ", ");

/// The whole of `text` as a finite number or integer; nothing when it is not one.
bool parse_number(std::string_view text, double& out) noexcept;
bool parse_integer(std::string_view text, std::int64_t& out) noexcept;

/// Shortest decimal that reads back as the same double.
std::string shortest(double value);

}  // namespace jb
