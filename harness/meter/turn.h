#pragma once
// Jobs that take turns: each runs on a thread of its own, one at a time, and gives its turn away
// where it chooses. That is how the windows of two points are interleaved while each point's run
// stays one piece of code.

#include <exception>
#include <functional>
#include <semaphore>
#include <thread>
#include <utility>

namespace jb::harness::meter {

class Turn {
 public:
  /// The job begins with the first resume().
  explicit Turn(std::function<void(Turn&)> job) : job_(std::move(job)) {}
  /// A job that has not ended is unwound: its pass() does not return.
  ~Turn();
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  /// Lets the job run until it passes or ends; false once it has ended. Throws what it threw.
  bool resume();
  /// By the job: waits for the next resume().
  void pass();

 private:
  struct Abandoned {};  // no std::exception, so that nobody takes it for an error
  void work();

  std::function<void(Turn&)> job_;
  std::thread thread_;
  std::binary_semaphore to_job_{0};
  std::binary_semaphore to_owner_{0};
  std::exception_ptr error_;
  bool ended_ = false;
  bool abandoned_ = false;
};

}  // namespace jb::harness::meter
