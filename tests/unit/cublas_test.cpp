// The backend 'cublas' as it is listed, on computers with and without CUDA.

#include <gtest/gtest.h>

#include <string>

#include "backends/backend.h"
#include "backends/energy/ledger.h"

namespace jb {
namespace {

TEST(Cublas, IsListedAndSaysWhyItCannotRun) {
  const Backend& backend = find_backend("cublas");
  EXPECT_EQ(backend.info().kind, "cmos");
  EXPECT_FALSE(backend.info().simulated);
  EXPECT_EQ(backend.info().precisions.front(), ElementType::f32);
  EXPECT_EQ(backend.info().default_device, "host-gpu");
  const Support support = backend.available();
  if (!support) {
    EXPECT_NE(support.reason.find("CUDA"), std::string::npos) << support.reason;
  }
}

TEST(Cublas, HostGpuOpensExactlyWhereTheBackendIsAvailable) {
  const Backend& backend = find_backend("cublas");
  const DeviceSpec spec = load_device(backend, "host-gpu");
  try {
    EXPECT_NE(backend.open(spec, {}), nullptr);
    EXPECT_TRUE(backend.available().ok);
  } catch (const Error& e) {
    EXPECT_FALSE(backend.available().ok);
    EXPECT_EQ(e.code(), ErrorCode::not_available);
    EXPECT_NE(std::string(e.what()).find("CUDA"), std::string::npos) << e.what();
  }
}

TEST(Cublas, NamedGpusCanBeEstimatedEverywhereAndRunNowhere) {
  const Backend& backend = find_backend("cublas");
  const GemmShape shape{64, 32, 16};
  const Matrix<float> b(shape.k, shape.n);
  for (const char* name : {"a100", "h100", "h200"}) {
    const auto device =
        backend.open(load_device(backend, name), DeviceInstance{1, 0, ElementType::f16});
    EXPECT_TRUE(device->supports(shape, OperandMode::stationary, ElementType::f16).ok) << name;
    EXPECT_FALSE(device->supports(shape, OperandMode::stationary, ElementType::f32).ok) << name;
    const Activity activity = device->estimate(shape, OperandMode::stationary, {});
    EXPECT_GT(price(activity, device->prices()).total_J(), 0) << name;
    try {
      device->plan(shape, b.view(), OperandMode::stationary, {});
      FAIL() << name << " planned";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::usage);
      EXPECT_NE(std::string(e.what()).find("host-gpu"), std::string::npos) << e.what();
    }
  }
}

TEST(Cublas, ADescriptionMustGiveWhatNoGpuCanBeAskedFor) {
  const Backend& backend = find_backend("cublas");
  for (const char* key : {"compute_capability", "memory.bytes", "cache.l2_bytes",
                          "hbm.bandwidth_B_per_s", "peak.f32_mac_per_s"}) {
    DeviceSpec spec = load_device(backend, "h100");
    spec.set(key, "0");
    try {
      static_cast<void>(backend.open(spec, {}));
      FAIL() << key << " accepted";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::usage);
      EXPECT_NE(std::string(e.what()).find(key), std::string::npos) << e.what();
    }
  }
}

TEST(Cublas, ContradictingTilesAreRefused) {
  const Backend& backend = find_backend("cublas");
  DeviceSpec spec = load_device(backend, "h100");
  spec.set("tile.n", "128");
  try {
    static_cast<void>(backend.open(spec, {}));
    FAIL() << "accepted";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("tile.warp_n"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace jb
