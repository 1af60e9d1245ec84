#pragma once
// One tile of weights on one mesh: W = U S V^T, two rectangular meshes and a column of attenuators.
//
//   [Shen2017]  Y. Shen et al., "Deep learning with coherent nanophotonic circuits", Nature
//               Photonics 11, 441 (2017)

#include <cstdint>

#include "backends/backend.h"
#include "backends/core/matrix.h"
#include "backends/photonic/tiled/parameters.h"
#include "backends/photonic/tiled/weights.h"

namespace jb::photonic {

/// The mesh that a tile is set on.
struct MeshHardware {
  const MeshImperfections& imperfections;
  const DeviceInstance& instance;
  std::int64_t core = 0;
  const LockState& lock;
};

/// Replaces `w` (N x N, an output per row) by what the mesh makes of it, unless it is `exact`, and
/// returns the largest singular value: passive meshes transmit W divided by it. Singular values are
/// scaled back by it and by the loss of a path through all columns, which is common to all paths
/// only in a balanced mesh.
double realise_tile(const MeshHardware& hardware, bool exact, Matrix<double>& w);

}  // namespace jb::photonic
