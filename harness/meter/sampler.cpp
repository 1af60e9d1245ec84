#include "harness/meter/sampler.h"

#include <algorithm>
#include <chrono>

namespace jb::harness::meter {

Sampler::Sampler(std::vector<Meter*> meters) {
  bool polled = false;
  for (Meter* meter : meters) {
    slots_.push_back(std::make_unique<Slot>());
    slots_.back()->meter = meter;
    polled = polled || meter->info().poll_interval_s > 0;
  }
  if (polled) thread_ = std::thread([this] { poll_all(); });
}

Sampler::~Sampler() {
  {
    const std::lock_guard<std::mutex> lock(wait_mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Mark Sampler::mark(std::size_t i) {
  Slot& slot = *slots_.at(i);
  const std::lock_guard<std::mutex> lock(slot.mutex);
  if (slot.error) std::rethrow_exception(slot.error);
  ++slot.polls;
  return slot.meter->mark();
}

std::vector<double> Sampler::joules_between(std::size_t i, const Mark& from, const Mark& to) {
  return slots_.at(i)->meter->joules_between(from, to);
}

double Sampler::reading(std::size_t i) {
  Slot& slot = *slots_.at(i);
  const std::lock_guard<std::mutex> lock(slot.mutex);
  if (slot.error) std::rethrow_exception(slot.error);
  return slot.meter->reading();
}

Conditions Sampler::conditions(std::size_t i) {
  Slot& slot = *slots_.at(i);
  const std::lock_guard<std::mutex> lock(slot.mutex);
  return slot.meter->conditions();
}

void Sampler::change(std::size_t i, const std::function<void(Meter&)>& change) {
  Slot& slot = *slots_.at(i);
  const std::lock_guard<std::mutex> lock(slot.mutex);
  change(*slot.meter);
}

std::int64_t Sampler::polls(std::size_t i) const {
  const Slot& slot = *slots_.at(i);
  const std::lock_guard<std::mutex> lock(slot.mutex);
  return slot.polls;
}

void Sampler::poll_all() {
  std::unique_lock<std::mutex> wait(wait_mutex_);
  while (!stop_) {
    const double now_s = mark_now().steady_s;
    double next_s = now_s + 1;
    for (const auto& slot : slots_) {
      const double interval_s = slot->meter->info().poll_interval_s;
      if (!(interval_s > 0)) continue;
      if (slot->next_s <= now_s) {
        const std::lock_guard<std::mutex> lock(slot->mutex);
        slot->next_s = now_s + interval_s;
        if (!slot->error) {
          try {
            slot->meter->mark();
            ++slot->polls;
          } catch (...) {
            slot->error = std::current_exception();
          }
        }
      }
      next_s = std::min(next_s, slot->next_s);
    }
    wake_.wait_for(wait, std::chrono::duration<double>(std::max(0.0, next_s - now_s)),
                   [this] { return stop_; });
  }
}

}  // namespace jb::harness::meter
