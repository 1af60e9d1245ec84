// cuBLAS is listed in a build without CUDA, with the reason why it cannot run.

#include <gtest/gtest.h>

#include <string>

#include "backends/backend.h"

namespace jb {
namespace {

TEST(Cublas, IsListedAsUnavailableWithItsReason) {
  const Backend& backend = find_backend("cublas");
  EXPECT_EQ(backend.info().kind, "cmos");
  EXPECT_FALSE(backend.info().simulated);
  EXPECT_EQ(backend.info().precisions.front(), ElementType::f32);
  const Support support = backend.available();
  ASSERT_FALSE(support.ok);
  EXPECT_NE(support.reason.find("CUDA"), std::string::npos) << support.reason;
  EXPECT_TRUE(preset_names("cublas").empty());
}

TEST(Cublas, OpeningSaysWhyItCannot) {
  try {
    const auto device = find_backend("cublas").open(DeviceSpec(), DeviceInstance());
    FAIL() << "opened";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::usage);
    EXPECT_NE(std::string(e.what()).find("CUDA"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace jb
