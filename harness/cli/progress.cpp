#include "harness/cli/progress.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "backends/core/error.h"
#include "harness/cli/app.h"
#include "harness/cli/output.h"
#include "harness/cli/point_flags.h"

namespace jb::harness::cli {

namespace {

constexpr int kBarCells = 20;
constexpr double kRedrawS = 0.05;

volatile std::sig_atomic_t interrupt_requested = 0;

void on_signal(int /*signal*/) {
  interrupt_requested = 1;
  constexpr std::string_view kNotice =
      "\njoulebench: stopping after this point; interrupt again to stop at once\n";
  // write() is safe in a signal handler; there is nothing to do when it fails.
  if (::write(STDERR_FILENO, kNotice.data(), kNotice.size()) < 0) return;
}

void handle(int signal, void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

// ", about 3 min left", from what this start of the run has done; "" before its first point.
std::string time_left(const RunProgress& progress) {
  const std::size_t ran = progress.done - std::min(progress.resumed, progress.done);
  if (ran == 0 || progress.done >= progress.total) return {};
  const double left = progress.elapsed_s / static_cast<double>(ran) *
                      static_cast<double>(progress.total - progress.done);
  return fmt::format(", about {} left", duration_text(left));
}

std::string bar(const RunProgress& progress) {
  const auto filled =
      static_cast<int>(progress.done * kBarCells / std::max<std::size_t>(progress.total, 1));
  std::string cells(static_cast<std::size_t>(filled), '#');
  cells.resize(kBarCells, '.');
  std::string line = fmt::format("[{}] {}/{}", cells, progress.done, progress.total);
  line += time_left(progress);
  if (progress.next != nullptr) line += "  " + point_label(*progress.next);
  // A line that wraps cannot be redrawn.
  line.resize(std::min<std::size_t>(line.size(), static_cast<std::size_t>(terminal_width() - 1)));
  return line;
}

}  // namespace

ProgressStyle progress_style_from(const std::string& choice, bool quiet) {
  check_choice("--progress", choice, {"auto", "bar", "plain", "none"});
  if (quiet || choice == "none") return ProgressStyle::none;
  if (choice == "plain") return ProgressStyle::plain;
  if (choice == "bar") return ProgressStyle::bar;
  return ::isatty(STDERR_FILENO) == 1 ? ProgressStyle::bar : ProgressStyle::none;
}

void ProgressDisplay::update(const RunProgress& progress) {
  // A terminal redrawn for each of ten thousand points would be the slowest part of a run.
  const bool last = progress.next == nullptr;
  if (style_ == ProgressStyle::bar && drawn_ && !last && progress.elapsed_s - drawn_s_ < kRedrawS) {
    return;
  }
  drawn_s_ = progress.elapsed_s;
  if (style_ == ProgressStyle::bar) {
    fmt::print(stderr, "\r\x1b[K{}", bar(progress));
    std::fflush(stderr);
    drawn_ = true;
  } else if (style_ == ProgressStyle::plain && progress.next != nullptr) {
    fmt::print(stderr, "[{}/{}] {}{}\n", progress.done + 1, progress.total,
               point_label(*progress.next), time_left(progress));
  }
}

void ProgressDisplay::finish() {
  if (!drawn_) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  drawn_ = false;
}

InterruptGuard::InterruptGuard() {
  interrupt_requested = 0;
  // SA_RESETHAND: the second signal finds the default action.
  for (const int signal : {SIGINT, SIGTERM, SIGHUP})
    handle(signal, on_signal, static_cast<int>(SA_RESETHAND | SA_RESTART));
  // A file over the size limit of the process is a write that fails, not the end of the program.
  handle(SIGXFSZ, SIG_IGN, 0);
}

InterruptGuard::~InterruptGuard() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGXFSZ}) handle(signal, SIG_DFL, 0);
}

bool InterruptGuard::interrupted() const noexcept { return interrupt_requested != 0; }

std::string duration_text(double seconds) {
  if (seconds < 90) return fmt::format("{:.0f} s", seconds);
  if (seconds < 5400) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

}  // namespace jb::harness::cli
