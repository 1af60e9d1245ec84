#include "backends/crossbar/sliced_product.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>

#include "backends/core/kernels.h"
#include "backends/core/threads.h"
#include "backends/crossbar/inputs.h"
#include "backends/crossbar/sliced_kernel.h"

namespace jb::crossbar {
namespace {

using kernels::kBytesColumns;
using kernels::kGroupRows;
using kernels::kLanes;
using kernels::kTableEntries;

constexpr std::int64_t kColumns = 8;      // whose tables are at hand together (look-up)
constexpr std::int64_t kGroups = 22;      // of rows: tables and index words stay in the caches
constexpr std::int64_t kVectors = 512;    // whose index words are at hand together
constexpr std::int64_t kNoiseBlock = 64;  // vectors of one block of the random generator
constexpr std::int64_t kPlaneLanes = kLanes;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

const kernels::SlicedKernel& kernel() {
  static const kernels::SlicedKernel& chosen = []() -> const kernels::SlicedKernel& {
    const int level = jb::kernels::isa_level();
    return level == 2 ? kernels::avx512::kSliced
                      : (level == 1 ? kernels::avx2::kSliced : kernels::baseline::kSliced);
  }();
  return chosen;
}

bool has_vnni() {
  static const bool vnni = __builtin_cpu_supports("avx512vnni") != 0;
  return vnni;
}

/// What all ways share: blocks of vectors, the readings of unit columns, the way out.
class SlicedProduct {
 public:
  SlicedProduct(const ComposedPass& pass, const SlicedOperand& operand, MatrixView<const float> a,
                MatrixView<float> c, Workspace& workspace)
      : pass_(pass),
        config_(*pass.config),
        mapping_(pass.config->mapping),
        operand_(operand),
        a_(a),
        c_(c),
        workspace_(workspace),
        scales_(workspace.full_scales),
        slices_(pass.config->mapping.slices),
        planes_(pass.readings()) {}
  virtual ~SlicedProduct() = default;

  Saturation run() {
    // Blocks of vectors begin at multiples in the whole batch, so that cuts do not show.
    for (std::int64_t row = 0; row < a_.rows;) {
      const std::int64_t place = (pass_.draw.row_offset + row) % kVectors;
      const std::int64_t rows = std::min(kVectors - place, a_.rows - row);
      first_ = row;
      rows_ = rows;
      run_block();
      row += rows;
    }
    const std::int64_t samples = a_.rows * pass_.columns * pass_.inputs.tiles * planes_ * slices_;
    return {inputs_clipped_, config_.dac.bits > 0 ? a_.rows * a_.cols : 0, outputs_clipped_,
            config_.adc_bits > 0 ? samples : 0};
  }

 protected:
  /// Columns [first, first + count) of all vectors at hand.
  virtual void prepare() = 0;
  virtual void multiply(std::int64_t first_col, std::int64_t count) = 0;
  [[nodiscard]] virtual std::int64_t block_columns() const = 0;

  /// Codes of the vectors at hand and sums of their inputs.
  void encode() {
    codes_.resize(at(rows_ * a_.cols));
    input_sums_.assign(at(rows_ * pass_.inputs.tiles), 0.0);
    whole_sums_.assign(at(rows_), 0.0);
    parallel_for(rows_, 16, [&](std::int64_t begin, std::int64_t end) {
      std::vector<float> gathered(at(a_.col_stride == 1 ? 0 : a_.cols));
      for (std::int64_t i = begin; i < end; ++i) {
        const float* row = a_.data + (first_ + i) * a_.row_stride;
        if (a_.col_stride != 1) {
          for (std::int64_t j = 0; j < a_.cols; ++j) gathered[at(j)] = a_(first_ + i, j);
          row = gathered.data();
        }
        float* const codes = codes_.data() + i * a_.cols;
        const std::int64_t clipped = encode_input(config_, pass_.scaled_inputs(), row, a_.cols,
                                                  scales_[at(first_ + i)], codes);
        if (clipped > 0) inputs_clipped_ += clipped;
        if (mapping_.differential()) continue;
        const double full = pass_.scaled_inputs() ? config_.dac.full_code() : 1.0;
        double whole = 0;
        for (std::int64_t t = 0; t < pass_.inputs.tiles; ++t) {
          double sum = 0;
          for (std::int64_t j = 0; j < pass_.inputs.length(t); ++j) {
            sum += static_cast<double>(codes[pass_.inputs.begin(t) + j]);
          }
          input_sums_[at(i * pass_.inputs.tiles + t)] = sum / full;
          whole += sum;
        }
        whole_sums_[at(i)] = whole / full;
      }
    });
  }

