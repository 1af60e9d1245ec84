// Loaded before libc (LD_PRELOAD): the n-th write, fsync, rename or ftruncate on a file below
// $FAULT_FOLDER goes wrong.
//   FAULT_KIND=kill       the process is killed before it
//   FAULT_KIND=kill_half  the process is killed after it; a write has written half of its bytes
//   FAULT_KIND=full       from there on the disk is full: half of the first write, then ENOSPC

#include <dlfcn.h>
#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

enum class Fault { none, kill, kill_half, full, full_already };

std::atomic<long> g_events{0};

bool below_folder(const char* path) {
  const char* folder = std::getenv("FAULT_FOLDER");
  return folder != nullptr && path != nullptr &&
         std::strncmp(path, folder, std::strlen(folder)) == 0;
}

bool below_folder(int fd) {
  char link[64];
  char path[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = ::readlink(link, path, sizeof path - 1);
  if (length <= 0) return false;
  path[length] = '\0';
  return below_folder(path);
}

Fault next_fault() {
  const char* at = std::getenv("FAULT_AT");
  const char* kind = std::getenv("FAULT_KIND");
  if (at == nullptr || kind == nullptr) return Fault::none;
  const long event = ++g_events;
  const long wanted = std::atol(at);
  const bool full = std::strcmp(kind, "full") == 0;
  if (full && event > wanted) return Fault::full_already;
  if (event != wanted) return Fault::none;
  if (full) return Fault::full;
  return std::strcmp(kind, "kill") == 0 ? Fault::kill : Fault::kill_half;
}

[[noreturn]] void die() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

template <class Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

/// Calls that change no bytes: fsync, rename, ftruncate.
template <class Call>
int small_call(bool counted, Call call) {
  const Fault fault = counted ? next_fault() : Fault::none;
  if (fault == Fault::kill) die();
  if (fault == Fault::full || fault == Fault::full_already) {
    errno = ENOSPC;
    return -1;
  }
  const int result = call();
  if (fault == Fault::kill_half) die();
  return result;
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* bytes, size_t count) {
  static const auto next = real<ssize_t (*)(int, const void*, size_t)>("write");
  const Fault fault = below_folder(fd) ? next_fault() : Fault::none;
  if (fault == Fault::kill) die();
  if (fault == Fault::full_already || (fault == Fault::full && count < 2)) {
    errno = ENOSPC;
    return -1;
  }
  if (fault == Fault::none) return next(fd, bytes, count);
  const ssize_t written = next(fd, bytes, count / 2);
  if (fault == Fault::kill_half) die();
  return written;
}

int fsync(int fd) {
  static const auto next = real<int (*)(int)>("fsync");
  return small_call(below_folder(fd), [&] { return next(fd); });
}

// Cutting a file is what a full disk still allows.
int ftruncate(int fd, off_t length) noexcept {
  static const auto next = real<int (*)(int, off_t)>("ftruncate");
  const char* kind = std::getenv("FAULT_KIND");
  const bool full = kind != nullptr && std::strcmp(kind, "full") == 0;
  return small_call(!full && below_folder(fd), [&] { return next(fd, length); });
}

int rename(const char* from, const char* to) noexcept {
  static const auto next = real<int (*)(const char*, const char*)>("rename");
  return small_call(below_folder(to), [&] { return next(from, to); });
}

}  // extern "C"
