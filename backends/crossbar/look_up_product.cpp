// Sums by table look-up: the tables of a few rows of cells, and words of inputs that index them
// (see sliced_kernel.inc).

#include <algorithm>
#include <bit>
#include <cmath>

#include "backends/core/threads.h"
#include "backends/crossbar/sliced_base.h"
#include "backends/crossbar/sliced_kernel.h"

namespace jb::crossbar {
namespace {

using kernels::kGroupRows;
using kernels::kLanes;
using kernels::kTableEntries;

constexpr std::int64_t kColumns = 8;      // whose tables are at hand together
constexpr std::int64_t kGroups = 22;      // of rows: tables and index words stay in the caches
constexpr std::int64_t kNoiseBlock = 64;  // vectors of one block of the random generator
constexpr std::int64_t kPlaneLanes = kLanes;

/// Planes of one bit on cells of any conductance.
class LookUpProduct final : public SlicedProduct {
 public:
  using SlicedProduct::SlicedProduct;

 private:
  [[nodiscard]] bool is_signed() const { return !config_.dac.is_unsigned; }
  [[nodiscard]] bool noisy() const { return !pass_.white.empty(); }
  [[nodiscard]] int words() const { return planes_ + (is_signed() ? 1 : 0); }
  [[nodiscard]] std::int64_t block_columns() const override { return kColumns; }

  /// Index words of 16 vectors, tile by tile: group of rows, plane (the signs last), vector.
  void prepare() override {
    lane_ = (pass_.draw.row_offset + first_) % kLanes;
    lane_groups_ = (lane_ + rows_ + kLanes - 1) / kLanes;
    tile_start_.assign(1, 0);
    for (const auto& tile : operand_.tiles) {
      tile_start_.push_back(tile_start_.back() + tile.groups * words() * kLanes);
    }
    noise_start_.assign(1, 0);
    const bool own = noisy() && is_signed();
    for (const auto& tile : operand_.tiles) {
      noise_start_.push_back(noise_start_.back() + (own ? tile.groups * planes_ * kLanes : 0));
    }
    std::vector<float>& index = workspace_.inputs_f32;
    const std::int64_t per_group = tile_start_.back() + noise_start_.back();
    if (static_cast<std::int64_t>(index.size()) < lane_groups_ * per_group) {
      index.resize(at(lane_groups_ * per_group));
    }
    per_group_ = per_group;
    parallel_for(lane_groups_, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t g = begin; g < end; ++g) make_index(g, index.data() + g * per_group);
    });
  }

  void make_index(std::int64_t lane_group, float* index) const {
    std::vector<std::uint32_t> bits(at(words()) * kLanes);
    std::vector<std::uint32_t> magnitudes(at(planes_) * kLanes);
    for (std::int64_t t = 0; t < pass_.inputs.tiles; ++t) {
      const std::int64_t groups = operand_.tiles[at(t)].groups;
      const std::int64_t length = pass_.inputs.length(t);
      float* word = index + tile_start_[at(t)];
      float* noise = index + tile_start_.back() + noise_start_[at(t)];
      const bool own = noise_start_.back() > 0;
      for (std::int64_t g = 0; g < groups; ++g) {
        std::fill(bits.begin(), bits.end(), 0);
        std::fill(magnitudes.begin(), magnitudes.end(), 0);
        for (int r = 0; r < kGroupRows; ++r) {
          const std::int64_t j = g * kGroupRows + r;
          if (j < length) gather(lane_group, pass_.inputs.begin(t) + j, r, bits, magnitudes);
        }
        for (std::size_t i = 0; i < bits.size(); ++i) word[i] = word_of(bits[i]);
        word += bits.size();
        if (!own) continue;
        for (std::size_t i = 0; i < magnitudes.size(); ++i) noise[i] = word_of(magnitudes[i]);
        noise += magnitudes.size();
      }
    }
  }

