// The life of a device up to a point's age: calibrations by schedule, each charged.

#include "backends/analog/schedule.h"
#include "harness/point_context.h"
#include "harness/point_identity.h"

namespace jb::harness {
namespace {

using Kind = analog::Schedule::Kind;

class Life {
 public:
  Life(const PointContext& context, Device& device, const analog::Schedule& schedule)
      : age_s_(context.point.age_s),
        temperature_C_(context.point.temperature_C),
        device_(device),
        schedule_(schedule) {}

  void calibrate_at(double t_s) {
    move_to(t_s);
    charge(device_.calibrate(schedule_.method));
    last_s_ = t_s;
    ++result_.count;
  }

  /// Looks after its error and calibrates whenever it is too large.
  void calibrate_by_error() {
    for (double look_s = analog::next_look_s(0, 0); look_s <= age_s_;
         look_s = analog::next_look_s(last_s_, look_s)) {
      move_to(look_s);
      Activity look;
      const double error = device_.drift_error(look);
      charge(look);
      if (error <= schedule_.value) continue;
      if (result_.count == analog::kMostCalibrations) {
        fail_usage("--calibrate {}@error={}: more than {} calibrations within an age of {} s",
                   schedule_.method, schedule_.value, analog::kMostCalibrations, age_s_);
      }
      calibrate_at(look_s);
    }
  }

  Calibrations finish() {
    move_to(age_s_);
    result_.since_s = age_s_ - last_s_;
    return result_;
  }

 private:
  void move_to(double t_s) { device_.set_epoch({t_s, t_s - last_s_, temperature_C_}); }
  void charge(const Activity& cost) {
    if (!result_.cost) result_.cost = Activity{};
    *result_.cost += cost;
  }

  double age_s_;
  double temperature_C_;
  Device& device_;
  const analog::Schedule& schedule_;
  double last_s_ = 0;  // without a calibration the clock runs from the start
  Calibrations result_;
};

}  // namespace

std::string calibration_of(const PointSpec& point, const Device& device) {
  return point.calibration.value_or(device.default_calibration());
}

Calibrations bring_to_age(const PointContext& context, Device& device) {
  const std::string text = calibration_of(context.point, device);
  const analog::Schedule schedule = analog::schedule_from(text);
  Life life(context, device, schedule);
  if (schedule.method == "none") return life.finish();
  switch (schedule.kind) {
    case Kind::once:
      life.calibrate_at(context.point.age_s - calibrated_ago_s(context.point, text));
      break;
    case Kind::every:
    case Kind::logarithmic:
      for (const double t_s : analog::times_until(schedule, context.point.age_s)) {
        life.calibrate_at(t_s);
      }
      break;
    case Kind::error:
      life.calibrate_by_error();
      break;
  }
  return life.finish();
}

}  // namespace jb::harness