  /// Codes of one column and slice to its total, as BlockReader adds them.
  [[nodiscard]] double read(double unit, double codes, std::int64_t tile, std::int64_t col,
                            int slice, std::int64_t vector) const {
    const double value = unit * codes;
    if (!pass_.cells->flipped(pass_.first_tile + tile, col, slice)) return value;
    return mapping_.slice_weight(slice) * mapping_.complement() *
               input_sums_[at(vector * pass_.inputs.tiles + tile)] -
           value;
  }
  [[nodiscard]] const analog::Adc& adc(std::int64_t tile, int slice) const {
    return pass_.tiles[at(tile)].adc[at(slice)];
  }
  [[nodiscard]] double slice_unit(std::int64_t tile, int slice) const {
    return mapping_.slice_weight(slice) * adc(tile, slice).lsb() * pass_.reading_unit();
  }

  /// A vector's totals of some columns to C, or to the readings of unit columns.
  void leave(std::int64_t vector, std::int64_t col, std::int64_t count, const double* totals) {
    if (col >= pass_.outputs) {
      std::copy_n(totals, count, &units_(vector, col - pass_.outputs));
      return;
    }
    const double middle = mapping_.middle() * whole_sums_[at(vector)];
    const double full_scale = scales_[at(first_ + vector)];
    for (std::int64_t j = 0; j < count; ++j) {
      const double idle =
          pass_.unit_columns() ? units_(vector, pass_.output_tiles.tile_of(col + j)) : middle;
      c_(first_ + vector, col + j) =
          static_cast<float>((totals[j] - idle) * pass_.scale[at(col + j)] * full_scale);
    }
  }

  void count_clipped(std::int64_t clipped) {
    if (clipped > 0) outputs_clipped_ += clipped;
  }

  const ComposedPass& pass_;
  const Config& config_;
  const WeightMapping& mapping_;
  const SlicedOperand& operand_;
  MatrixView<const float> a_;
  MatrixView<float> c_;
  Workspace& workspace_;
  std::vector<double>& scales_;
  int slices_;
  int planes_;
  std::int64_t first_ = 0;  // vector of A
  std::int64_t rows_ = 0;   // vectors at hand
  std::vector<float> codes_;

 private:
  void run_block() {
    encode();
    prepare();
    const auto columns = [&](std::int64_t begin, std::int64_t end) {
      const std::int64_t width = block_columns();
      parallel_for((end - begin + width - 1) / width, 1,
                   [&](std::int64_t first, std::int64_t last) {
                     for (std::int64_t b = first; b < last; ++b) {
                       const std::int64_t col = begin + b * width;
                       multiply(col, std::min(width, end - col));
                     }
                   });
    };
    if (pass_.unit_columns()) {
      units_ = Matrix<double>(rows_, pass_.columns - pass_.outputs);
      columns(pass_.outputs, pass_.columns);
    }
    columns(0, pass_.outputs);
  }

