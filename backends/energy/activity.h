#pragma once
// Activity: how often each physical action happened. Additive; knows no joules.

#include <cstdint>
#include <vector>

namespace jb {

/// Index of an action in the price table of the device that counted it.
using ActionId = std::uint16_t;

struct ActivityRow {
  ActionId action = 0;
  std::uint32_t layer = 0;  ///< 0: no layer; else 1 + index into the executable's layer names
  double count = 0;         ///< in the action's unit of account (an access, a bit, a second)
};

/// What the machine did for one layer.
struct LayerShare {
  std::uint32_t layer = 0;
  double executed_macs = 0;
  double device_time_s = 0;
};

class Activity {
 public:
  /// Adds `count` actions; rows of the same action and layer are merged. Zero counts are kept out.
  void add(ActionId action, double count, std::uint32_t layer = 0);

  /// Row-wise sum; times and MACs add up (the parts ran one after the other).
  Activity& operator+=(const Activity& other);
  /// The same activity `times` over.
  [[nodiscard]] Activity scaled(double times) const;
  /// Retags all rows with a layer (0: none), and shifts action ids by `action_offset`.
  [[nodiscard]] Activity relabelled(std::uint32_t layer, ActionId action_offset = 0) const;

  [[nodiscard]] const std::vector<ActivityRow>& rows() const noexcept { return rows_; }
  /// Shares of executed_macs and device_time_s by layer, of the parts that relabelled() gave one.
  [[nodiscard]] const std::vector<LayerShare>& shares() const noexcept { return shares_; }
  [[nodiscard]] double count(ActionId action) const noexcept;  ///< over all layers
  void clear() noexcept;                                       ///< keeps the memory

  double device_time_s = 0;  ///< modelled time of the machine; 0 when the device is measured
  double executed_macs = 0;  ///< MACs the machine performed (bit slices, padding included)

 private:
  void add_share(const LayerShare& share);

  std::vector<ActivityRow> rows_;
  std::vector<LayerShare> shares_;
};

}  // namespace jb
