#pragma once
// Device parameters: a schema per backend (key, type, unit, range), a preset file with value, unit,
// source and class for each key, and overrides from the command line (`--set key=value`).
//
// Preset file (schema joulebench/device/1), key by key in backends/presets/README.md:
//   { "schema": "joulebench/device/1", "backend": "crossbar", "name": "pcm-hermes",
//     "description": "...", "theory_bound": false,
//     "validation": { "against": "...", "published_J_per_mac": 2.05e-13, "gemm": [256,256,256] },
//     "parameters": { "tile.rows": { "value": 256, "unit": "1", "source": "...", "class": "exact"
//     },
//                     "energy.adc_J": { "from": "ops-45nm/adc8", "note": "..." } } }

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "backends/core/json_file.h"

namespace jb {

/// How well a constant is known: A 10 %, B 30 %, C factor 2, D factor 5 (95 %, log-normal);
/// `exact` for settings, counts and definitions, which no uncertainty analysis perturbs.
enum class ConstantClass : std::uint8_t { exact, A, B, C, D };
std::string_view name_of(ConstantClass c) noexcept;
std::optional<ConstantClass> constant_class_from(std::string_view name) noexcept;

enum class ParameterType : std::uint8_t {
  number,
  integer,
  boolean,
  choice,
  file,  ///< a path, relative to the device file's folder (`--set`: to the working folder); "":
         ///< none
};

/// One key that a backend's device files may hold.
struct ParameterSpec {
  std::string key;  ///< dotted path, e.g. "adc.bits"
  ParameterType type = ParameterType::number;
  std::string unit;                  ///< "1" for counts and ratios
  double min = 0;                    ///< smallest allowed value (numbers and integers)
  double max = 0;                    ///< largest allowed value
  std::vector<std::string> choices;  ///< allowed texts of a choice
  std::string description;           ///< one line
  /// Value when a device file does not give the key (then its source is "default: <description>");
  /// without one the key is required.
  std::optional<std::variant<double, std::int64_t, bool, std::string>> fallback;
  /// Value of the key kArchitectureKey that this key belongs to; "": every machine has it.
  std::string architecture = {};
};

/// Key of the choice that tells kinds of machine of one backend apart: each kind has keys of its
/// own, may give one key another range, and refuses the keys of the others. Device files without it
/// are of its fallback's kind; `--set` does not change it.
inline constexpr const char* kArchitectureKey = "architecture";

struct ParameterValue {
  std::variant<double, std::int64_t, bool, std::string> value;
  std::string unit;
  std::string source;
  ConstantClass cls = ConstantClass::exact;
};

/// Published or metered figure that a preset was held against.
struct PresetValidation {
  std::string against;             ///< citation; empty when there is none
  double published_J_per_mac = 0;  ///< 0 when none
  double ratio = 0;                ///< modelled / published, recomputed by a test; 0 when none
  std::string caveat = {};         ///< of a comparison: why it validates nothing

  /// Whether the model stands: within a factor 2 of what it was held against.
  [[nodiscard]] bool holds() const noexcept {
    return !against.empty() && caveat.empty() && (ratio == 0 || (ratio >= 0.5 && ratio <= 2));
  }
};

/// A device file, read and checked against its backend's schema.
class DeviceSpec {
 public:
  [[nodiscard]] const std::string& backend() const noexcept { return backend_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::string& description() const noexcept { return description_; }
  /// An idealised machine ("theory bound, not a machine"): stops at B0, or has no energy at all.
  [[nodiscard]] bool theory_bound() const noexcept { return theory_bound_; }
  [[nodiscard]] const PresetValidation& validation() const noexcept { return validation_; }
  /// A figure that the preset is compared with though it validates nothing: measured at another
  /// boundary, in another format, or too far off. Such a preset stays unvalidated.
  [[nodiscard]] const PresetValidation& comparison() const noexcept { return comparison_; }

  [[nodiscard]] double number(std::string_view key) const;  // integers convert
  [[nodiscard]] std::int64_t integer(std::string_view key) const;
  [[nodiscard]] bool flag(std::string_view key) const;
  [[nodiscard]] const std::string& text(std::string_view key) const;
  /// Where the file that a `file` parameter names lies; empty when it names none.
  [[nodiscard]] std::filesystem::path file(std::string_view key) const;
  [[nodiscard]] const ParameterValue& at(
      std::string_view key) const;  ///< internal error: no such key

  /// Overrides one key from text; source becomes "--set". Usage error naming key and allowed range.
  void set(const std::string& key, const std::string& value_text);

  /// Keys changed by set(), with the text given, in key order.
  [[nodiscard]] const std::map<std::string, std::string>& overrides() const noexcept {
    return overrides_;
  }
  /// The keys of this device's kind.
  [[nodiscard]] const std::vector<ParameterSpec>& schema() const noexcept { return *schema_; }

  /// Hash of backend, name and every parameter's value (not of sources; of files their content),
  /// overrides included.
  [[nodiscard]] std::string hash() const;

 private:
  friend DeviceSpec load_device_file(const std::vector<ParameterSpec>&, const std::string&,
                                     const std::filesystem::path&);
  friend DeviceSpec combined_device(const std::string&, const std::vector<DeviceSpec>&);
  const std::vector<ParameterSpec>* backend_schema_ = nullptr;  ///< keys of every kind
  std::shared_ptr<const std::vector<ParameterSpec>> schema_;
  std::string backend_;
  std::filesystem::path folder_;  ///< of the device file
  std::string name_;
  std::string description_;
  bool theory_bound_ = false;
  PresetValidation validation_;
  PresetValidation comparison_;
  std::map<std::string, ParameterValue, std::less<>> values_;
  std::map<std::string, std::string> overrides_;
};

/// Several machines as one device of the pseudo-backend `backend`: named "a+b", hashed by the
/// hashes of its parts, without parameters of its own. Validated when all parts are, bound by
/// theory when one is.
DeviceSpec combined_device(const std::string& backend, const std::vector<DeviceSpec>& parts);

/// Reads a device file for `backend`. `schema` must outlive the result (backends keep it static).
/// Refuses unknown keys (nearest name suggested), missing keys, wrong types, wrong units, values
/// out of range, and values without unit, source and class; the sentence names file, key and range.
DeviceSpec load_device_file(const std::vector<ParameterSpec>& schema, const std::string& backend,
                            const std::filesystem::path& path);

/// Loads `name_or_file` (a preset of the backend, or a path ending in .json). An unknown name lists
/// the presets there are and suggests the nearest.
DeviceSpec load_device(const std::vector<ParameterSpec>& schema, const std::string& backend,
                       const std::string& name_or_file);

/// Names of the presets of a backend, sorted.
std::vector<std::string> preset_names(const std::string& backend);

/// Shorthands for schemas.
ParameterSpec number_spec(std::string key, std::string unit, double min, double max,
                          std::string description, std::optional<double> fallback = {});
ParameterSpec integer_spec(std::string key, std::string unit, std::int64_t min, std::int64_t max,
                           std::string description, std::optional<std::int64_t> fallback = {});
ParameterSpec flag_spec(std::string key, std::string description,
                        std::optional<bool> fallback = {});
ParameterSpec choice_spec(std::string key, std::vector<std::string> choices,
                          std::string description, std::optional<std::string> fallback = {});
/// A file of at most kMostParameterFileBytes; none by default.
ParameterSpec file_spec(std::string key, std::string description);
inline constexpr std::uintmax_t kMostParameterFileBytes = 1U << 20U;

}  // namespace jb