  std::vector<double> input_sums_;  // vector x tile, relative to full scale
  std::vector<double> whole_sums_;
  Matrix<double> units_;
  std::atomic<std::int64_t> inputs_clipped_{0};
  std::atomic<std::int64_t> outputs_clipped_{0};
};

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
      const auto fill = [&](const std::vector<float>& rows, std::vector<float>& tables) {
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
          kernel().tables(
              rows.data() + ((first_col * slices_ + lane) * tile.groups + first) * kGroupRows,
              groups, tables.data() + lane * kGroups * kTableEntries);
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
        kernel().look_up(index + p * kLanes, stride, from, pair, some, groups, to, first > 0);
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
        clipped += kernel().convert(readout, totals);
        continue;
      }
      alignas(64) double own[kLanes] = {};
      clipped += kernel().convert(readout, own);
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

/// Ideal quantised cells.
class BytesProduct final : public SlicedProduct {
 public:
  using SlicedProduct::SlicedProduct;

 private:
  [[nodiscard]] std::int64_t block_columns() const override { return kBytesColumns; }

  /// Planes in bytes: vector, tile, plane, row; and their sums.
  void prepare() override {
    start_.assign(1, 0);
    for (const auto& tile : operand_.tiles) {
      start_.push_back(start_.back() + tile.groups * 4 * planes_);
    }
    planes_bytes_.assign(at(rows_ * start_.back()), 0);
    sums_.assign(at(rows_ * pass_.inputs.tiles * planes_), 0);
    parallel_for(rows_, 8, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t v = begin; v < end; ++v) {
        for (std::int64_t t = 0; t < pass_.inputs.tiles; ++t) make_planes(v, t);
      }
    });
  }

  void make_planes(std::int64_t v, std::int64_t t) {
    const std::int64_t stride = operand_.tiles[at(t)].groups * 4;
    const float* const codes = codes_.data() + v * a_.cols + pass_.inputs.begin(t);
    std::int8_t* const out = planes_bytes_.data() + place_of(v, t);
    const int bits = planes_ > 1 ? config_.plane_bits : 8;
    for (int p = 0; p < planes_; ++p) {
      std::int32_t sum = 0;
      for (std::int64_t j = 0; j < pass_.inputs.length(t); ++j) {
        const auto code = static_cast<std::int32_t>(codes[j]);
        const std::int32_t magnitude = code < 0 ? -code : code;
        const std::int32_t digit = (magnitude >> (p * bits)) & ((1 << bits) - 1);
        const std::int32_t value = code < 0 ? -digit : digit;
        out[p * stride + j] = static_cast<std::int8_t>(value);
        sum += value;
      }
      sums_[at((v * pass_.inputs.tiles + t) * planes_ + p)] = sum;
    }
  }

  void multiply(std::int64_t first_col, std::int64_t count) override {
    thread_local std::vector<double> totals;
    totals.assign(at(rows_ * kBytesColumns), 0.0);
    std::int64_t clipped = 0;
    // Some vectors' planes and one slice's bytes stay in the caches.
    constexpr std::int64_t kVectorsPerTurn = 16;
    for (std::int64_t t = 0; t < pass_.inputs.tiles; ++t) {
      for (std::int64_t v = 0; v < rows_; v += kVectorsPerTurn) {
        const std::int64_t end = std::min(v + kVectorsPerTurn, rows_);
        for (int slice = 0; slice < slices_; ++slice) {
          clipped += read_slice(t, slice, first_col, count, v, end, totals);
        }
      }
    }
    count_clipped(clipped);
    for (std::int64_t v = 0; v < rows_; ++v) {
      leave(v, first_col, count, totals.data() + v * kBytesColumns);
    }
  }

