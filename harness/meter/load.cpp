#include "harness/meter/load.h"

#include <array>
#include <thread>
#include <vector>

#include "backends/backend.h"
#include "backends/core/threads.h"

namespace jb::harness::meter {
namespace {

/// Independent multiply-adds in registers and the first-level cache.
double burn(const std::atomic<bool>& stop) {
  std::array<double, 512> values{};
  values.fill(1);
  while (!stop) {
    for (int round = 0; round < 64; ++round) {
      for (double& value : values) value = value * 0.999 + 0.001;
    }
  }
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

void load_cpu(const std::atomic<bool>& stop, const std::function<void()>& started) {
  std::vector<std::thread> threads;
  std::vector<double> sums(static_cast<std::size_t>(available_threads()));  // keeps the work alive
  for (double& sum : sums) threads.emplace_back([&sum, &stop] { sum = burn(stop); });
  started();
  for (std::thread& thread : threads) thread.join();
}

void load_gpu(const std::atomic<bool>& stop, const std::function<void()>& started) {
  constexpr std::int64_t kSize = 4096;
  const Backend& backend = find_backend("cublas");
  const auto device = backend.open(load_device(backend, backend.info().default_device), {});
  const Matrix<float> a(kSize, kSize);
  const Matrix<float> b(kSize, kSize);
  Matrix<float> c(kSize, kSize);
  const GemmShape shape{kSize, kSize, kSize};
  const auto plan =
      device->plan(shape, ConstMatrixRef(b.view()), OperandMode::stationary, PlanOptions{});
  plan->execute(ConstMatrixRef(a.view()), MatrixRef(c.view()));
  started();
  while (!stop) {
    if (!plan->time_on_device({0.1, 0, 1, false})) {
      plan->execute(ConstMatrixRef(a.view()), MatrixRef(c.view()));
    }
  }
}

}  // namespace

Load load_of(Machine machine) {
  if (machine != Machine::gpu) return {load_cpu, ""};
  for (const Backend* backend : backends()) {
    if (backend->info().id != "cublas") continue;
    if (const Support available = backend->available(); !available) {
      return {nullptr,
              "the cublas backend, which would load the GPU, is unavailable: " + available.reason};
    }
    return {load_gpu, ""};
  }
  return {nullptr, "this program has no backend that runs on a GPU"};
}

}  // namespace jb::harness::meter
