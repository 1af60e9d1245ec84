#include "harness/metered_training.h"

#include <utility>

namespace jb::harness {
namespace {

double now_s() { return meter::mark_now().steady_s; }

std::vector<std::size_t> which_of(const PointSpec& point, const Metering& metering) {
  return metering.times_only ? std::vector<std::size_t>() : meters_of(*metering.bench, point);
}

}  // namespace

TrainingWindows::TrainingWindows(const PointSpec& point, const Metering& metering)
    : metering_(metering), maker_(*metering.bench, which_of(point, metering), metering.rules) {
  run_.machines = machines_of(point);
  run_.which = which_of(point, metering);
  run_.rules = metering.rules;
  run_.rules.window_s = maker_.window_s();
  run_.unit = "the whole training";
}

/// A meter that fails ends the metering and not the training.
template <class Read>
void TrainingWindows::reading(Read read) {
  if (failed_) return;
  try {
    read();
  } catch (const Error&) {
    failed_ = std::current_exception();
    open_.reset();
  }
}

void TrainingWindows::idle_before() {
  reading([this] { run_.idle_before = maker_.idle(); });
}

void TrainingWindows::resume() {
  if (enough()) return;
  reading([this] {
    if (window_.spans.empty()) maker_.start(window_);
    open_ = maker_.begin();
  });
}

void TrainingWindows::pause() {
  if (!open_) return;
  reading([this] {
    maker_.end(*open_);
    window_.spans.push_back(std::move(*open_));
    open_.reset();
  });
}

void TrainingWindows::step_done(std::int64_t samples) {
  if (metering_.stop && metering_.stop()) throw MeteringStopped{};
  if (!open_) return;
  samples_ += samples;
  // Until it has ended, a span holds the negative of its beginning.
  const double filled_s = window_.seconds() + now_s() + open_->seconds;
  if (filled_s < (warm_ ? run_.rules.window_s : run_.rules.warmup_part_s)) return;
  pause();
  reading([this] { end_part(); });
  resume();
}

/// A full part of the warm-up, or a full window.
void TrainingWindows::end_part() {
  const double seconds = window_.seconds();
  if (warm_) {
    maker_.finish(window_);
    window_.executions = samples_;
    window_.times_s = {seconds / static_cast<double>(samples_)};
    run_.windows.push_back(std::move(window_));
  } else {
    warm_ = maker_.is_warm(run_.warm_up, std::move(window_.spans), watts_, degrees_);
  }
  window_ = {};
  samples_ = 0;
}

bool TrainingWindows::enough() const noexcept {
  return failed_ != nullptr || static_cast<int>(run_.windows.size()) >= run_.rules.windows;
}

MeteredRun TrainingWindows::finish(double samples) {
  if (failed_) std::rethrow_exception(failed_);
  run_.idle_after = maker_.idle();
  run_.executions_of_work = samples;
  return run_;
}

}  // namespace jb::harness