  std::int64_t read_slice(std::int64_t t, int slice, std::int64_t first_col, std::int64_t count,
                          std::int64_t first_vector, std::int64_t last_vector,
                          std::vector<double>& totals) const {
    const SlicedOperand::Tile& tile = operand_.tiles[at(t)];
    const ComposedTile& behind = pass_.tiles[at(t)];
    const analog::Adc& behind_adc = adc(t, slice);
    float gain[kBytesColumns] = {};
    float offset[kBytesColumns] = {};
    for (std::int64_t j = 0; j < count && !behind.gain.empty(); ++j) {
      gain[j] = behind.gain[at((first_col + j) * slices_ + slice)];
      offset[j] = behind.offset[at((first_col + j) * slices_ + slice)];
    }
    bool flipped = false;
    for (std::int64_t j = 0; j < count; ++j) {
      flipped = flipped || pass_.cells->flipped(pass_.first_tile + t, first_col + j, slice);
    }
    const std::int64_t block = first_col < pass_.outputs
                                   ? first_col / kBytesColumns
                                   : (pass_.outputs + kBytesColumns - 1) / kBytesColumns +
                                         (first_col - pass_.outputs) / kBytesColumns;
    alignas(64) double codes[kBytesColumns];
    kernels::BytesWork work{};
    work.weights = tile.bytes.data() + (block * slices_ + slice) * tile.groups * 4 * kBytesColumns;
    work.plane_stride = tile.groups * 4;
    work.fours = tile.groups;
    work.count = planes_;
    work.plane_bits = planes_ > 1 ? config_.plane_bits : 0;
    work.shift = mapping_.differential() ? static_cast<std::int32_t>(mapping_.steps()) : 0;
    work.unit = pass_.array_per_sum();
    work.per_lsb = 1.0 / behind_adc.lsb();
    work.present = behind_adc.present();
    work.low = behind_adc.least_code();
    work.high = behind_adc.full_code();
    work.bias = behind_adc.bias();
    work.gain = behind.gain.empty() ? nullptr : gain;
    work.offset = offset;
    work.codes = codes;
    work.lanes = count == 32 ? 0xFFFFFFFFU : (1U << count) - 1U;
    work.per_code = slice_unit(t, slice);
    std::int64_t clipped = 0;
    for (std::int64_t v = first_vector; v < last_vector; ++v) {
      work.planes = planes_bytes_.data() + place_of(v, t);
      work.plane_sums = sums_.data() + (v * pass_.inputs.tiles + t) * planes_;
      double* const total = totals.data() + v * kBytesColumns;
      work.totals = flipped ? nullptr : total;
      clipped += kernel().bytes(work);
      if (!flipped) continue;
      for (std::int64_t j = 0; j < count; ++j) {
        total[j] += read(work.per_code, codes[j], t, first_col + j, slice, v);
      }
    }
    return clipped;
  }

  /// Where a vector's planes of a tile begin: vectors of one tile follow each other.
  [[nodiscard]] std::int64_t place_of(std::int64_t v, std::int64_t t) const {
    return start_[at(t)] * rows_ + v * (start_[at(t + 1)] - start_[at(t)]);
  }

  std::vector<std::int64_t> start_;
  std::vector<std::int8_t> planes_bytes_;
  std::vector<std::int32_t> sums_;
};

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

/// Columns [first, last): each lane's rows in a stretch of their own, and their sums.
void lay_out_rows(const ComposedPass& pass, const Effective& from, std::int64_t tile,
                  std::int64_t first, std::int64_t last, std::int64_t depth,
                  std::vector<float>& rows, std::vector<float>& sums) {
  const int lanes = pass.cells->lanes();
  std::vector<double> total(at((last - first) * lanes), 0.0);
  float* const to = rows.data() + first * lanes * depth;
  for (std::int64_t j = 0; j < pass.inputs.length(tile); ++j) {
    std::int64_t i = 0;
    for (std::int64_t col = first; col < last; ++col) {
      const float* const value = from.at(pass.inputs.begin(tile) + j, col);
      for (int lane = 0; lane < lanes; ++lane, ++i) {
        to[i * depth + j] = value[lane];
        total[at(i)] += static_cast<double>(value[lane]);
      }
    }
  }
  std::transform(total.begin(), total.end(), sums.begin() + first * lanes,
                 [](double x) { return static_cast<float>(x); });
}

}  // namespace

