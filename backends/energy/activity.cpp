#include "backends/energy/activity.h"

namespace jb {

void Activity::add(ActionId action, double count, std::uint32_t layer) {
  if (count == 0) return;
  for (ActivityRow& row : rows_) {
    if (row.action == action && row.layer == layer) {
      row.count += count;
      return;
    }
  }
  rows_.push_back({action, layer, count});
}

Activity& Activity::operator+=(const Activity& other) {
  for (const ActivityRow& row : other.rows_) add(row.action, row.count, row.layer);
  for (const LayerShare& share : other.shares_) add_share(share);
  device_time_s += other.device_time_s;
  executed_macs += other.executed_macs;
  return *this;
}

Activity Activity::scaled(double times) const {
  Activity result = *this;
  for (ActivityRow& row : result.rows_) row.count *= times;
  for (LayerShare& share : result.shares_) {
    share.executed_macs *= times;
    share.device_time_s *= times;
  }
  result.device_time_s *= times;
  result.executed_macs *= times;
  return result;
}

Activity Activity::relabelled(std::uint32_t layer, ActionId action_offset) const {
  Activity result;
  result.device_time_s = device_time_s;
  result.executed_macs = executed_macs;
  if (layer != 0) result.shares_.push_back({layer, executed_macs, device_time_s});
  for (const ActivityRow& row : rows_) {
    result.add(static_cast<ActionId>(row.action + action_offset), row.count, layer);
  }
  return result;
}

double Activity::count(ActionId action) const noexcept {
  double sum = 0;
  for (const ActivityRow& row : rows_) sum += row.action == action ? row.count : 0;
  return sum;
}

void Activity::add_share(const LayerShare& share) {
  for (LayerShare& known : shares_) {
    if (known.layer != share.layer) continue;
    known.executed_macs += share.executed_macs;
    known.device_time_s += share.device_time_s;
    return;
  }
  shares_.push_back(share);
}

void Activity::clear() noexcept {
  rows_.clear();
  shares_.clear();
  device_time_s = 0;
  executed_macs = 0;
}

}  // namespace jb
