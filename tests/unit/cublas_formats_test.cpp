// Number formats of tensor cores: published values, and rounding against every neighbour.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "backends/cublas/number_formats.h"

namespace jb::cublas {
namespace {

constexpr ElementType kE4m3 = ElementType::f8e4m3;
constexpr ElementType kE5m2 = ElementType::f8e5m2;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Micikevicius et al., arXiv:2209.05433, Table 1.
TEST(CublasFormats, PublishedValuesOf8BitFloats) {
  EXPECT_EQ(decode8(kE4m3, 0x7E), 448.0F);                         // S.1111.110
  EXPECT_EQ(decode8(kE4m3, 0x08), std::ldexp(1.0F, -6));           // smallest normal
  EXPECT_EQ(decode8(kE4m3, 0x07), 0.875F * std::ldexp(1.0F, -6));  // largest subnormal
  EXPECT_EQ(decode8(kE4m3, 0x01), std::ldexp(1.0F, -9));           // smallest subnormal
  EXPECT_TRUE(std::isnan(decode8(kE4m3, 0x7F)));
  EXPECT_EQ(decode8(kE5m2, 0x7B), 57344.0F);
  EXPECT_EQ(decode8(kE5m2, 0x04), std::ldexp(1.0F, -14));
  EXPECT_EQ(decode8(kE5m2, 0x03), 0.75F * std::ldexp(1.0F, -14));
  EXPECT_EQ(decode8(kE5m2, 0x01), std::ldexp(1.0F, -16));
  EXPECT_EQ(decode8(kE5m2, 0x7C), kInfinity);
  EXPECT_TRUE(std::isnan(decode8(kE5m2, 0x7D)));
}

// IEEE 754-2019, binary16; bf16 is the upper half of binary32.
TEST(CublasFormats, PublishedValuesOf16BitFloats) {
  EXPECT_EQ(encode16(ElementType::f16, 1.0F), 0x3C00);
  EXPECT_EQ(encode16(ElementType::f16, -2.0F), 0xC000);
  EXPECT_EQ(encode16(ElementType::f16, 65504.0F), 0x7BFF);
  EXPECT_EQ(encode16(ElementType::f16, 65519.0F), 0x7BFF);
  EXPECT_EQ(encode16(ElementType::f16, 65520.0F), 0x7C00);  // half-way to 65536: to infinity
  EXPECT_EQ(encode16(ElementType::f16, 0.333333333F), 0x3555);
  EXPECT_EQ(encode16(ElementType::f16, std::ldexp(1.0F, -24)), 0x0001);
  EXPECT_EQ(encode16(ElementType::f16, std::ldexp(1.0F, -25)), 0x0000);  // tie to even
  EXPECT_EQ(encode16(ElementType::bf16, 1.0F), 0x3F80);
  EXPECT_EQ(encode16(ElementType::bf16, 3.14159265F), 0x4049);
  EXPECT_EQ(encode16(ElementType::bf16, -kInfinity), 0xFF80);
  EXPECT_EQ(largest_of(ElementType::f16), 65504.0F);
  EXPECT_EQ(largest_of(kE4m3), 448.0F);
  EXPECT_EQ(largest_of(kE5m2), 57344.0F);
  EXPECT_EQ(largest_of(ElementType::s8), 127.0F);
}

TEST(CublasFormats, EveryFiniteCodeComesBack) {
  for (const ElementType type : {kE4m3, kE5m2, ElementType::s8}) {
    for (int bits = 0; bits < 256; ++bits) {
      const float x = decode8(type, static_cast<std::uint8_t>(bits));
      if (!std::isfinite(x) || x == -128) continue;
      EXPECT_EQ(encode8(type, x), bits) << name_of(type);
    }
  }
  for (const ElementType type : {ElementType::f16, ElementType::bf16}) {
    for (int bits = 0; bits < 65536; ++bits) {
      const float x = decode16(type, static_cast<std::uint16_t>(bits));
      if (std::isnan(x)) continue;
      ASSERT_EQ(encode16(type, x), bits) << name_of(type);
    }
  }
}

// Between two neighbours: the nearer one, and at the middle the one with an even last bit.
TEST(CublasFormats, RoundsToNearestTiesToEven) {
  for (const ElementType type : {kE4m3, kE5m2}) {
    const int last = type == kE4m3 ? 0x7E : 0x7B;
    for (int bits = 0; bits < last; ++bits) {
      const float low = decode8(type, static_cast<std::uint8_t>(bits));
      const float high = decode8(type, static_cast<std::uint8_t>(bits + 1));
      const float middle = (low + high) / 2;  // exact: one more bit than the format has
      EXPECT_EQ(encode8(type, std::nextafter(middle, low)), bits);
      EXPECT_EQ(encode8(type, std::nextafter(middle, high)), bits + 1);
      EXPECT_EQ(encode8(type, middle), bits % 2 == 0 ? bits : bits + 1);
      EXPECT_EQ(encode8(type, -middle), (bits % 2 == 0 ? bits : bits + 1) | 0x80);
    }
  }
  EXPECT_EQ(decode8(ElementType::s8, encode8(ElementType::s8, 2.5F)), 2.0F);
  EXPECT_EQ(decode8(ElementType::s8, encode8(ElementType::s8, -3.5F)), -4.0F);
}

TEST(CublasFormats, BeyondTheLargestEightBitValueSaturates) {
  for (const ElementType type : {kE4m3, kE5m2, ElementType::s8}) {
    for (const float x : {1e6F, kInfinity}) {
      EXPECT_EQ(decode8(type, encode8(type, x)), largest_of(type));
      EXPECT_EQ(decode8(type, encode8(type, -x)), -largest_of(type));
    }
  }
}

TEST(CublasFormats, Tf32KeepsTenFractionBits) {
  EXPECT_EQ(round_tf32(1.0F), 1.0F);
  const float step = std::ldexp(1.0F, -10);
  EXPECT_EQ(round_tf32(1.0F + 0.49F * step), 1.0F);
  EXPECT_EQ(round_tf32(1.0F + 0.5F * step), 1.0F);
  EXPECT_EQ(round_tf32(1.0F + 1.5F * step), 1.0F + 2 * step);
  EXPECT_EQ(round_tf32(-(1.0F + 0.51F * step)), -(1.0F + step));
  EXPECT_EQ(round_tf32(kInfinity), kInfinity);
}

TEST(CublasFormats, ScalesMapTheLargestValueToTheLargestCode) {
  for (const ElementType type : {kE4m3, kE5m2, ElementType::s8}) {
    for (const float x : {1e-3F, 0.7F, 1.0F, 3e4F}) {
      const float scale = scale_of(type, x);
      // The quotient of x and a rounded scale is within two roundings of the largest code.
      EXPECT_EQ(decode8(type, encode8(type, x / scale)), largest_of(type));
    }
    EXPECT_EQ(scale_of(type, 0.0F), 1.0F);
    EXPECT_EQ(scale_of(type, std::numeric_limits<float>::denorm_min()), 1.0F);
  }
}

}  // namespace
}  // namespace jb::cublas
