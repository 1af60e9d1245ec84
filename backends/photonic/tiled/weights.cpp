#include "backends/photonic/tiled/weights.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "backends/analog/converter.h"
#include "backends/analog/rows.h"
#include "backends/core/threads.h"
#include "backends/photonic/mesh/mesh_tile.h"
#include "backends/photonic/tiled/coherent_lanes.h"
#include "backends/photonic/tiled/ring_bank.h"

namespace jb::photonic {
namespace {

constexpr std::int64_t kColumnsPerPiece = 16;

/// Target weights: codes of B, or B itself.
RealisedWeights targets(const TiledParameters& p, MatrixView<const double> b, double largest) {
  RealisedWeights out;
  out.values = Matrix<double>(b.rows, b.cols);
  const analog::Dac dac{p.kind == TiledKind::mesh ? 0 : static_cast<int>(p.bits_b)};
  out.integer = dac.bits > 0;
  if (out.integer) out.unit = largest / dac.full_code();
  for (std::int64_t l = 0; l < b.rows; ++l) {
    for (std::int64_t j = 0; j < b.cols; ++j) {
      out.values(l, j) =
          out.integer ? (largest > analog::kLeastFullScale ? dac.code(b(l, j) / largest) : 0.0)
                      : b(l, j);
    }
  }
  return out;
}

/// The largest singular value scales a mesh, tile by tile; errors where there are any.
void realise_mesh(const TiledParameters& p, const DeviceInstance& instance, std::int64_t first_core,
                  const LockState& lock, RealisedWeights& out) {
  const std::int64_t n = p.slots;
  Matrix<double>& values = out.values;
  const bool exact = weights_are_exact(p);
  parallel_for(out.full_scale.size(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const std::int64_t top = t / out.full_scale.cols() * n;
      const std::int64_t left = t % out.full_scale.cols() * n;
      const std::int64_t rows = std::min(n, values.rows() - top);
      const std::int64_t cols = std::min(n, values.cols() - left);
      Matrix<double> w(n, n);  // an output per row
      for (std::int64_t l = 0; l < rows; ++l) {
        for (std::int64_t j = 0; j < cols; ++j) w(j, l) = values(top + l, left + j);
      }
      const MeshHardware hardware{p.mesh, instance, (first_core + t) % p.cores, lock};
      out.full_scale.data()[t] = realise_tile(hardware, exact, w);
      if (exact) continue;
      for (std::int64_t l = 0; l < rows; ++l) {
        for (std::int64_t j = 0; j < cols; ++j) values(top + l, left + j) = w(j, l);
      }
    }
  });
}

}  // namespace

bool weights_are_exact(const TiledParameters& p) noexcept {
  const bool mesh = p.mesh.phase_bits == 0 && p.mesh.phase_error_rad == 0 &&
                    p.mesh.splitter_rad == 0 && p.mesh.drift_rad_per_rt_s == 0 &&
                    (p.mesh.balanced || p.mesh.mzi_loss_dB == 0);
  const bool rings = p.rings.fwhm_GHz == 0 && p.rings.weight_error == 0;
  const bool lanes = p.lanes.gain == 0 && p.lanes.phase_rad == 0 && p.lanes.drift_rad_per_rt_s == 0;
  return mesh && rings && lanes;
}

RealisedWeights realise(const TiledParameters& p, const DeviceInstance& instance,
                        MatrixView<const double> b, double largest, std::int64_t first_core,
                        const LockState& lock) {
  RealisedWeights out = targets(p, b, largest);
  const std::int64_t slot_tiles = (b.rows + p.slots - 1) / p.slots;
  const std::int64_t output_tiles = (b.cols + p.outputs - 1) / p.outputs;
  out.full_scale = Matrix<double>(slot_tiles, output_tiles);
  if (p.kind == TiledKind::mesh) {
    realise_mesh(p, instance, first_core, lock, out);
    return out;
  }
  std::fill_n(out.full_scale.data(), out.full_scale.size(), largest);
  if (weights_are_exact(p) || largest == 0) return out;
  out.integer = false;
  const double to_weight = out.unit / largest;
  double usable = 1;
  parallel_for(b.cols, kColumnsPerPiece, [&](std::int64_t begin, std::int64_t end) {
    std::vector<double> w(static_cast<std::size_t>(p.slots));
    for (std::int64_t j = begin; j < end; ++j) {
      for (std::int64_t t = 0; t < slot_tiles; ++t) {
        const std::int64_t top = t * p.slots;
        const std::int64_t count = std::min(p.slots, b.rows - top);
        w.assign(static_cast<std::size_t>(p.slots), 0.0);
        for (std::int64_t l = 0; l < count; ++l) {
          w[static_cast<std::size_t>(l)] = out.values(top + l, j) * to_weight;
        }
        const std::int64_t tile = t * output_tiles + j / p.outputs;
        const LaneAddress lane{(first_core + tile) % p.cores, j % p.outputs};
        if (p.kind == TiledKind::ring_bank) {
          set_rings(p.rings, instance, lane, lock, w);
        } else {
          send_lane(p, instance, lane, lock, w);
        }
        for (std::int64_t l = 0; l < count; ++l) {
          out.values(top + l, j) = w[static_cast<std::size_t>(l)] / to_weight;
        }
      }
    }
  });
  if (p.kind == TiledKind::ring_bank) usable = usable_weight(p.rings);
  for (std::int64_t t = 0; t < out.full_scale.size(); ++t) out.full_scale.data()[t] /= usable;
  return out;
}

}  // namespace jb::photonic
