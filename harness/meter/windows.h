#pragma once
// Measurement windows: what is metered runs for a while between two marks of every meter, with
// idle time before and after, and after a warm-up.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/meter/bench.h"
#include "harness/meter/cpu_watch.h"

namespace jb::harness::meter {

/// How long and how often. `published` are the rules for published rows: windows of 60 s and 200
/// updates of the meter, five of them, 30 s of idle (MLPerf Power, arXiv:2410.12032, asks for 60 s
/// at least). `ci` is short and not publishable.
struct WindowRules {
  std::string profile = "ci";
  double window_s = 5;       ///< at least
  int updates = 50;          ///< of the slowest meter in a window, at least
  int windows = 3;           ///< at least 2
  double idle_s = 3;         ///< before, and after
  double warmup_part_s = 1;  ///< power of the last three such parts must agree
  double warmup_steady_frac = 0.02;
  double warmup_most_s = 20;

  static WindowRules ci() { return {}; }
  static WindowRules published() { return {"published", 60, 200, 5, 30, 5, 0.01, 120}; }
  /// What keeps these rules from being good enough for a published row; "" when nothing does.
  [[nodiscard]] std::string not_publishable() const;
};

/// What a stretch of work came to.
struct WorkDone {
  std::int64_t executions = 0;
  double device_s = 0;  ///< by the machine's own clock; 0: it has none
};
/// Executes for at least that many seconds.
using Work = std::function<WorkDone(double seconds)>;

/// Marks of meters, by their index on the bench; of meters that were not read, empty.
struct Span {
  std::vector<std::optional<Mark>> from, to;
  double start_unix_s = 0;
  double seconds = 0;  ///< by the steady clock, between the marks of the first meter
};

struct Window {
  std::vector<Span> spans;  ///< one, or several where what is metered pauses for something else
  std::int64_t executions = 0;
  std::vector<double> times_s;  ///< of one execution, of consecutive parts of the window
  bool device_clock = false;
  CpuState before, after;
  Conditions conditions;  ///< at its end, of the first meter's machine

  [[nodiscard]] double seconds() const noexcept;  ///< of all spans
};

struct WarmUp {
  double seconds = 0;
  bool steady = false;
  std::vector<Span> parts;
};

/// Power was steady over the last three of these, and so was the temperature (0: not told).
bool is_steady(const std::vector<double>& watts, const std::vector<double>& degrees, double part_s,
               double steady_frac);

/// Reads the meters `which` of a bench around stretches of time; without any, it keeps the times
/// alone. Errors of meters are passed on.
class WindowMaker {
 public:
  WindowMaker(const Bench& bench, std::vector<std::size_t> which, WindowRules rules);

  /// Length of a window, from the rules and the slowest meter.
  [[nodiscard]] double window_s() const noexcept { return window_s_; }
  /// Sleeps for the rules' idle time.
  [[nodiscard]] Span idle() const;
  /// Works until power is steady, at most as long as the rules allow.
  [[nodiscard]] WarmUp warm_up(const Work& work) const;
  /// Works a little after other work has run in between.
  void warm_again(const Work& work) const { work(rules_.warmup_part_s); }
  [[nodiscard]] Window window(const Work& work) const;

  /// A window by hand, whose work nobody can be asked for: begin() and end() around each stretch of
  /// it, and between start() and finish().
  void start(Window& window) const;
  void finish(Window& window) const;
  /// Takes the next part of a warm-up by hand, with the power and temperature of all of them; true
  /// when it has lasted long enough.
  bool is_warm(WarmUp& warm, std::vector<Span> part, std::vector<double>& watts,
               std::vector<double>& degrees) const;
  [[nodiscard]] Span begin() const;
  void end(Span& span) const;

 private:
  [[nodiscard]] double power_W(const Span& span) const;

  const Bench& bench_;
  std::vector<std::size_t> which_;
  WindowRules rules_;
  double window_s_ = 0;
};

}  // namespace jb::harness::meter
