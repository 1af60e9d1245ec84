#pragma once
// Inner loops of the fast ways through sliced products, which exist for AVX-512 only: null
// elsewhere.

#include <cstdint>

namespace jb::crossbar::kernels {

/// Rows whose sums of signs are looked up together, and the entries of their table: half of 2^6,
/// the rest being negatives.
inline constexpr int kGroupRows = 6;
inline constexpr int kTableEntries = 32;
inline constexpr int kLanes = 16;  ///< vectors, or columns, at a time
inline constexpr int kMostPlanes = 8;
inline constexpr int kBytesColumns = 32;
inline constexpr std::int64_t kLineRows = 16;  ///< floats of one line of the cache

/// A converter: code = round(clamp(z, low, high) + bias), counted from the level -bias.
struct SlicedAdc {
  bool present;
  float low, high, bias;
};

/// What turns 16 vectors' sums of one column and slice into codes.
struct SlicedReadout {
  SlicedAdc adc;
  int planes;
  const float* sums;       ///< planes x 16; with `own_signs` one more, of the signs alone
  const float* variances;  ///< the same of squared noise; null: none
  const float* normals;    ///< planes x normals_stride
  std::int64_t normals_stride;
  bool own_signs;  ///< else `all` stands for the signs' sum
  float all, all_variance;
  float per_lsb;        ///< codes per sum, the converter's gain error included
  float noise_per_lsb;  ///< the same for deviations
  float offset;         ///< in codes
  double per_code;      ///< what a code adds to a total
  double levels;        ///< codes of all planes are counted from the lowest: what that adds
  std::uint16_t lanes;  ///< vectors that count
};

/// A slice of 32 columns of bytes against planes of one vector.
struct BytesWork {
  const std::uint8_t* weights;  ///< fours of rows x 32 columns, `shift` added
  const std::int8_t* planes;    ///< plane after plane, plane_stride apart
  const std::int32_t* plane_sums;
  std::int64_t plane_stride;
  std::int64_t fours;
  int count;  ///< of planes
  int plane_bits;
  std::int32_t shift;
  double unit, per_lsb;
  bool present;
  double low, high, bias;
  const float* gain;  ///< of the 32 columns; null: none
  const float* offset;
  double per_code;      ///< what a code adds to a total
  double* totals;       ///< 32, to which the codes summed over planes are added; null: codes alone
  double* codes;        ///< out: 32 codes summed over planes
  std::uint32_t lanes;  ///< columns that count
};

struct SlicedKernel {
  /// Columns of 16 rows of `lanes` floats to lines: lines[lane * depth + row]. Lines and depth in
  /// whole lines of the cache.
  void (*turn)(const float* rows, std::int64_t lanes, float* lines, std::int64_t depth);
  /// Tables of `groups` groups of rows: 32 floats each, divided by what the index words carry.
  void (*tables)(const float* rows, std::int64_t groups, float* tables);
  /// sums[slice][plane x 16] = (or += when `add`) looked up sums of `groups` groups. `index` holds
  /// planes x 16 words per group, `index_stride` floats apart; `slices` 1 or 2, planes up to 8.
  void (*look_up)(const float* index, std::int64_t index_stride, const float* const* tables,
                  int slices, int planes, std::int64_t groups, float* const* sums, bool add);
  /// Adds to totals[16] the codes summed over planes with their weights; returns the samples
  /// clipped.
  int (*convert)(const SlicedReadout& readout, double* totals);
  /// Null without VNNI. Returns the samples clipped.
  std::int64_t (*bytes)(const BytesWork& work);
};

namespace baseline {
extern const SlicedKernel kSliced;
}
namespace avx2 {
extern const SlicedKernel kSliced;
}
namespace avx512 {
extern const SlicedKernel kSliced;
}

}  // namespace jb::crossbar::kernels

namespace jb::crossbar {

/// That of this computer.
[[nodiscard]] const kernels::SlicedKernel& sliced_kernel();

}  // namespace jb::crossbar
