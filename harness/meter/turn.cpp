#include "harness/meter/turn.h"

namespace jb::harness::meter {

void Turn::work() {
  to_job_.acquire();
  try {
    if (!abandoned_) job_(*this);
  } catch (const Abandoned&) {
  } catch (...) {
    error_ = std::current_exception();
  }
  ended_ = true;
  to_owner_.release();
}

bool Turn::resume() {
  if (ended_) return false;
  if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  to_job_.release();
  to_owner_.acquire();
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  return !ended_;
}

void Turn::pass() {
  to_owner_.release();
  to_job_.acquire();
  if (abandoned_) throw Abandoned{};
}

Turn::~Turn() {
  if (!thread_.joinable()) return;
  if (!ended_) {
    abandoned_ = true;
    to_job_.release();
    to_owner_.acquire();
  }
  thread_.join();
}

}  // namespace jb::harness::meter
