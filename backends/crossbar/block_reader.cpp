// Blocks of columns read through their converters, whatever their sums come from.

#include <algorithm>
#include <cmath>

#include "backends/analog/rows.h"
#include "backends/crossbar/composed_product.h"

namespace jb::crossbar {
namespace {

constexpr std::int64_t kArea = kBlock * kBlock;

/// Reads one block; its buffers are kept per thread.
class BlockReader {
 public:
  BlockReader(const ComposedPass& pass, SumSource& source, std::int64_t first_vector,
              std::int64_t vectors, std::int64_t first_col, std::int64_t cols, double* totals)
      : pass_(pass),
        config_(*pass.config),
        mapping_(pass.config->mapping),
        source_(source),
        first_vector_(first_vector),
        vectors_(vectors),
        first_col_(first_col),
        cols_(cols),
        totals_(totals) {
    thread_local std::vector<double> buffer;
    slices_ = static_cast<std::size_t>(mapping_.slices);
    buffer.resize(static_cast<std::size_t>(kArea) * (3 + 2 * slices_));
    value_ = buffer.data();
    other_ = value_ + kArea;
    noise_ = other_ + kArea;
    codes_ = noise_ + kArea;
    charge_ = codes_ + static_cast<std::size_t>(kArea) * slices_;
  }

  std::int64_t run() {
    std::fill_n(totals_, kArea, 0.0);
    for (std::int64_t tile = 0; tile < pass_.inputs.tiles; ++tile) read_tile(tile);
    return clipped_;
  }

 private:
  [[nodiscard]] double* of_slice(double* base, int slice) const {
    return base + static_cast<std::ptrdiff_t>(slice) * kArea;
  }

  template <class F>
  void for_rows(F&& body) {
    for (std::int64_t i = 0; i < vectors_; ++i) body(i, i * kBlock);
  }

  void read_tile(std::int64_t tile) {
    const int readings = pass_.readings();
    const bool together = config_.analog_accumulation && readings > 1;
    std::fill_n(codes_, static_cast<std::size_t>(kArea) * slices_, 0.0);
    if (together) std::fill_n(charge_, static_cast<std::size_t>(kArea) * slices_, 0.0);
    for (int reading = 0; reading < readings; ++reading) {
      source_.select(tile, reading);
      const double weight = std::ldexp(1.0, reading * config_.plane_bits);
      for (int slice = 0; slice < mapping_.slices; ++slice) {
        read_slice(tile, reading, slice);
        if (together) {
          add(of_slice(charge_, slice), weight * pass_.reading_unit());
          continue;
        }
        convert(tile, slice, value_);
        add(of_slice(codes_, slice), weight);
      }
    }
    if (together) {
      for (int slice = 0; slice < mapping_.slices; ++slice) {
        convert(tile, slice, of_slice(charge_, slice));
        for_rows([&](std::int64_t, std::int64_t at) {
          std::copy_n(of_slice(charge_, slice) + at, cols_, of_slice(codes_, slice) + at);
        });
      }
    }
    for (int slice = 0; slice < mapping_.slices; ++slice) add_slice(tile, slice, together);
  }

  /// Adds the value at hand, times `weight`, to a slice's sum over planes.
  void add(double* sum, double weight) {
    for_rows([&](std::int64_t, std::int64_t at) {
      for (std::int64_t j = 0; j < cols_; ++j) sum[at + j] += weight * value_[at + j];
    });
  }

  /// One reading of a slice in front of its converter, in array units, to value_.
  void read_slice(std::int64_t tile, int reading, int slice) {
    if (!pass_.cells->split()) {
      read_lane(tile, reading, slice, value_);
      if (config_.current_limit > 0) clip(value_);
      return;
    }
    read_lane(tile, reading, 2 * slice, value_);
    read_lane(tile, reading, 2 * slice + 1, other_);
    if (config_.current_limit > 0) {
      clip(value_);
      clip(other_);
    }
    for_rows([&](std::int64_t, std::int64_t at) {
      for (std::int64_t j = 0; j < cols_; ++j) value_[at + j] -= other_[at + j];
    });
  }

  void clip(double* values) {
    for_rows([&](std::int64_t, std::int64_t at) {
      (void)analog::clip({values + at, static_cast<std::size_t>(cols_)}, config_.current_limit);
    });
  }

