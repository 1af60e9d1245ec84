#include "backends/crossbar/tiling.h"

#include <cmath>

namespace jb::crossbar {

Partition partition(std::int64_t length, std::int64_t capacity, PartitionRule rule) noexcept {
  if (length <= 0) return {};
  if (capacity == 0 || capacity >= length) return {1, length, length};
  const std::int64_t tiles = length / capacity + (length % capacity != 0 ? 1 : 0);
  if (rule == PartitionRule::fill) return {tiles, capacity, length - (tiles - 1) * capacity};
  // Round half to even, as numpy's round: 40 over 16 gives 13, 13, 14 (CrossSim V3.2). Where that
  // would overfill the last tile, the size is rounded up instead, which always fits.
  const double share = static_cast<double>(length) / static_cast<double>(tiles);
  std::int64_t size = static_cast<std::int64_t>(std::nearbyint(share));
  std::int64_t last = length - (tiles - 1) * size;
  if (last > capacity || last < 1) {
    size = static_cast<std::int64_t>(std::ceil(share));
    last = length - (tiles - 1) * size;
  }
  return {tiles, size, last};
}

}  // namespace jb::crossbar
