#include "results/json_schema.h"

#include <fmt/core.h>

#include <array>
#include <utility>

#include "backends/core/text.h"
#include "results/label.h"
#include "results/schema_texts.h"  // generated from results/schemas

#ifdef JOULEBENCH_HAVE_VALIJSON
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>
#endif

namespace jb::results {
namespace {

struct Named {
  std::string_view name;
  std::string_view id;  ///< of the files it describes
  std::string_view text;
};

constexpr std::array<Named, 5> kSchemas{{{"record", "joulebench/record/1", kRecordSchemaText},
                                         {"run", "joulebench/run/1", kRunSchemaText},
                                         {"suite", "joulebench/suite/1", kSuiteSchemaText},
                                         {"preset", "joulebench/device/1", kPresetSchemaText},
                                         {"network", "joulebench/network/1", kNetworkSchemaText}}};

}  // namespace

std::vector<std::string> schema_names() {
  std::vector<std::string> names;
  for (const Named& schema : kSchemas) names.emplace_back(schema.name);
  return names;
}

std::string_view schema_text(const std::string& name) {
  for (const Named& schema : kSchemas) {
    if (schema.name == name) return schema.text;
  }
  const std::vector<std::string> names = schema_names();
  fail_usage("there is no schema '{}'{} (there are: {})", name, did_you_mean(name, names),
             join(names));
}

std::string schema_of(const Json& json) {
  const std::string id = json.is_object() ? point_text(json, "schema") : std::string();
  for (const Named& schema : kSchemas) {
    if (schema.id == id) return std::string(schema.name);
  }
  return {};
}

#ifdef JOULEBENCH_HAVE_VALIJSON

Support schemas_available() { return Support::yes(); }

struct JsonSchema::Compiled {
  valijson::Schema schema;
};

JsonSchema::JsonSchema(const std::string& name) : compiled_(std::make_unique<Compiled>()) {
  const nlohmann::json document = nlohmann::json::parse(schema_text(name));
  valijson::SchemaParser parser;
  parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(document), compiled_->schema);
}

std::optional<std::string> JsonSchema::error_in(const Json& json) const {
  // Valijson's adapter knows sorted objects only.
  const nlohmann::json sorted(json);
  const valijson::adapters::NlohmannJsonAdapter target(sorted);
  // Types are not converted: "1" is no number. Errors are collected only when there are some.
  valijson::Validator validator(valijson::Validator::kStrongTypes);
  if (validator.validate(compiled_->schema, target, nullptr)) return std::nullopt;
  valijson::ValidationResults results;
  validator.validate(compiled_->schema, target, &results);
  // The last one in is the outermost; the first says what is wrong where.
  valijson::ValidationResults::Error error;
  if (!results.popError(error)) return "the schema is not met";
  std::string place;
  for (const std::string& step : error.context) {
    std::string key = step;
    if (key == "<root>") continue;
    if (key.size() > 2 && key.front() == '[' && key.back() == ']') {
      key = key.substr(1, key.size() - 2);
    }
    place += (place.empty() ? "" : ".") + key;
  }
  return fmt::format("{}: {}", place.empty() ? "the whole" : place, error.description);
}

#else

Support schemas_available() {
  return Support::no("built without Valijson (package libvalijson-dev)");
}

struct JsonSchema::Compiled {};
JsonSchema::JsonSchema(const std::string& name) { schema_text(name); }
std::optional<std::string> JsonSchema::error_in(const Json& /*json*/) const { return std::nullopt; }

#endif

JsonSchema::~JsonSchema() = default;

}  // namespace jb::results
