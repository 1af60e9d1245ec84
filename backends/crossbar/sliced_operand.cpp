#include "backends/crossbar/sliced_operand.h"

#include <algorithm>
#include <bit>

#include "backends/core/kernels.h"
#include "backends/core/threads.h"
#include "backends/crossbar/sliced_kernel.h"

namespace jb::crossbar {
namespace {

using kernels::kBytesColumns;
using kernels::kGroupRows;
using kernels::kLineRows;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

// The index word of six rows that all count as +1: 1.0 with all index bits (sliced_kernel.inc).
constexpr std::uint32_t kAllRows = 0x3F800000U | 31U;

bool has_vnni() {
  static const bool vnni = __builtin_cpu_supports("avx512vnni") != 0;
  return vnni;
}

/// Floats of that many groups of rows, in whole lines of the cache.
std::int64_t padded(std::int64_t groups) {
  return (groups * kGroupRows + kLineRows - 1) / kLineRows * kLineRows;
}

/// Effective weights of one direction: element (driven j, column c, lane l).
struct Effective {
  const float* data = nullptr;
  std::int64_t driven_stride = 0;
  std::int64_t column_stride = 0;

  Effective(MatrixView<const float> m, bool transposed, int lanes)
      : data(m.data),
        driven_stride(transposed ? lanes : m.row_stride),
        column_stride(transposed ? m.row_stride : lanes) {}
  [[nodiscard]] const float* at(std::int64_t driven, std::int64_t col) const {
    return data + driven * driven_stride + col * column_stride;
  }
};

std::int64_t byte_blocks(std::int64_t cols) { return (cols + kBytesColumns - 1) / kBytesColumns; }

/// One block of 32 columns.
void lay_out_bytes(const ComposedPass& pass, const Effective& from, std::int64_t tile,
                   std::int64_t block, SlicedOperand::Tile& out) {
  const int slices = pass.config->mapping.slices;
  const std::int64_t own = byte_blocks(pass.outputs);
  const std::int64_t end = block < own ? pass.outputs : pass.columns;
  const std::int64_t first =
      block < own ? block * kBytesColumns : pass.outputs + (block - own) * kBytesColumns;
  const float shift =
      pass.config->mapping.differential() ? static_cast<float>(pass.config->mapping.steps()) : 0.0F;
  for (int s = 0; s < slices; ++s) {
    std::uint8_t* const to =
        out.bytes.data() + (block * slices + s) * out.groups * 4 * kBytesColumns;
    for (std::int64_t j = 0; j < pass.inputs.length(tile); ++j) {
      for (std::int64_t i = 0; i < std::min<std::int64_t>(kBytesColumns, end - first); ++i) {
        const float code = from.at(pass.inputs.begin(tile) + j, first + i)[s];
        to[(j / 4 * kBytesColumns + i) * 4 + j % 4] = static_cast<std::uint8_t>(code + shift);
      }
    }
  }
}

/// Columns [first, last): each lane's rows in a stretch of their own.
void lay_out_rows(const ComposedPass& pass, const Effective& from, std::int64_t tile,
                  std::int64_t first, std::int64_t last, std::int64_t depth,
                  SlicedOperand::Lines& rows) {
  const int lanes = pass.cells->lanes();
  float* const to = rows.data() + first * lanes * depth;
  for (std::int64_t j = 0; j < pass.inputs.length(tile); ++j) {
    std::int64_t i = 0;
    for (std::int64_t col = first; col < last; ++col) {
      const float* const value = from.at(pass.inputs.begin(tile) + j, col);
      for (int lane = 0; lane < lanes; ++lane, ++i) to[i * depth + j] = value[lane];
    }
  }
}

/// Sums of all rows, which complete those of unsigned inputs and of squares. Looked up as products
/// are: a plane without a bit then gives exactly nothing, and not a rounding at the edge of a code.
void add_up(const SlicedOperand::Lines& rows, const SlicedOperand::Tile& tile,
            std::vector<float>& sums) {
  float all[kernels::kLanes];
  std::fill(std::begin(all), std::end(all), std::bit_cast<float>(kAllRows));
  parallel_for(
      static_cast<std::int64_t>(sums.size()), 64, [&](std::int64_t begin, std::int64_t end) {
        std::vector<float> table(at(tile.groups * kernels::kTableEntries));
        const float* const tables[2] = {table.data(), table.data()};
        float sum[kernels::kLanes];
        float* const to[2] = {sum, sum};
        for (std::int64_t lane = begin; lane < end; ++lane) {
          sliced_kernel().tables(rows.data() + lane * tile.depth, tile.groups, table.data());
          sliced_kernel().look_up(all, 0, tables, 1, 1, tile.groups, to, false);
          sums[at(lane)] = sum[0];
        }
      });
}

void add_up(SlicedOperand::Tile& tile, bool noisy) {
  add_up(tile.rows, tile, tile.sums);
  if (noisy) add_up(tile.variances, tile, tile.variance_sums);
}

}  // namespace

const kernels::SlicedKernel& sliced_kernel() {
  static const kernels::SlicedKernel& chosen = []() -> const kernels::SlicedKernel& {
    const int level = jb::kernels::isa_level();
    return level == 2 ? kernels::avx512::kSliced
                      : (level == 1 ? kernels::avx2::kSliced : kernels::baseline::kSliced);
  }();
  return chosen;
}

SlicedWay sliced_way(const ComposedPass& pass) {
  const Config& config = *pass.config;
  if (sliced_kernel().look_up == nullptr || !config.composed() || pass.cells->split() ||
      config.current_limit > 0 || config.wires.gated() || pass.samples != nullptr) {
    return SlicedWay::none;
  }
  constexpr int kByteBits = 7;
  constexpr std::int64_t kMostRows = 1 << 15;  // of sums in 32 bits
  const int digit_bits = pass.readings() > 1 ? config.plane_bits : config.dac.magnitude_bits();
  if (pass.cells->integer() && pass.white.empty() && config.dac.bits > 0) {
    const bool fits = digit_bits <= kByteBits && config.mapping.steps() <= 127 &&
                      pass.inputs.longest() <= kMostRows;
    return fits && has_vnni() ? SlicedWay::bytes : SlicedWay::none;
  }
  // Codes summed over planes stay whole numbers in float32.
  constexpr int kFloatBits = 23;
  const bool whole = config.adc_bits == 0 || config.adc_bits + pass.readings() <= kFloatBits;
  return pass.readings() > 1 && config.plane_bits == 1 && whole ? SlicedWay::look_up
                                                                : SlicedWay::none;
}

SlicedOperand lay_out(const ComposedPass& pass, MatrixView<const float> effective,
                      MatrixView<const float> variances) {
  SlicedOperand out;
  out.way = sliced_way(pass);
  out.tiles.resize(at(pass.inputs.tiles));
  const int lanes = pass.cells->lanes();
  const bool bytes = out.way == SlicedWay::bytes;
  const std::int64_t rows_of_group = bytes ? 4 : kGroupRows;
  const std::int64_t blocks = byte_blocks(pass.outputs) + byte_blocks(pass.columns - pass.outputs);
  for (std::int64_t t = 0; t < pass.inputs.tiles; ++t) {
    SlicedOperand::Tile& tile = out.tiles[at(t)];
    tile.groups = (pass.inputs.length(t) + rows_of_group - 1) / rows_of_group;
    // Padded rows meet inputs of zero, or hold zeros.
    if (bytes) {
      tile.bytes.assign(at(blocks * lanes * tile.groups * rows_of_group * kBytesColumns), 0);
      continue;
    }
    tile.depth = padded(tile.groups);
    tile.rows.assign(at(pass.columns * lanes * tile.depth), 0.0F);
    tile.sums.assign(at(pass.columns * lanes), 0.0F);
    if (variances.data == nullptr) continue;
    tile.variances.assign(tile.rows.size(), 0.0F);
    tile.variance_sums.assign(tile.sums.size(), 0.0F);
  }
  const Effective values(effective, pass.transposed, lanes);
  const Effective squares(variances, pass.transposed, lanes);
  constexpr std::int64_t kColumnsPerPiece = 8;
  const std::int64_t pieces =
      bytes ? blocks : (pass.columns + kColumnsPerPiece - 1) / kColumnsPerPiece;
  parallel_for(pass.inputs.tiles * pieces, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t t = i / pieces;
      SlicedOperand::Tile& tile = out.tiles[at(t)];
      if (bytes) {
        lay_out_bytes(pass, values, t, i % pieces, tile);
        continue;
      }
      const std::int64_t first = i % pieces * kColumnsPerPiece;
      const std::int64_t last = std::min(pass.columns, first + kColumnsPerPiece);
      lay_out_rows(pass, values, t, first, last, tile.depth, tile.rows);
      if (variances.data == nullptr) continue;
      lay_out_rows(pass, squares, t, first, last, tile.depth, tile.variances);
    }
  });
  if (!bytes) {
    for (SlicedOperand::Tile& tile : out.tiles) add_up(tile, variances.data != nullptr);
  }
  return out;
}

