#pragma once
// The one exception type of the project. A message is one clear sentence: what, where, how to fix.

#include <fmt/core.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace jb {

/// Exit codes that an error can end the program with (see `joulebench --help`).
enum class ErrorCode : int {
  usage = 2,           ///< bad flag, file, model, preset, record or environment
  not_available = 4,   ///< a required measurement is not available
  not_comparable = 6,  ///< inputs that must not be compared
  internal = 70,       ///< a defect of joulebench itself
};

class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

/// Throws an Error with ErrorCode::usage; arguments as for fmt::format.
template <class... Args>
[[noreturn]] void fail_usage(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(ErrorCode::usage, fmt::format(format, std::forward<Args>(args)...));
}

/// A usage error about something that is well-formed and not supported here: an operator, a type, a
/// version. Checks of conformance tell it from a defect.
class Unsupported : public Error {
 public:
  explicit Unsupported(const std::string& message) : Error(ErrorCode::usage, message) {}
};

/// Throws Unsupported; arguments as for fmt::format.
template <class... Args>
[[noreturn]] void fail_unsupported(fmt::format_string<Args...> format, Args&&... args) {
  throw Unsupported(fmt::format(format, std::forward<Args>(args)...));
}

/// Throws an Error with ErrorCode::internal; arguments as for fmt::format.
template <class... Args>
[[noreturn]] void fail_internal(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(ErrorCode::internal, fmt::format(format, std::forward<Args>(args)...));
}

/// A "no" with its reason, as a value: points that cannot run say why and the run goes on.
struct Support {
  bool ok = true;
  std::string reason;

  static Support yes() { return {}; }
  static Support no(std::string why) { return {false, std::move(why)}; }
  explicit operator bool() const noexcept { return ok; }
};

}  // namespace jb
