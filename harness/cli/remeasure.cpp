#include "harness/cli/remeasure.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "backends/core/error.h"
#include "backends/core/text.h"
#include "harness/cli/output.h"
#include "results/journal.h"
#include "results/record.h"

namespace jb::harness::cli {

namespace {

constexpr std::size_t kMostOutput = std::size_t{16} << 20U;

/// Runs a program without a shell; its standard output, or nothing when it failed.
std::optional<std::string> output_of(const std::vector<std::string>& command) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail_usage("no pipe: {}", std::strerror(errno));
  const pid_t child = ::fork();
  if (child < 0) fail_usage("cannot start '{}': {}", command.front(), std::strerror(errno));
  if (child == 0) {
    const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(nothing, STDERR_FILENO);
    ::dup2(ends[1], STDOUT_FILENO);
    std::vector<char*> argv;
    for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  std::string text;
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t got = ::read(ends[0], buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    if (text.size() < kMostOutput) text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return std::nullopt;
  return text;
}

/// A folder for runs that is removed again.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "joulebench-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      fail_usage("cannot make a temporary folder: {}", std::strerror(errno));
    }
    path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// One run of one program; its record.
std::optional<results::Record> measure(const std::string& program, std::vector<std::string> words,
                                       const std::filesystem::path& folder) {
  words.front() = program;
  words.insert(words.end(), {"-o", folder.string(), "--quiet"});
  if (!output_of(words)) return std::nullopt;
  std::vector<results::Record> records = results::load_results(folder);
  if (records.size() != 1 || records.front().status != results::Status::ok) return std::nullopt;
  return std::move(records.front());
}

/// Appends the samples of a run to those of the runs before it.
void pool(const results::Record& run, std::optional<results::Record>& pooled) {
  if (!pooled) {
    pooled = run;
    return;
  }
  for (const char* key : {"times_s", "energies_J"}) {
    const auto more = run.measurement.find(key);
    if (more == run.measurement.end() || !more->is_array()) continue;
    Json& samples = pooled->measurement[key];
    for (const Json& value : *more) samples.push_back(value);
  }
}

/// What both programs, run turn by turn, say of a metric now; nothing when one did not run.
std::optional<results::Difference> measured_again(const results::Difference& suspect,
                                                  const results::CompareOptions& options,
                                                  const Remeasurement& how) {
  const std::vector<std::string> words = words_of_repro(suspect.repro);
  const ScratchFolder scratch;
  std::optional<results::Record> base;
  std::optional<results::Record> now;
  for (int round = 0; round < how.rounds; ++round) {
    // Who goes first alternates too: what a run leaves behind (heat, caches) meets both.
    for (int turn = 0; turn < 2; ++turn) {
      const bool is_base = (round + turn) % 2 == 0;
      const auto record =
          measure(is_base ? how.base_program : how.new_program, words,
                  scratch.path() / fmt::format("{}{}", is_base ? "base" : "new", round));
      if (!record) return std::nullopt;
      pool(*record, is_base ? base : now);
    }
  }
  // Versions of the definition of a point may differ between programs; these two are compared.
  now->point = base->point;
  now->point_id = base->point_id;
  const results::Comparison again = results::compare({*base}, {*now}, options);
  for (const results::Difference& d : again.differences) {
    if (d.metric == suspect.metric) return d;
  }
  results::Difference same;
  same.verdict = results::Verdict::same;
  return same;
}

}  // namespace

std::vector<std::string> words_of_repro(const std::string& repro) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  bool quoted = false;
  for (std::size_t i = 0; i < repro.size(); ++i) {
    const char c = repro[i];
    if (quoted) {
      if (c == '\'') {
        quoted = false;
      } else {
        word += c;
      }
    } else if (c == '\'') {
      quoted = in_word = true;
    } else if (c == '\\' && i + 1 < repro.size()) {
      word += repro[++i];
      in_word = true;
    } else if (c == ' ') {
      if (in_word) words.push_back(word);
      word.clear();
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (in_word) words.push_back(word);
  if (quoted || words.size() < 2 || words[0] != "joulebench" || words[1] != "run") {
    fail_usage("the repro line '{}' is no 'joulebench run' command", repro);
  }
  return words;
}

void confirm_regressions(results::Comparison& comparison, const results::CompareOptions& options,
                         const Remeasurement& how) {
  for (results::Difference& d : comparison.differences) {
    if (!d.fails || d.verdict != results::Verdict::worse || d.repro.empty()) continue;
    say(fmt::format("measuring again, {} rounds: {} {}", how.rounds, d.label, d.metric));
    const auto again = measured_again(d, options, how);
    if (!again) {
      d.note += "; could not be measured again here";
      continue;
    }
    if (again->verdict == results::Verdict::worse) {
      d.note += fmt::format("; confirmed, interleaved: {}", again->note);
      continue;
    }
    d.note += fmt::format("; not confirmed, interleaved: {}{}{}", name_of(again->verdict),
                          again->note.empty() ? "" : ", ", again->note);
    d.fails = false;
    d.verdict = again->verdict == results::Verdict::same ? results::Verdict::not_gated
                                                         : results::Verdict::inconclusive;
    --comparison.failing;
    ++(d.verdict == results::Verdict::not_gated ? comparison.not_gated : comparison.inconclusive);
    for (results::PointVerdict& point : comparison.points) {
      if (point.point_id != d.point_id) continue;
      point.fails = false;
      for (const results::Difference& other : comparison.differences) {
        point.fails = point.fails || (other.point_id == d.point_id && other.fails);
      }
      if (!point.fails) point.verdict = d.verdict;
    }
  }
}

}  // namespace jb::harness::cli
