#pragma once
// A run into a folder as a user sees it: progress, interruption, the table, the exit code.

#include <memory>
#include <string>
#include <vector>

#include "harness/cli/output_flags.h"
#include "harness/metering.h"
#include "harness/run_folder.h"

namespace jb::harness::cli {

/// True for `--resume DIR` without anything that names points: the run's own command does.
bool resumes_as_started(const RunFlags& flags);

/// The arguments, after the verb, of the command that started the run in flags.resume. Usage error
/// when another verb started it.
std::vector<std::string> arguments_of_run(const RunFlags& flags, const std::string& verb);

/// Takes what the command line says now about output over what it said when the run began.
void keep_output_flags(const RunFlags& now, RunFlags& started);

/// Sets folder, resume and force of `request`; usage error when -o and --resume contradict.
void set_folder(const RunFlags& flags, RunRequest& request);

/// Runs, shows what came out, and returns the exit code. Interruption: see InterruptGuard; a point
/// that does not end within two seconds is given up, for its record is not written yet.
/// `metering` is that of the request, to be stopped with it; null when nothing is metered.
int run_session(const RunRequest& request, const RunFlags& flags,
                const std::shared_ptr<Metering>& metering = nullptr);

}  // namespace jb::harness::cli
