#include "harness/metered_group.h"

#include <algorithm>
#include <memory>

namespace jb::harness {
namespace {

constexpr std::size_t kMostPoints = 8;  // kept in memory at once

bool same_workload(const PointSpec& a, const PointSpec& b) {
  if (a.op != b.op || a.seed != b.seed || a.dist.text() != b.dist.text()) return false;
  if (a.op == Op::gemm) return a.gemm == b.gemm;
  if (a.op == Op::conv2d) return a.conv == b.conv;
  return a.op == Op::network && a.network == b.network && a.onnx == b.onnx &&
         a.dataset == b.dataset && a.batch == b.batch;
}

/// All meters of a machine, as the windows of the group read them.
std::vector<std::size_t> meters_of_all(const meter::Bench& bench,
                                       const GroupedPoints::Points& points, std::size_t begin,
                                       std::size_t end) {
  std::vector<std::size_t> which;
  for (std::size_t i = begin; i < end; ++i) {
    for (const std::size_t m : meters_of(bench, *points[i])) {
      if (std::find(which.begin(), which.end(), m) == which.end()) which.push_back(m);
    }
  }
  return which;
}

}  // namespace

bool GroupedPoints::is_metered(const PointSpec& point) const {
  return options_.metering != nullptr && point.op != Op::training && on_real_hardware(point).ok &&
         can_be_metered(point, *options_.metering).ok;
}

std::size_t GroupedPoints::group_end(const Points& points, std::size_t i) const {
  std::size_t end = i + 1;
  while (end < points.size() && end - i < kMostPoints && is_metered(*points[end]) &&
         same_workload(*points[i], *points[end])) {
    ++end;
  }
  return end;
}

/// Set-ups one after the other, idle time, windows in turn (forwards and backwards), idle time, and
/// the rest of each point.
bool GroupedPoints::run_group(const Points& points, std::size_t begin, std::size_t end) {
  const Metering& metering = *options_.metering;
  GroupIdle idle;
  std::vector<Seat> seats(end - begin);
  std::vector<std::unique_ptr<meter::Turn>> turns;
  bool stopped = false;
  for (std::size_t i = begin; i < end; ++i) {
    turns.push_back(std::make_unique<meter::Turn>([&, i](meter::Turn& turn) {
      RunOptions options = options_;
      Seat& seat = seats[i - begin];
      seat = {&turn, &idle, end - begin};
      options.seat = &seat;
      try {
        ready_[i] = run_(*points[i], options);
      } catch (const MeteringStopped&) {
        stopped = true;
      }
    }));
  }
  std::vector<meter::Turn*> running;
  for (const auto& turn : turns) {
    if (turn->resume()) running.push_back(turn.get());
  }
  const meter::WindowMaker maker(*metering.bench,
                                 metering.times_only
                                     ? std::vector<std::size_t>()
                                     : meters_of_all(*metering.bench, points, begin, end),
                                 metering.rules);
  const auto idle_or_empty = [&](meter::Span& span) {
    try {
      span = maker.idle();
    } catch (const Error& error) {
      idle.error = error.what();  // each point tells it
    }
  };
  if (!running.empty()) idle_or_empty(idle.before);
  for (int round = 0; round < metering.rules.windows && !running.empty() && !stopped; ++round) {
    std::vector<meter::Turn*> order = running;
    if (round % 2 == 1) std::reverse(order.begin(), order.end());
    for (meter::Turn* turn : order) {
      if (stopped || turn->resume()) continue;
      running.erase(std::find(running.begin(), running.end(), turn));
    }
  }
  if (!running.empty() && !stopped) idle_or_empty(idle.after);
  for (meter::Turn* turn : running) {
    if (!stopped) turn->resume();
  }
  return !stopped;
}

std::optional<results::Record> GroupedPoints::record(const Points& points, std::size_t i) {
  if (!is_metered(*points[i])) return run_(*points[i], options_);
  if (ready_.count(i) == 0 && !run_group(points, i, group_end(points, i))) return std::nullopt;
  auto node = ready_.extract(i);
  if (node.empty()) return std::nullopt;
  return std::move(node.mapped());
}

}  // namespace jb::harness