void lay_out_by_rows(const ComposedPass& pass, RowOfWeights effective, RowOfWeights variances,
                     SlicedOperand& operand) {
  operand.way = SlicedWay::look_up;
  operand.tiles.resize(at(pass.inputs.tiles));
  const std::int64_t lanes = pass.columns * pass.cells->lanes();
  const bool noisy = !pass.white.empty();
  for (std::int64_t t = 0; t < pass.inputs.tiles; ++t) {
    SlicedOperand::Tile& tile = operand.tiles[at(t)];
    tile.groups = (pass.inputs.length(t) + kGroupRows - 1) / kGroupRows;
    tile.depth = padded(tile.groups);
    tile.rows.resize(at(lanes * tile.depth));  // zeros behind the last row stay
    tile.sums.resize(at(lanes));
    tile.variances.resize(at(noisy ? lanes * tile.depth : 0));
    tile.variance_sums.resize(at(noisy ? lanes : 0));
  }
  const std::int64_t pieces = (pass.inputs.longest() + kLineRows - 1) / kLineRows;
  parallel_for(pass.inputs.tiles * pieces, 1, [&](std::int64_t begin, std::int64_t end) {
    thread_local SlicedOperand::Lines rows;
    rows.resize(at(kLineRows * lanes));
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t t = i / pieces;
      SlicedOperand::Tile& tile = operand.tiles[at(t)];
      const std::int64_t first = i % pieces * kLineRows;
      const std::int64_t count = std::min(kLineRows, pass.inputs.length(t) - first);
      const auto turn = [&](RowOfWeights fill, SlicedOperand::Lines& to) {
        for (std::int64_t j = 0; j < count; ++j) {
          fill(pass.inputs.begin(t) + first + j, {rows.data() + j * lanes, at(lanes)});
        }
        std::fill(rows.begin() + count * lanes, rows.end(), 0.0F);
        sliced_kernel().turn(rows.data(), lanes, to.data() + first, tile.depth);
      };
      if (count <= 0) continue;
      turn(effective, tile.rows);
      if (noisy) turn(variances, tile.variances);
    }
  });
  if (!noisy && !pass.config->dac.is_unsigned) return;
  for (SlicedOperand::Tile& tile : operand.tiles) add_up(tile, noisy);
}

std::size_t SlicedOperand::memory() const noexcept {
  std::size_t bytes = 0;
  for (const Tile& tile : tiles) {
    bytes += (tile.rows.capacity() + tile.variances.capacity() + tile.sums.capacity() +
              tile.variance_sums.capacity()) *
                 sizeof(float) +
             tile.bytes.capacity();
  }
  return bytes;
}

}  // namespace jb::crossbar
