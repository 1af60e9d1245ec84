// A stub of libnvidia-ml.so: the functions that meters bind, with the documented meanings, over a
// board whose power a test sets. The energy counter is published every 10 ms, in mJ.

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <mutex>

#include "tests/fakes/fake_nvml.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kSuccess = 0;
constexpr int kInvalidArgument = 2;
constexpr int kNotSupported = 3;
constexpr int kInsufficientSize = 7;
constexpr int kGpuIsLost = 15;
constexpr double kPeriod_s = 0.01;

jb::test::FakeNvmlState state;
int board;  // its address is the handle

std::mutex mutex;
Clock::time_point last = Clock::now();
Clock::time_point published_at = Clock::now();
double energy_mJ = 5e6;  // since the driver was loaded
unsigned long long published_mJ = 5000000;
double power_before_mW = 60000;

void advance() {
  const Clock::time_point now = Clock::now();
  // Power as it was set when last looked at: tests look often.
  energy_mJ += power_before_mW * std::chrono::duration<double>(now - last).count() *
               (state.counter_stuck ? 0.0 : state.counter_gain.load());
  last = now;
  power_before_mW = state.power_mW;
  if (std::chrono::duration<double>(now - published_at).count() < kPeriod_s) return;
  published_at = now;
  published_mJ = static_cast<unsigned long long>(energy_mJ);
}

int copy(char* out, unsigned length, const char* text) {
  if (std::strlen(text) >= length) return kInsufficientSize;
  std::strcpy(out, text);
  return kSuccess;
}

int ok(void* device) {
  if (device != &board) return kInvalidArgument;
  return state.lost ? kGpuIsLost : kSuccess;
}

}  // namespace

extern "C" {

struct ProcessInfo {
  unsigned pid;
  unsigned long long memory;
  unsigned gpu_instance;
  unsigned compute_instance;
};

jb::test::FakeNvmlState* fake_nvml_state() { return &state; }

int nvmlInit_v2() { return state.init_code; }
int nvmlShutdown() { return kSuccess; }
const char* nvmlErrorString(int code) {
  return code == kGpuIsLost      ? "GPU is lost"
         : code == kNotSupported ? "Not Supported"
         : code == 9             ? "Driver Not Loaded"
                                 : "Unknown Error";
}
int nvmlSystemGetDriverVersion(char* out, unsigned length) { return copy(out, length, "555.42"); }
int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = state.boards;
  return kSuccess;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  if (index >= state.boards) return kInvalidArgument;
  *device = &board;
  return kSuccess;
}
int nvmlDeviceGetName(void* device, char* out, unsigned length) {
  const int code = ok(device);
  return code != kSuccess ? code : copy(out, length, "Stub H100");
}
int nvmlDeviceGetTotalEnergyConsumption(void* device, unsigned long long* energy) {
  const std::lock_guard<std::mutex> lock(mutex);
  advance();
  *energy = published_mJ;
  return ok(device);
}
int nvmlDeviceGetPowerUsage(void* device, unsigned* power) {
  const std::lock_guard<std::mutex> lock(mutex);
  advance();
  *power = state.power_mW;
  return ok(device);
}
int nvmlDeviceGetEnforcedPowerLimit(void* device, unsigned* limit) {
  *limit = state.limit_mW;
  return ok(device);
}
int nvmlDeviceGetClockInfo(void* device, unsigned type, unsigned* clock) {
  if (type != 1) return kInvalidArgument;
  *clock = state.clock_MHz;
  return ok(device);
}
int nvmlDeviceGetTemperature(void* device, unsigned sensor, unsigned* degrees) {
  if (sensor != 0) return kInvalidArgument;
  *degrees = state.temperature_C;
  return ok(device);
}
int nvmlDeviceGetCurrentClocksThrottleReasons(void* device, unsigned long long* reasons) {
  *reasons = state.throttle;
  return ok(device);
}
int nvmlDeviceGetMigMode(void* device, unsigned* current, unsigned* pending) {
  *current = *pending = state.mig;
  return ok(device);
}
int nvmlDeviceGetComputeRunningProcesses_v3(void* device, unsigned* count, ProcessInfo* list) {
  const unsigned pids[] = {static_cast<unsigned>(::getpid()), state.other_pid.load()};
  const unsigned there = pids[1] != 0 ? 2 : 1;
  if (*count < there) return kInsufficientSize;
  for (unsigned i = 0; i < there; ++i) list[i] = {pids[i], 1 << 20, ~0U, ~0U};
  *count = there;
  return ok(device);
}

}  // extern "C"
