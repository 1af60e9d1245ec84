#pragma once
// Checks of one parameter's value against its schema, shared by device files and `--set`.

#include <string>
#include <variant>
#include <vector>

#include "backends/core/parameters.h"

namespace jb {

using ParameterData = std::variant<double, std::int64_t, bool, std::string>;

/// The schema's row of that key; usage error suggesting the nearest key otherwise.
const ParameterSpec& find_parameter(const std::vector<ParameterSpec>& schema,
                                    const std::string& key, const std::string& where,
                                    const std::string& backend);

/// "1 .. 4096 1" or "one of ws, os, is": what a key allows, for messages.
std::string allowed_range(const ParameterSpec& spec);

/// The value, checked for type and range; `where` starts the sentence of the usage error.
ParameterData value_from_json(const ParameterSpec& spec, const Json& json,
                              const std::string& where);
ParameterData value_from_text(const ParameterSpec& spec, const std::string& text,
                              const std::string& where);

}  // namespace jb