  void read_lane(std::int64_t tile, int reading, int lane, double* out) {
    source_.sums(lane, first_col_, cols_, out);
    const double unit = pass_.array_per_sum();
    for_rows([&](std::int64_t, std::int64_t at) {
      for (std::int64_t j = 0; j < cols_; ++j) out[at + j] *= unit;
    });
    if (!pass_.white.empty()) add_noise(tile, reading, lane, out);
  }

  /// A number of its own for each vector, column, lane and reading: the stream's columns are
  /// vectors.
  void add_noise(std::int64_t tile, int reading, int lane, double* out) {
    source_.variances(lane, first_col_, cols_, noise_);
    float normals[kBlock];
    const std::span<float> drawn(normals, static_cast<std::size_t>(vectors_));
    for (std::int64_t j = 0; j < cols_; ++j) {
      pass_.white[static_cast<std::size_t>(tile)].normals(
          drawn, noise_row(pass_, first_col_ + j, lane, reading), first_vector_, pass_.draw.call);
      for_rows([&](std::int64_t i, std::int64_t at) {
        out[at + j] += std::sqrt(noise_[at + j]) * static_cast<double>(normals[i]);
      });
    }
  }

  /// Values in array units become codes (stay what they are without a converter).
  void convert(std::int64_t tile, int slice, double* values) {
    const ComposedTile& behind = pass_.tiles[static_cast<std::size_t>(tile)];
    const analog::Adc& adc = behind.adc[static_cast<std::size_t>(slice)];
    if (pass_.samples != nullptr) keep(slice, values);
    const double per_lsb = 1.0 / adc.lsb();
    for_rows([&](std::int64_t, std::int64_t at) {
      for (std::int64_t j = 0; j < cols_; ++j) values[at + j] *= per_lsb;
      if (!behind.gain.empty()) {
        for (std::int64_t j = 0; j < cols_; ++j) {
          const auto column = static_cast<std::size_t>((first_col_ + j) * mapping_.slices + slice);
          values[at + j] = values[at + j] * (1.0 + static_cast<double>(behind.gain[column])) +
                           static_cast<double>(behind.offset[column]);
        }
      }
      if (!adc.present()) return;
      clipped_ += analog::digitise(adc, {values + at, static_cast<std::size_t>(cols_)});
    });
  }

  void keep(int slice, const double* values) {
    const std::lock_guard lock(pass_.samples->mutex);
    std::vector<float>& kept = pass_.samples->of_slice[static_cast<std::size_t>(slice)];
    const std::int64_t stride = pass_.samples->stride;
    const std::int64_t first = (stride - first_col_ % stride) % stride;
    for_rows([&](std::int64_t, std::int64_t at) {
      for (std::int64_t j = first; j < cols_; j += stride) {
        kept.push_back(static_cast<float>(values[at + j]));
      }
    });
  }

  /// A slice's codes to the totals; complements are taken back.
  void add_slice(std::int64_t tile, int slice, bool together) {
    const double weight = mapping_.slice_weight(slice);
    const double unit =
        weight * pass_.slice_factor(slice) *
        pass_.tiles[static_cast<std::size_t>(tile)].adc[static_cast<std::size_t>(slice)].lsb() *
        (together ? 1.0 : pass_.reading_unit());
    const double* const codes = of_slice(codes_, slice);
    for_rows([&](std::int64_t i, std::int64_t at) {
      const double all =
          mapping_.flip ? weight * mapping_.complement() * source_.input_sum(i) : 0.0;
      for (std::int64_t j = 0; j < cols_; ++j) {
        const double read = unit * codes[at + j];
        const bool flipped = pass_.cells->flipped(pass_.first_tile + tile, first_col_ + j, slice);
        totals_[at + j] += flipped ? all - read : read;
      }
    });
  }

  const ComposedPass& pass_;
  const Config& config_;
  const WeightMapping& mapping_;
  SumSource& source_;
  std::int64_t first_vector_, vectors_, first_col_, cols_;
  double* totals_;
  std::size_t slices_ = 1;
  double* value_ = nullptr;
  double* other_ = nullptr;
  double* noise_ = nullptr;
  double* codes_ = nullptr;   // per slice: codes summed over planes
  double* charge_ = nullptr;  // per slice: array units summed over planes
  std::int64_t clipped_ = 0;
};

}  // namespace

std::int64_t read_block(const ComposedPass& pass, SumSource& source, std::int64_t first_vector,
                        std::int64_t vectors, std::int64_t first_col, std::int64_t cols,
                        double* totals) {
  return BlockReader(pass, source, first_vector, vectors, first_col, cols, totals).run();
}

}  // namespace jb::crossbar
