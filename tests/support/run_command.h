#pragma once
// Runs the real program as a user would: fork, exec, both outputs, exit code.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace jb::test {

struct CommandResult {
  int exit_code = -1;  ///< 128 + signal when one ended it
  std::string out;
  std::string err;
};

struct CommandOptions {
  std::filesystem::path folder;                  ///< working folder; "" = the test's own
  std::map<std::string, std::string> variables;  ///< added to the environment
  /// Signal sent once `signal_after` has appeared on stderr; 0 = none.
  int signal = 0;
  std::string signal_after;
  std::function<void(pid_t)> started;  ///< told the process when it begins; may be empty
};

namespace detail {

// In the child: never returns.
[[noreturn]] inline void become(const std::vector<std::string>& command,
                                const CommandOptions& options, int out, int err) {
  // Nothing of the caller's terminal or habits may decide what the program prints.
  for (const char* name : {"COLUMNS", "NO_COLOR", "TERM", "OMP_NUM_THREADS"}) ::unsetenv(name);
  // Nor may the computer's meters, whose windows take their time.
  for (const char* name : {"JOULEBENCH_POWERCAP_DIR", "JOULEBENCH_HWMON_DIR",
                           "JOULEBENCH_EVENT_SOURCE_DIR", "JOULEBENCH_NVML_LIBRARY"}) {
    ::setenv(name, "/nonexistent/meter", 1);
  }
  ::unsetenv("JOULEBENCH_POWER_LOG");
  for (const auto& [name, value] : options.variables) ::setenv(name.c_str(), value.c_str(), 1);
  if (!options.folder.empty() && ::chdir(options.folder.c_str()) != 0) ::_exit(126);
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

inline bool drain(int fd, std::string& text) {
  std::array<char, 65536> buffer{};
  const ssize_t got = ::read(fd, buffer.data(), buffer.size());
  if (got > 0) text.append(buffer.data(), static_cast<std::size_t>(got));
  return got > 0 || (got < 0 && errno == EINTR);
}

}  // namespace detail

/// Runs a command (argv[0] is a path) to its end.
inline CommandResult run_command(const std::vector<std::string>& command,
                                 const CommandOptions& options = {}) {
  int out[2];
  int err[2];
  if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) {
    throw std::runtime_error("pipe failed");
  }
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) detail::become(command, options, out[1], err[1]);
  ::close(out[1]);
  ::close(err[1]);
  if (options.started) options.started(child);
  CommandResult result;
  bool out_open = true;
  bool err_open = true;
  bool signalled = options.signal == 0;
  while (out_open || err_open) {
    std::array<pollfd, 2> fds = {
        {{out_open ? out[0] : -1, POLLIN, 0}, {err_open ? err[0] : -1, POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) break;
    if (fds[0].revents != 0) out_open = detail::drain(out[0], result.out);
    if (fds[1].revents != 0) err_open = detail::drain(err[0], result.err);
    if (!signalled && result.err.find(options.signal_after) != std::string::npos) {
      ::kill(child, options.signal);
      signalled = true;
    }
  }
  ::close(out[0]);
  ::close(err[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

#ifdef JOULEBENCH_BINARY
/// Runs joulebench with these arguments.
inline CommandResult joulebench(std::vector<std::string> arguments,
                                const CommandOptions& options = {}) {
  arguments.insert(arguments.begin(), JOULEBENCH_BINARY);
  return run_command(arguments, options);
}
#endif

inline void write_file(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary);
  out << bytes;
  if (!out.flush()) throw std::runtime_error("cannot write " + path.string());
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// JSON values, one a line.
inline std::vector<nlohmann::json> json_lines(const std::string& text) {
  std::vector<nlohmann::json> values;
  for (const std::string& line : lines_of(text)) values.push_back(nlohmann::json::parse(line));
  return values;
}

/// Code points of the longest line.
inline int widest_line(const std::string& text) {
  int widest = 0;
  for (const std::string& line : lines_of(text)) {
    int width = 0;
    for (const char c : line) width += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
    widest = std::max(widest, width);
  }
  return widest;
}

}  // namespace jb::test
