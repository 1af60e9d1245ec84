#include "models/content_hash.h"

#include <fmt/core.h>

#include <cstddef>
#include <cstdint>

#include "backends/core/text.h"

namespace jb::models {
namespace {

std::string part_hash(const LabelledImages& part) {
  std::string bytes = fmt::format("{}x{}x{};", part.images.rows(), part.height, part.width);
  const std::size_t header = bytes.size();
  const std::size_t pixels = static_cast<std::size_t>(part.images.size());
  bytes.resize(header + pixels);
  const float* values = part.images.data();
  for (std::size_t i = 0; i < pixels; ++i) {
    const auto level = static_cast<unsigned char>(values[i] * 255.0F + 0.5F);
    bytes[header + i] = static_cast<char>(level);
  }
  bytes.append(part.labels.begin(), part.labels.end());
  return hash_hex(bytes);
}

}  // namespace

std::string content_hash_of(const LabelledImages& train, const LabelledImages& test) {
  return hash_hex(part_hash(train) + part_hash(test));
}

}  // namespace jb::models
