#pragma once
// Cutting one side of a matrix into tiles.

#include <cstdint>

namespace jb::crossbar {

enum class PartitionRule : std::uint8_t {
  fill,   ///< full tiles first, the rest in the last
  equal,  ///< as many tiles, of (nearly) equal size, as CrossSim V3.2 cuts
};

/// `length` elements in `tiles` pieces: all of `size`, the last of `last`.
struct Partition {
  std::int64_t tiles = 0;
  std::int64_t size = 0;
  std::int64_t last = 0;

  [[nodiscard]] std::int64_t begin(std::int64_t tile) const noexcept { return tile * size; }
  [[nodiscard]] std::int64_t length(std::int64_t tile) const noexcept {
    return tile + 1 == tiles ? last : size;
  }
  [[nodiscard]] std::int64_t tile_of(std::int64_t index) const noexcept {
    return index / size < tiles ? index / size : tiles - 1;
  }
  [[nodiscard]] std::int64_t longest() const noexcept { return size > last ? size : last; }
};

/// Cuts `length` >= 0 into ceil(length / capacity) tiles; capacity 0: one tile as large as needed.
[[nodiscard]] Partition partition(std::int64_t length, std::int64_t capacity,
                                  PartitionRule rule) noexcept;

}  // namespace jb::crossbar
