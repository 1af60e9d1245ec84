#pragma once
// One kind of machine for estimates at scale: an open device, its prices with those of the digital
// periphery and of links beside them, and the memory of its preset.

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/energy/ledger.h"
#include "backends/energy/periphery.h"

namespace jb::harness::scale {

/// A link between machines.
struct Link {
  std::string name;
  double J_per_B = 0;
  double B_per_s = 0;
  ConstantClass cls = ConstantClass::D;
  std::string source;
};

std::vector<std::string> link_names();
/// Usage error listing the names for an unknown one.
Link link_from(const std::string& name);

/// Joules up to each boundary, and of ADC rows among them.
struct Joules {
  std::array<double, kBoundaries> up_to{};
  double static_J = 0;    ///< rows of power that flows whatever runs, B3
  double adc_J = 0;       ///< rows of analog-to-digital converters
  double movement_J = 0;  ///< rows of category movement up to B2
  Joules& operator+=(const Joules& other) noexcept;
  [[nodiscard]] Joules scaled(double factor) const noexcept;
};

class Machine {
 public:
  /// Usage error for an unknown device and for keys that it does not have.
  Machine(const Backend& backend, const DeviceSpec& spec, std::optional<ElementType> precision,
          const Link& link);

  [[nodiscard]] const Backend& backend() const { return backend_; }
  [[nodiscard]] const DeviceSpec& spec() const { return device_->spec(); }
  [[nodiscard]] const Device& device() const { return *device_; }
  [[nodiscard]] const PriceTable& prices() const { return prices_; }
  [[nodiscard]] ElementType precision() const { return precision_; }
  [[nodiscard]] const Link& link() const { return link_; }
  /// "photonic photonic-2025"
  [[nodiscard]] std::string name() const;
  /// Bytes of a value on links and in memory: those of the precision, two at least.
  [[nodiscard]] double value_bytes() const;
  /// Bytes of its memory; 0 when its device file tells none.
  [[nodiscard]] double memory_bytes() const { return memory_bytes_; }

  /// Joules of an activity whose actions are the device's or those below.
  [[nodiscard]] Joules price(const Activity& activity) const;
  void add(Activity& activity, const PeripheryWork& work) const;
  void add_link_bytes(Activity& activity, double bytes) const;
  void add_memory_bytes(Activity& activity, double bytes) const;  ///< of the optimizer's state

  /// Constants behind an activity's rows, for method sheets: name, joules per action, source, and
  /// the share of the joules up to the highest boundary.
  struct Constant {
    const Price* price = nullptr;
    double joules = 0;
  };
  [[nodiscard]] std::vector<Constant> constants(const Activity& activity) const;

 private:
  const Backend& backend_;
  std::unique_ptr<Device> device_;
  ElementType precision_;
  Link link_;
  PriceTable prices_;
  PeripheryActions periphery_;
  ActionId link_byte_ = 0;
  ActionId state_byte_ = 0;
  double memory_bytes_ = 0;
};

/// Every backend and device file: also those that have no answer, which then say why.
struct MachineChoice {
  const Backend* backend = nullptr;
  std::string device;
};
std::vector<MachineChoice> all_machines();

}  // namespace jb::harness::scale
