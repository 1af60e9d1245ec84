#pragma once
// IDX files of ten easy classes, as bytes.

#include <cstdint>
#include <string>

namespace jb::test {

inline std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes += static_cast<char>((value >> static_cast<unsigned>(shift)) & 0xFFU);
  }
  return bytes;
}

/// Square images: image i shows `bar` bright pixels at a place of its label's own (10 bars must
/// fit).
inline std::string idx_images(std::uint32_t count, std::uint32_t side, std::uint32_t bar) {
  std::string bytes = big_endian(0x803) + big_endian(count) + big_endian(side) + big_endian(side);
  for (std::uint32_t i = 0; i < count; ++i) {
    std::string image(static_cast<std::size_t>(side) * side, '\0');
    for (std::uint32_t p = 0; p < bar; ++p) {
      image[bar * (i % 10) + p] = static_cast<char>(200 + (i * 7 + p) % 50);
    }
    bytes += image;
  }
  return bytes;
}

inline std::string idx_labels(std::uint32_t count) {
  std::string bytes = big_endian(0x801) + big_endian(count);
  for (std::uint32_t i = 0; i < count; ++i) bytes += static_cast<char>(i % 10);
  return bytes;
}

}  // namespace jb::test
