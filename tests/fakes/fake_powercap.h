#pragma once
// A powercap tree in a folder, as Documentation/power/powercap/powercap.rst describes it, and a
// machine behind it: a thread that advances the counters as power flows.

#include <time.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace jb::test {

inline constexpr std::uint64_t kUsualRange_uJ = 262143999938;  // of Intel's 32-bit counters

class FakePowercap {
 public:
  explicit FakePowercap(std::filesystem::path root) : root_(std::move(root)) {
    std::filesystem::create_directories(root_ / "intel-rapl");  // the control type: no counter
  }

  [[nodiscard]] const std::filesystem::path& root() const { return root_; }
  [[nodiscard]] std::filesystem::path zone(const std::string& folder) const {
    return root_ / folder;
  }

  /// A zone "intel-rapl:0" of that name; limit_W 0: it names none.
  void add(const std::string& folder, const std::string& name, std::uint64_t value_uJ = 0,
           std::uint64_t range_uJ = kUsualRange_uJ, double limit_W = 0) {
    std::filesystem::create_directories(zone(folder));
    put(zone(folder) / "name", name);
    put(zone(folder) / "max_energy_range_uj", std::to_string(range_uJ));
    if (limit_W > 0) {
      put(zone(folder) / "constraint_0_max_power_uw",
          std::to_string(static_cast<std::uint64_t>(limit_W * 1e6)));
    }
    range_[folder] = range_uJ;
    set(folder, value_uJ);
  }
  /// A reader sees the old value or the new one.
  void set(const std::string& folder, std::uint64_t value_uJ) const {
    const std::filesystem::path file = zone(folder) / "energy_uj";
    const std::filesystem::path next = zone(folder) / ".energy_uj.next";
    put(next, std::to_string(value_uJ));
    std::error_code gone;
    std::filesystem::rename(next, file, gone);
  }
  void set_joules(const std::string& folder, double joules) const {
    set(folder, static_cast<std::uint64_t>(joules * 1e6) % range_.at(folder));
  }

 private:
  static void put(const std::filesystem::path& file, const std::string& text) {
    std::ofstream(file) << text << "\n";
  }

  std::filesystem::path root_;
  std::map<std::string, std::uint64_t> range_;
};

/// Advances zones once a millisecond: idle power always, and more while `busy()` is true. Keeps
/// the history of all joules, so that a test can ask what a perfect meter would have told.
class FakeMachine {
 public:
  struct Zone {
    std::string folder;
    double idle_W = 0;
    double busy_W = 0;  ///< in all, while busy
  };
  FakeMachine(const FakePowercap& tree, std::vector<Zone> zones, std::function<bool()> busy)
      : tree_(tree), zones_(std::move(zones)), busy_(std::move(busy)), joules_(zones_.size(), 0) {
    thread_ = std::thread([this] { run(); });
  }
  ~FakeMachine() {
    stop_ = true;
    thread_.join();
  }
  FakeMachine(const FakeMachine&) = delete;
  FakeMachine& operator=(const FakeMachine&) = delete;

  /// Joules of all zones from one Unix time to another, linear between updates.
  [[nodiscard]] double joules_between(double from_unix_s, double to_unix_s) {
    return joules_at(to_unix_s) - joules_at(from_unix_s);
  }
  /// Longest time between two updates so far: how late a reader's value can be.
  [[nodiscard]] double longest_step_s() {
    const std::lock_guard<std::mutex> lock(mutex_);
    double longest = 0;
    for (std::size_t i = 1; i < history_.size(); ++i) {
      longest = std::max(longest, history_[i].first - history_[i - 1].first);
    }
    return longest;
  }

 private:
  static double unix_s() {
    using namespace std::chrono;
    return duration<double>(system_clock::now().time_since_epoch()).count();
  }
  double joules_at(double time_s) {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (std::size_t i = 1; i < history_.size(); ++i) {
      if (history_[i].first < time_s) continue;
      const auto& [t0, e0] = history_[i - 1];
      const auto& [t1, e1] = history_[i];
      return e0 + (e1 - e0) * (time_s - t0) / (t1 - t0);
    }
    return history_.back().second;
  }
  void run() {
    double last = unix_s();
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      history_.emplace_back(last, 0);
    }
    while (!stop_) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      const bool busy = busy_();
      const double now = unix_s();
      double all = 0;
      for (std::size_t i = 0; i < zones_.size(); ++i) {
        joules_[i] += (busy ? zones_[i].busy_W : zones_[i].idle_W) * (now - last);
        tree_.set_joules(zones_[i].folder, joules_[i]);
        all += joules_[i];
      }
      const std::lock_guard<std::mutex> lock(mutex_);
      history_.emplace_back(now, all);
      last = now;
    }
  }

  const FakePowercap& tree_;
  std::vector<Zone> zones_;
  std::function<bool()> busy_;
  std::vector<double> joules_;
  std::mutex mutex_;
  std::vector<std::pair<double, double>> history_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

/// Whether a process computes: it took CPU time in at least one of the last 100 calls or so. A
/// machine with other work on it gives a process its turn within that time.
class ProcessIsBusy {
 public:
  /// `beside_this_thread`: the process is the caller's, whose own time does not count.
  explicit ProcessIsBusy(pid_t pid, bool beside_this_thread = false)
      : beside_this_thread_(beside_this_thread) {
    known_ = ::clock_getcpuclockid(pid, &clock_) == 0;
  }
  bool operator()() {
    timespec time{};
    if (!known_ || ::clock_gettime(clock_, &time) != 0) return false;
    const auto now = std::chrono::steady_clock::now();
    double cpu_s = seconds_of(time);
    if (beside_this_thread_ && ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0) {
      cpu_s -= seconds_of(time);
    }
    samples_.emplace_back(now, cpu_s);
    while (now - samples_.front().first > std::chrono::milliseconds(100)) samples_.pop_front();
    const double seconds = std::chrono::duration<double>(now - samples_.front().first).count();
    return cpu_s - samples_.front().second > 0.04 * seconds;
  }

 private:
  static double seconds_of(const timespec& time) {
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  }

  clockid_t clock_{};
  bool beside_this_thread_ = false;
  bool known_ = false;
  std::deque<std::pair<std::chrono::steady_clock::time_point, double>> samples_;
};

}  // namespace jb::test
