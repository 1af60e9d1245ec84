#pragma once
// --map: which machine runs which nodes of a network.

#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "harness/point.h"

namespace jb::harness {

/// Id that the record gives to a machine made of several.
inline constexpr const char* kHybridBackend = "hybrid";

/// One side of 'conv*=crossbar:pcm-hermes'.
struct MapRule {
  std::string pattern;  ///< with * and ?, of node names and of operator names
  std::string backend;
  std::string device;  ///< "" = the backend's default
};

/// Reads 'PATTERN=BACKEND[:DEVICE],...'. Usage error naming the part that makes no sense.
std::vector<MapRule> map_rules_from(const std::string& text);

/// The machines of a map as one backend, with one device each (more than one rule may name it).
class HybridBackend final : public Backend {
 public:
  /// Loads the device files; --set goes to the machines that have the key. Usage error for keys and
  /// precisions that none has.
  explicit HybridBackend(const PointSpec& point);

  [[nodiscard]] const BackendInfo& info() const override { return info_; }
  [[nodiscard]] Support available() const override;
  [[nodiscard]] const std::vector<ParameterSpec>& parameters() const override;
  [[nodiscard]] std::unique_ptr<Device> open(const DeviceSpec& spec,
                                             const DeviceInstance& instance) const override;

  [[nodiscard]] const DeviceSpec& spec() const { return spec_; }
  /// "conv*=crossbar:pcm-hermes,*=onednn:host": with every device named, without paths.
  [[nodiscard]] const std::string& canonical_map() const { return canonical_; }

 private:
  struct Part {
    const Backend* backend = nullptr;
    std::string device;  // as asked for
    DeviceSpec spec;
    ElementType precision = ElementType::f32;
  };
  std::size_t part_of(const MapRule& rule);

  std::vector<Part> parts_;
  std::vector<MapRule> rules_;
  std::vector<std::size_t> part_of_rule_;
  BackendInfo info_;
  DeviceSpec spec_;
  std::string canonical_;
};

}  // namespace jb::harness
