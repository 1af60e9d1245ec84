#include "harness/cli/run_session.h"

#include <fmt/core.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <thread>

#include "backends/core/error.h"
#include "backends/core/text.h"
#include "harness/cli/app.h"
#include "harness/cli/output.h"
#include "harness/cli/progress.h"
#include "results/journal.h"

namespace jb::harness::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kGrace{2000};
constexpr std::chrono::milliseconds kPoll{50};

std::string resume_hint(const fs::path& directory) {
  return fmt::format("go on with 'joulebench run --resume {}'", directory.string());
}

/// Ends the program when an interruption was asked for and the point in work goes on and on.
class Watchdog {
 public:
  explicit Watchdog(const InterruptGuard& guard) : guard_(guard), thread_([this] { watch(); }) {}
  ~Watchdog() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  void set_directory(const fs::path& directory) {
    const std::lock_guard<std::mutex> lock(mutex_);
    directory_ = directory;
  }

 private:
  void watch() {
    std::unique_lock<std::mutex> lock(mutex_);
    auto since = std::chrono::steady_clock::now();
    while (!ended_) {
      changed_.wait_for(lock, kPoll);
      const auto now = std::chrono::steady_clock::now();
      if (!guard_.interrupted()) since = now;
      if (ended_ || now - since < kGrace) continue;
      mark_interrupted(directory_);
      say(fmt::format("interrupted in the middle of a point, which has no record yet; {}",
                      resume_hint(directory_)));
      std::fflush(nullptr);
      std::_Exit(kInterrupted);  // other threads are computing: nothing of theirs may be torn down
    }
  }

  const InterruptGuard& guard_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
  fs::path directory_;
  std::thread thread_;
};

RunResult run_with_progress(const RunRequest& request, const RunFlags& flags, Metering* metering) {
  ProgressDisplay progress(progress_style_from(flags.progress, flags.quiet));
  const InterruptGuard guard;
  Watchdog watchdog(guard);
  if (metering != nullptr) metering->stop = [&guard] { return guard.interrupted(); };
  RunResult result = run_into_folder(request, [&](const RunProgress& now) {
    if (now.directory != nullptr) watchdog.set_directory(*now.directory);
    progress.update(now);
    return !guard.interrupted();
  });
  progress.finish();
  return result;
}

void show_result(const RunResult& result, const RunFlags& flags) {
  if (!result.records.empty()) {
    show_records(result.records, flags);
    return;
  }
  const std::size_t records = result.summary.all();
  if (records == 0) return;
  if (flags.json) {
    results::read_journal(result.directory / "records.jsonl", [](results::Record&& record) {
      print(results::to_json(record).dump() + "\n");
    });
  } else if (!flags.quiet) {
    print(fmt::format("{} records, too many for a table here: {} ok, {} failed, {} not run\n",
                      records, result.summary.ok, result.summary.failed, result.summary.not_run));
  }
}

}  // namespace

bool resumes_as_started(const RunFlags& flags) {
  const PointFlags& points = flags.points;
  return !flags.resume.empty() && flags.suite.empty() && points.values.empty() &&
         points.set.empty() && points.axes.empty() && points.filter.empty() &&
         points.excludes.empty() && flags.shard.empty();
}

std::vector<std::string> arguments_of_run(const RunFlags& flags, const std::string& verb) {
  const std::vector<std::string> command = command_of_run(flags.resume);
  if (command[1] != verb) {
    fail_usage("--resume: the run in '{}' was started by 'joulebench {}'; resume it with that verb",
               flags.resume, command[1]);
  }
  return {command.begin() + 2, command.end()};
}

void keep_output_flags(const RunFlags& now, RunFlags& started) {
  started.resume = now.resume;
  started.directory = now.directory;
  started.force = now.force;
  started.json = now.json;
  started.dry_run = now.dry_run;
  started.quiet = now.quiet;
  started.verbose = now.verbose;
  started.strict = now.strict;
  started.progress = now.progress;
  started.color = now.color;
  if (!now.cache.empty()) started.cache = now.cache;
  // "auto" has done its part: the folder is of one shard wherever it is resumed.
  const Shard shard = shard_of_run(now.resume);
  started.shard = shard.whole() ? "" : fmt::format("{}/{}", shard.index, shard.count);
}

void set_folder(const RunFlags& flags, RunRequest& request) {
  request.directory = flags.directory;
  request.force = flags.force;
  if (flags.resume.empty()) return;
  if (!flags.directory.empty() &&
      fs::path(flags.directory).lexically_normal() != fs::path(flags.resume).lexically_normal()) {
    fail_usage("-o {} and --resume {} name two folders; drop -o", flags.directory, flags.resume);
  }
  if (flags.force) fail_usage("--force replaces a run and --resume goes on with it; give one");
  request.directory = flags.resume;
  request.resume = true;
}

int run_session(const RunRequest& request, const RunFlags& flags,
                const std::shared_ptr<Metering>& metering) {
  const RunResult result = run_with_progress(request, flags, metering.get());
  show_result(result, flags);
  flush_output();
  for (const std::string& found : result.searches) say(found);
  if (result.interrupted) {
    if (!result.trouble.empty()) say(result.trouble);
    say(fmt::format("interrupted: {} of {} points are in {}; {}", result.summary.all(),
                    request.shard.whole()
                        ? request.points.size()
                        : (request.points.size() + request.shard.count - 1 - request.shard.index) /
                              request.shard.count,
                    result.directory.string(), resume_hint(result.directory)));
    return kInterrupted;
  }
  if (!flags.quiet) say(fmt::format("wrote {}", result.directory.string()));
  check_measured(flags.energy, result.records);
  // More shards than points: this one has nothing to do.
  if (result.summary.all() == 0 && !request.shard.whole()) return kDone;
  const int code = exit_code_of(result.summary, flags.strict);
  return code == kDone && result.target_missed ? kSomeFailed : code;
}

}  // namespace jb::harness::cli