  /// Row r of a group of six: t = +1 where its bit is set.
  void gather(std::int64_t lane_group, std::int64_t input, int r, std::vector<std::uint32_t>& bits,
              std::vector<std::uint32_t>& magnitudes) const {
    const std::int64_t low = std::max<std::int64_t>(0, lane_ - lane_group * kLanes);
    const std::int64_t high = std::min<std::int64_t>(kLanes, lane_ + rows_ - lane_group * kLanes);
    const float* const codes = codes_.data() + (lane_group * kLanes - lane_) * a_.cols + input;
    std::uint32_t magnitude[kLanes] = {};
    std::uint32_t negative[kLanes] = {};
    for (std::int64_t l = low; l < high; ++l) {
      const auto code = static_cast<std::int32_t>(codes[l * a_.cols]);
      negative[l] = code < 0 ? 1U : 0U;
      magnitude[l] = static_cast<std::uint32_t>(code < 0 ? -code : code);
    }
    for (int p = 0; p < planes_; ++p) {
      std::uint32_t* const words_of_plane = bits.data() + p * kPlaneLanes;
      for (int l = 0; l < kLanes; ++l) {
        words_of_plane[l] |= (((magnitude[l] >> p) & 1U) ^ negative[l]) << r;
      }
    }
    if (!is_signed()) return;
    std::uint32_t* const signs = bits.data() + planes_ * kPlaneLanes;
    for (int l = 0; l < kLanes; ++l) signs[l] |= (1U ^ negative[l]) << r;
    if (!noisy()) return;
    for (int p = 0; p < planes_; ++p) {
      std::uint32_t* const words_of_plane = magnitudes.data() + p * kPlaneLanes;
      for (int l = 0; l < kLanes; ++l) words_of_plane[l] |= ((magnitude[l] >> p) & 1U) << r;
    }
  }

  /// The float whose sign is that of the sixth row and whose lowest bits tell which of the others
  /// agree with it.
  static float word_of(std::uint32_t bits) {
    const std::uint32_t sixth = (bits >> 5U) & 1U;
    const std::uint32_t others = (sixth != 0 ? bits : ~bits) & 31U;
    return std::bit_cast<float>((sixth != 0 ? 0x3F800000U : 0xBF800000U) | others);
  }

  struct Buffers {
    std::vector<float> tables, noise_tables, sums, noise_sums, normals;
    std::vector<double> totals;  // lane group, column, lane
    std::vector<kernels::SlicedReadout> readouts;
  };

  void multiply(std::int64_t first_col, std::int64_t count) override {
    thread_local Buffers buffers;
    buffers.tables.resize(at(kColumns * slices_ * kGroups * kTableEntries));
    if (noisy()) {
      buffers.noise_tables.resize(buffers.tables.size());
      buffers.normals.resize(at(kColumns * slices_ * planes_ * kNoiseBlock));
    }
    buffers.totals.assign(at(lane_groups_ * kLanes * kColumns), 0.0);
    std::int64_t clipped = 0;
    for (std::int64_t t = 0; t < pass_.inputs.tiles; ++t) {
      clipped += read_tile(t, first_col, count, buffers);
    }
    count_clipped(clipped);
    double out[kColumns];
    for (std::int64_t v = 0; v < rows_; ++v) {
      const std::int64_t g = (lane_ + v) / kLanes;
      const double* const from =
          buffers.totals.data() + g * kColumns * kLanes + (lane_ + v) % kLanes;
      for (std::int64_t j = 0; j < count; ++j) out[j] = from[j * kLanes];
      leave(v, first_col, count, out);
    }
  }

