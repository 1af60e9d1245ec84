#include "harness/ordered_pool.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "backends/core/threads.h"

namespace jb::harness {
namespace {

// Enough for a thread to go on while another computes a point that takes as long as these together.
constexpr std::size_t kAheadPerThread = 32;

class OrderedPool {
 public:
  OrderedPool(std::size_t count, int threads, const RecordJob& job)
      : count_(count), window_(kAheadPerThread * static_cast<std::size_t>(threads)), job_(job) {
    workers_.reserve(static_cast<std::size_t>(threads));
    for (int i = 0; i < threads; ++i) {
      workers_.emplace_back([this, threads] { work(threads); });
    }
  }

  ~OrderedPool() {
    stop();
    for (std::thread& worker : workers_) worker.join();
  }
  OrderedPool(const OrderedPool&) = delete;
  OrderedPool& operator=(const OrderedPool&) = delete;

  /// Results that follow those taken; waits for one; empty when there are no more.
  std::vector<results::Record> next() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] {
      return error_ || done_.count(taken_) != 0 || taken_ == (stopped_ ? begun_ : count_);
    });
    if (error_) std::rethrow_exception(error_);
    std::vector<results::Record> ready;
    for (auto at = done_.find(taken_); at != done_.end(); at = done_.find(taken_)) {
      ready.push_back(std::move(at->second));
      done_.erase(at);
      ++taken_;
    }
    changed_.notify_all();
    return ready;
  }

  void stop() {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }

 private:
  // OpenMP keeps a number of threads for each thread that asks: every worker says one, and none
  // computes before all have said so, because Eigen's number is one for all.
  void work(int threads) {
    std::unique_lock<std::mutex> lock(mutex_);
    set_thread_count(1);
    ++ready_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return ready_ == threads || stopped_; });
    for (;;) {
      changed_.wait(lock, [this] {
        return stopped_ || error_ || begun_ == count_ || begun_ < taken_ + window_;
      });
      if (stopped_ || error_ || begun_ == count_) return;
      const std::size_t mine = begun_++;
      lock.unlock();
      results::Record record;
      std::exception_ptr error;
      try {
        record = job_(mine);
      } catch (...) {
        error = std::current_exception();
      }
      lock.lock();
      if (error && !error_) error_ = error;
      if (!error) done_.emplace(mine, std::move(record));
      changed_.notify_all();
    }
  }

  const std::size_t count_;
  const std::size_t window_;
  const RecordJob& job_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int ready_ = 0;
  std::size_t begun_ = 0;
  std::size_t taken_ = 0;
  bool stopped_ = false;
  std::exception_ptr error_;
  std::map<std::size_t, results::Record> done_;
  std::vector<std::thread> workers_;
};

}  // namespace

void run_in_order(std::size_t count, int threads, const RecordJob& job, const TakeRecords& take) {
  OrderedPool pool(count, std::max(1, threads), job);
  for (std::vector<results::Record> ready = pool.next(); !ready.empty(); ready = pool.next()) {
    if (!take(std::move(ready))) pool.stop();
  }
}

}  // namespace jb::harness