SlicedWay sliced_way(const ComposedPass& pass) {
  const Config& config = *pass.config;
  if (kernel().look_up == nullptr || !config.composed() || pass.cells->split() ||
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
    const std::int64_t depth = tile.groups * rows_of_group;
    // Padded rows meet inputs of zero, or hold zeros.
    if (bytes) {
      tile.bytes.assign(at(blocks * lanes * depth * kBytesColumns), 0);
      continue;
    }
    tile.rows.assign(at(pass.columns * lanes * depth), 0.0F);
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
      const std::int64_t depth = tile.groups * kGroupRows;
      lay_out_rows(pass, values, t, first, last, depth, tile.rows, tile.sums);
      if (variances.data == nullptr) continue;
      lay_out_rows(pass, squares, t, first, last, depth, tile.variances, tile.variance_sums);
    }
  });
  return out;
}

void lay_out_by_rows(const ComposedPass& pass, RowOfWeights effective, RowOfWeights variances,
                     SlicedOperand& operand) {
  operand.way = SlicedWay::look_up;
  operand.tiles.resize(at(pass.inputs.tiles));
  const std::int64_t lanes = pass.columns * pass.cells->lanes();
  const bool noisy = !pass.white.empty();
  // Sums over all rows complete unsigned inputs and squares.
  const bool sums = noisy || pass.config->dac.is_unsigned;
  for (std::int64_t t = 0; t < pass.inputs.tiles; ++t) {
    SlicedOperand::Tile& tile = operand.tiles[at(t)];
    tile.groups = (pass.inputs.length(t) + kGroupRows - 1) / kGroupRows;
    const std::int64_t depth = tile.groups * kGroupRows;
    tile.rows.resize(at(lanes * depth));  // zeros behind the last row stay
    tile.sums.resize(at(lanes));
    tile.variances.resize(at(noisy ? lanes * depth : 0));
    tile.variance_sums.resize(at(noisy ? lanes : 0));
  }
  constexpr std::int64_t kRows = 16;  // a line of the cache of each lane
  const std::int64_t pieces = (pass.inputs.longest() + kRows - 1) / kRows;
  parallel_for(pass.inputs.tiles * pieces, 1, [&](std::int64_t begin, std::int64_t end) {
    thread_local std::vector<float> rows;
    rows.resize(at(kRows * lanes));
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t t = i / pieces;
      SlicedOperand::Tile& tile = operand.tiles[at(t)];
      const std::int64_t first = i % pieces * kRows;
      const std::int64_t count = std::min(kRows, pass.inputs.length(t) - first);
      const std::int64_t depth = tile.groups * kGroupRows;
      const auto turn = [&](RowOfWeights fill, std::vector<float>& to) {
        for (std::int64_t j = 0; j < count; ++j) {
          fill(pass.inputs.begin(t) + first + j, {rows.data() + j * lanes, at(lanes)});
        }
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
          float* const line = to.data() + lane * depth + first;
          for (std::int64_t j = 0; j < count; ++j) line[j] = rows[at(j * lanes + lane)];
        }
      };
      if (count <= 0) continue;
      turn(effective, tile.rows);
      if (noisy) turn(variances, tile.variances);
    }
  });
  if (!sums) return;
  parallel_for(pass.inputs.tiles, 1, [&](std::int64_t begin, std::int64_t end) {
    const auto add_up = [&](const std::vector<float>& rows, std::int64_t depth,
                            std::vector<float>& to) {
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        double sum = 0;
        for (std::int64_t j = 0; j < depth; ++j) {
          sum += static_cast<double>(rows[at(lane * depth + j)]);
        }
        to[at(lane)] = static_cast<float>(sum);
      }
    };
    for (std::int64_t t = begin; t < end; ++t) {
      SlicedOperand::Tile& tile = operand.tiles[at(t)];
      const std::int64_t depth = tile.groups * kGroupRows;
      add_up(tile.rows, depth, tile.sums);
      if (noisy) add_up(tile.variances, depth, tile.variance_sums);
    }
  });
}

Saturation multiply_sliced(const ComposedPass& pass, const SlicedOperand& operand,
                           MatrixView<const float> a, MatrixView<float> c, Workspace& workspace) {
  if (operand.way == SlicedWay::bytes) {
    return BytesProduct(pass, operand, a, c, workspace).run();
  }
  return LookUpProduct(pass, operand, a, c, workspace).run();
}

}  // namespace jb::crossbar