  std::int64_t read_tile(std::int64_t t, std::int64_t first_col, std::int64_t count,
                         Buffers& buffers) {
    const SlicedOperand::Tile& tile = operand_.tiles[at(t)];
    const bool cut = tile.groups > kGroups;  // sums wait for the rest of the rows
    const std::int64_t lanes = count * slices_;
    const std::int64_t kept = lanes * words() * kLanes;
    const std::int64_t kept_noise = lanes * planes_ * kLanes;
    buffers.sums.resize(at(std::max<std::int64_t>(static_cast<std::int64_t>(buffers.sums.size()),
                                                  kept * (cut ? lane_groups_ : 1))));
    if (noisy()) {
      buffers.noise_sums.resize(
          at(std::max<std::int64_t>(static_cast<std::int64_t>(buffers.noise_sums.size()),
                                    kept_noise * (cut ? lane_groups_ : 1))));
    }
    set_readouts(t, first_col, count, buffers);
    std::int64_t clipped = 0;
    for (std::int64_t first = 0; first < tile.groups; first += kGroups) {
      const std::int64_t groups = std::min(kGroups, tile.groups - first);
      const auto fill = [&](const SlicedOperand::Lines& rows, std::vector<float>& tables) {
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
          sliced_kernel().tables(
              rows.data() + (first_col * slices_ + lane) * tile.depth + first * kGroupRows, groups,
              tables.data() + lane * kGroups * kTableEntries);
        }
      };
      fill(tile.rows, buffers.tables);
      if (noisy()) fill(tile.variances, buffers.noise_tables);
      const bool last = first + groups == tile.groups;
      for (std::int64_t g = 0; g < lane_groups_; ++g) {
        float* const sums = buffers.sums.data() + (cut ? g * kept : 0);
        float* const noise_sums = buffers.noise_sums.data() + (cut ? g * kept_noise : 0);
        const float* const index = workspace_.inputs_f32.data() + g * per_group_;
        add_sums(index + tile_start_[at(t)], first, groups, words(), buffers.tables, lanes, sums);
        if (noisy()) {
          const bool own = noise_start_.back() > 0;
          add_sums(
              own ? index + tile_start_.back() + noise_start_[at(t)] : index + tile_start_[at(t)],
              first, groups, planes_, buffers.noise_tables, lanes, noise_sums);
        }
        if (last) clipped += convert(t, g, first_col, count, sums, noise_sums, buffers);
      }
    }
    return clipped;
  }

  /// Looks up one block of groups for 16 vectors: all lanes of the columns at hand, in pairs.
  void add_sums(const float* index, std::int64_t first, std::int64_t groups, int planes,
                const std::vector<float>& tables, std::int64_t lanes, float* sums) const {
    const std::int64_t stride = planes * kPlaneLanes;
    index += first * stride;
    for (std::int64_t lane = 0; lane < lanes; lane += 2) {
      const int pair = lane + 1 < lanes ? 2 : 1;
      const float* const from[2] = {tables.data() + lane * kGroups * kTableEntries,
                                    tables.data() + (lane + pair - 1) * kGroups * kTableEntries};
      for (int p = 0; p < planes; p += kernels::kMostPlanes) {
        const int some = std::min(kernels::kMostPlanes, planes - p);
        float* const to[2] = {sums + lane * stride + p * kLanes,
                              sums + (lane + pair - 1) * stride + p * kLanes};
        sliced_kernel().look_up(index + p * kLanes, stride, from, pair, some, groups, to,
                                first > 0);
      }
    }
  }

  /// What the converters behind a tile's lanes do, the same for all vectors.
  void set_readouts(std::int64_t t, std::int64_t first_col, std::int64_t count,
                    Buffers& buffers) const {
    const SlicedOperand::Tile& tile = operand_.tiles[at(t)];
    const ComposedTile& behind = pass_.tiles[at(t)];
    buffers.readouts.assign(at(count * slices_), {});
    for (std::int64_t lane = 0; lane < count * slices_; ++lane) {
      const analog::Adc& converter = adc(t, static_cast<int>(lane % slices_));
      const std::size_t own = at(first_col * slices_ + lane);
      const double gain = behind.gain.empty() ? 1.0 : 1.0 + static_cast<double>(behind.gain[own]);
      kernels::SlicedReadout& readout = buffers.readouts[at(lane)];
      readout.adc = {converter.present(), static_cast<float>(converter.least_code()),
                     static_cast<float>(converter.full_code()),
                     static_cast<float>(converter.bias())};
      readout.planes = planes_;
      readout.normals_stride = kNoiseBlock;
      readout.own_signs = is_signed();
      readout.all = tile.sums[own];
      readout.all_variance = noisy() ? tile.variance_sums[own] : 0.0F;
      readout.per_lsb = static_cast<float>(pass_.array_per_sum() / converter.lsb() * gain);
      readout.noise_per_lsb = static_cast<float>(gain / converter.lsb());
      readout.offset = behind.offset.empty() ? 0.0F : behind.offset[own];
      readout.per_code = slice_unit(t, static_cast<int>(lane % slices_));
      readout.levels = static_cast<double>(readout.adc.bias) * (std::ldexp(1.0, planes_) - 1.0);
    }
  }

  /// Sums of 16 vectors through the converters, to the totals.
  std::int64_t convert(std::int64_t t, std::int64_t g, std::int64_t first_col, std::int64_t count,
                       const float* sums, const float* noise_sums, Buffers& buffers) const {
    const std::int64_t vector = pass_.draw.row_offset + first_ - lane_ + g * kLanes;
    if (noisy() && (g == 0 || vector % kNoiseBlock == 0)) {
      draw(t, vector - vector % kNoiseBlock, first_col, count, buffers);
    }
    const std::int64_t low = std::max<std::int64_t>(0, lane_ - g * kLanes);
    const std::int64_t high = std::min<std::int64_t>(kLanes, lane_ + rows_ - g * kLanes);
    const auto in_use = static_cast<std::uint16_t>((0xFFFFU >> (kLanes - high)) & (0xFFFFU << low));
    std::int64_t clipped = 0;
    for (std::int64_t lane = 0; lane < count * slices_; ++lane) {
      const auto slice = static_cast<int>(lane % slices_);
      kernels::SlicedReadout& readout = buffers.readouts[at(lane)];
      readout.sums = sums + lane * words() * kLanes;
      if (noisy()) {
        readout.variances = noise_sums + lane * planes_ * kLanes;
        readout.normals =
            buffers.normals.data() + lane * planes_ * kNoiseBlock + vector % kNoiseBlock;
      }
      readout.lanes = in_use;
      double* const totals = buffers.totals.data() + (g * kColumns + lane / slices_) * kLanes;
      const std::int64_t col = first_col + lane / slices_;
      if (!pass_.cells->flipped(pass_.first_tile + t, col, slice)) {
        clipped += sliced_kernel().convert(readout, totals);
        continue;
      }
      alignas(64) double own[kLanes] = {};
      clipped += sliced_kernel().convert(readout, own);
      for (std::int64_t l = low; l < high; ++l) {
        totals[l] += read(1.0, own[l], t, col, slice, g * kLanes + l - lane_);
      }
    }
    return clipped;
  }

  void draw(std::int64_t t, std::int64_t first_vector, std::int64_t first_col, std::int64_t count,
            Buffers& buffers) const {
    float* out = buffers.normals.data();
    for (std::int64_t lane = 0; lane < count * slices_; ++lane) {
      for (int p = 0; p < planes_; ++p, out += kNoiseBlock) {
        pass_.white[at(t)].normals(
            {out, at(kNoiseBlock)},
            noise_row(pass_, first_col + lane / slices_, static_cast<int>(lane % slices_), p),
            first_vector, pass_.draw.call);
      }
    }
  }

  std::int64_t lane_ = 0;  // of the first vector: lanes are places in the whole batch
  std::int64_t lane_groups_ = 0;
  std::int64_t per_group_ = 0;
  std::vector<std::int64_t> tile_start_, noise_start_;  // of index words, in floats
};

}  // namespace

Saturation multiply_by_look_up(const ComposedPass& pass, const SlicedOperand& operand,
                               MatrixView<const float> a, MatrixView<float> c,
                               Workspace& workspace) {
  return LookUpProduct(pass, operand, a, c, workspace).run();
}

}  // namespace jb::crossbar
