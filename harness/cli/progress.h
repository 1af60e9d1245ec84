#pragma once
// Progress on stderr, and interruption by signals.

#include <string>

#include "harness/run_folder.h"

namespace jb::harness::cli {

enum class ProgressStyle { none, plain, bar };

/// "auto" is a bar on a terminal and nothing in pipes; usage error for an unknown name.
ProgressStyle progress_style_from(const std::string& choice, bool quiet);

/// Shows points done, time left and what runs next.
class ProgressDisplay {
 public:
  explicit ProgressDisplay(ProgressStyle style) : style_(style) {}
  void update(const RunProgress& progress);
  /// Clears the bar, so that what follows starts on a clean line.
  void finish();

 private:
  ProgressStyle style_;
  bool drawn_ = false;
  double drawn_s_ = 0;
};

/// While it lives, the first SIGINT, SIGTERM or SIGHUP asks to stop after the current point; a
/// second one ends the program at once (the journal holds whole records at any time).
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  [[nodiscard]] bool interrupted() const noexcept;
};

/// "8 s", "3 min", "1.5 h".
std::string duration_text(double seconds);

}  // namespace jb::harness::cli
