#pragma once
// The one thread facility. It also sets the threads of oneDNN (through OpenMP) and of Eigen, so
// that a run uses exactly the number of threads it was told.

#include <cstdint>

#include "backends/core/function_ref.h"

namespace jb {

/// Cores this process may run on.
int available_threads() noexcept;

/// Threads that parallel_for, Eigen and OpenMP libraries use from now on; at least 1.
void set_thread_count(int threads);
int thread_count() noexcept;

/// Calls body(begin, end) for consecutive pieces of [0, count), each `grain` long (the last may be
/// shorter), on up to thread_count() threads. The cut into pieces depends on `grain` alone, never
/// on the number of threads: what a piece computes is the same for any thread count. An exception
/// thrown by a piece is rethrown here after all pieces have ended. Nested calls run serially.
void parallel_for(std::int64_t count, std::int64_t grain,
                  FunctionRef<void(std::int64_t begin, std::int64_t end)> body);

}  // namespace jb
