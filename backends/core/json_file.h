#pragma once
// Reading and writing JSON files: size checked before allocation, comments allowed, duplicate keys
// and non-finite numbers refused; files are written whole or not at all.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace jb {

using Json = nlohmann::ordered_json;

/// Parses text; `where` names the source in the error (ErrorCode::usage).
Json parse_json(std::string_view text, const std::string& where);

/// Reads and parses a file of at most `max_bytes`.
Json read_json_file(const std::filesystem::path& path, std::uintmax_t max_bytes = 64U << 20U);

/// Whole text of a regular file of at most `max_bytes`; usage error naming the file otherwise.
std::string read_text_file(const std::filesystem::path& path, std::uintmax_t max_bytes);

/// Writes `text` to a temporary file beside `path`, syncs it and renames it over `path`; a symbolic
/// link is followed. A device or pipe is written to, never replaced. Usage error when that fails.
void write_file_atomically(const std::filesystem::path& path, std::string_view text);

}  // namespace jb
