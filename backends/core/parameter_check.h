#pragma once
// Checks of one parameter's value against its schema, shared by device files and `--set`.

#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "backends/core/parameters.h"

namespace jb {

using ParameterData = std::variant<double, std::int64_t, bool, std::string>;

/// The rows of a backend's schema that machines of that architecture have ("" where the backend has
/// one kind of machine).
std::vector<ParameterSpec> parameters_of(const std::vector<ParameterSpec>& backend_schema,
                                         std::string_view architecture);

/// Whose keys are looked up.
struct KeyOwner {
  const std::vector<ParameterSpec>& backend_schema;
  const std::vector<ParameterSpec>& schema;  ///< its rows of the device's architecture
  const std::string& backend;
  const std::string& architecture;
};

/// The row of that key; else a usage error suggesting the nearest key, or naming the architectures
/// that the key belongs to.
const ParameterSpec& find_parameter(const KeyOwner& owner, const std::string& key,
                                    const std::string& where);

/// "1 .. 4096 1" or "one of ws, os, is": what a key allows, for messages.
std::string allowed_range(const ParameterSpec& spec);

/// The value, checked for type and range; `where` starts the sentence of the usage error.
ParameterData value_from_json(const ParameterSpec& spec, const Json& json,
                              const std::string& where);
ParameterData value_from_text(const ParameterSpec& spec, const std::string& text,
                              const std::string& where);

/// Usage error unless `path` is empty or a file of at most kMostParameterFileBytes.
void check_parameter_file(const std::filesystem::path& path, const std::string& where);
/// What such a file holds; the same checks.
std::string parameter_file_text(const std::filesystem::path& path, const std::string& where);

}  // namespace jb
