// The installed program. The only place where errors are caught: an Error ends the program with its
// own code, anything else is a defect of joulebench (70). Both say one sentence on stderr.

#include <exception>
#include <new>

#include "backends/core/error.h"
#include "harness/cli/app.h"
#include "harness/cli/output.h"

int main(int argc, char** argv) {
  constexpr int kInternal = static_cast<int>(jb::ErrorCode::internal);
  try {
    const int code = jb::harness::cli::run_command_line(argc, argv);
    jb::harness::cli::flush_output();
    return code;
  } catch (const jb::Error& error) {
    jb::harness::cli::say(error.what());
    return static_cast<int>(error.code());
  } catch (const std::bad_alloc&) {
    jb::harness::cli::say("out of memory; choose smaller sizes or use 'joulebench estimate'");
    return kInternal;
  } catch (const std::exception& error) {
    jb::harness::cli::say(fmt::format("internal error: {}", error.what()));
    return kInternal;
  }
}
