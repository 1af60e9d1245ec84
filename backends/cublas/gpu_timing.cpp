#include "backends/cublas/gpu_timing.h"

#include <algorithm>
#include <cmath>

#include "backends/cublas/device_buffer.h"

namespace jb::cublas {
namespace {

constexpr std::int64_t kMostProducts = std::int64_t{1} << 20;  // of one repetition
// Writing 256 MiB takes some 50 us at 5 TB/s, longer than the host needs to enqueue a product.
constexpr std::int64_t kLeastFlushBytes = std::int64_t{256} << 20;

class Stopwatch {
 public:
  Stopwatch(std::shared_ptr<Gpu> gpu, const std::function<void()>& enqueue, bool cold)
      : gpu_(std::move(gpu)), enqueue_(enqueue) {
    if (!cold) return;
    const GpuProperties& properties = gpu_->properties();
    const std::int64_t wanted = std::max(2 * properties.l2_bytes, kLeastFlushBytes);
    const std::int64_t bytes =
        std::max(properties.l2_bytes, std::min(wanted, properties.memory_bytes / 8));
    flush_ = DeviceBuffer(gpu_, static_cast<std::size_t>(std::max<std::int64_t>(1, bytes)),
                          "the buffer that empties the cache");
  }

  // Seconds of `products` repetitions.
  double run(std::int64_t products) {
    if (flush_.data() == nullptr) return interval(products);
    double sum = 0;
    for (std::int64_t i = 0; i < products; ++i) {
      gpu_->fill(flush_.data(), static_cast<std::uint8_t>(i), flush_.bytes());
      sum += interval(1);
    }
    return sum;
  }

 private:
  double interval(std::int64_t products) {
    gpu_->start_clock();
    for (std::int64_t i = 0; i < products; ++i) enqueue_();
    return gpu_->stop_clock();
  }

  std::shared_ptr<Gpu> gpu_;
  const std::function<void()>& enqueue_;
  DeviceBuffer flush_;
};

}  // namespace

DeviceTimes time_by_events(const std::shared_ptr<Gpu>& gpu, const std::function<void()>& enqueue,
                           const DeviceTimingOptions& options) {
  if (!(options.min_time_s >= 0) || !(options.warmup_s >= 0) || options.repetitions < 1) {
    fail_usage("timing needs at least one repetition, and times that are not negative");
  }
  Stopwatch stopwatch(gpu, enqueue, options.cold_caches);
  // The warm-up doubles the number of products until it is long enough; its last step tells how
  // long one takes.
  std::int64_t products = 1;
  double spent = 0;
  double one = 0;
  while (true) {
    const double seconds = stopwatch.run(products);
    spent += seconds;
    one = seconds / static_cast<double>(products);
    if (spent >= options.warmup_s || products >= kMostProducts) break;
    products *= 2;
  }
  DeviceTimes times;
  const double wanted = one > 0 ? std::ceil(options.min_time_s / one) : 1;
  times.iterations =
      static_cast<std::int64_t>(std::clamp(wanted, 1.0, static_cast<double>(kMostProducts)));
  for (int i = 0; i < options.repetitions; ++i) {
    times.times_s.push_back(stopwatch.run(times.iterations) /
                            static_cast<double>(times.iterations));
  }
  times.clock = options.cold_caches ? "GPU events, caches emptied before each product"
                                    : "GPU events, products back to back";
  return times;
}

}  // namespace jb::cublas
