#include "backends/core/threads.h"

#include <sched.h>

#include <Eigen/Core>
#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace jb {
namespace {

std::atomic<int> g_threads{0};
thread_local bool t_inside = false;

/// Pieces are handed out in order; which thread takes a piece does not change what it computes.
class PieceQueue {
 public:
  PieceQueue(std::int64_t count, std::int64_t grain,
             FunctionRef<void(std::int64_t, std::int64_t)> body)
      : count_(count), grain_(grain), body_(body) {}

  void work() noexcept {
    t_inside = true;
    for (;;) {
      const std::int64_t begin = next_.fetch_add(grain_, std::memory_order_relaxed);
      if (begin >= count_) break;
      try {
        body_(begin, std::min(begin + grain_, count_));
      } catch (...) {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!error_) error_ = std::current_exception();
      }
    }
    t_inside = false;
  }

  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::int64_t count_;
  std::int64_t grain_;
  FunctionRef<void(std::int64_t, std::int64_t)> body_;
  std::atomic<std::int64_t> next_{0};
  std::mutex mutex_;
  std::exception_ptr error_;
};

void run_on(int threads, PieceQueue& queue) {
#ifdef _OPENMP
#pragma omp parallel num_threads(threads)
  queue.work();
#else
  std::vector<std::thread> others;
  others.reserve(static_cast<std::size_t>(threads - 1));
  try {
    for (int i = 1; i < threads; ++i) others.emplace_back([&queue] { queue.work(); });
  } catch (const std::system_error&) {
    // The system gives no more threads: those that there are take all pieces.
  }
  queue.work();
  for (std::thread& thread : others) thread.join();
#endif
}

}  // namespace

int available_threads() noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    const int n = CPU_COUNT(&set);
    if (n > 0) return n;
  }
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void set_thread_count(int threads) {
  threads = std::max(1, threads);
  g_threads = threads;
  Eigen::setNbThreads(threads);
#ifdef _OPENMP
  omp_set_num_threads(threads);
#endif
}

int thread_count() noexcept {
  const int threads = g_threads.load();
  return threads > 0 ? threads : available_threads();
}

void parallel_for(std::int64_t count, std::int64_t grain,
                  FunctionRef<void(std::int64_t, std::int64_t)> body) {
  if (count <= 0) return;
  grain = std::max<std::int64_t>(1, grain);
  const std::int64_t pieces = (count + grain - 1) / grain;
  const int threads = static_cast<int>(std::min<std::int64_t>(thread_count(), pieces));
  if (threads <= 1 || t_inside) {
    for (std::int64_t begin = 0; begin < count; begin += grain) {
      body(begin, std::min(begin + grain, count));
    }
    return;
  }
  PieceQueue queue(count, grain, body);
  run_on(threads, queue);
  queue.rethrow();
}

}  // namespace jb
