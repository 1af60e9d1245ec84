#pragma once
// The project's JSON Schemas (draft 7, results/schemas/), checked by Valijson where the build has
// it.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/core/error.h"
#include "backends/core/json_file.h"

namespace jb::results {

/// "record", "run", "suite", "preset", "network".
std::vector<std::string> schema_names();
/// The schema as text. Usage error suggesting the nearest name.
std::string_view schema_text(const std::string& name);
/// The schema that the `schema` field of a file asks for ("joulebench/device/1" -> "preset"); ""
/// when there is none of that name.
std::string schema_of(const Json& json);

/// Whether this build can check, with the reason when not.
Support schemas_available();

/// One schema, read once; check() may be called by several threads.
class JsonSchema {
 public:
  explicit JsonSchema(const std::string& name);
  ~JsonSchema();
  JsonSchema(const JsonSchema&) = delete;
  JsonSchema& operator=(const JsonSchema&) = delete;
  /// What is wrong first, as one sentence with its place; nothing when the schema is met, or this
  /// build cannot check.
  [[nodiscard]] std::optional<std::string> error_in(const Json& json) const;

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace jb::results
