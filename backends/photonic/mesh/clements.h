#pragma once
// Rectangular meshes of Mach-Zehnder interferometers (MZI) that realise any unitary matrix.
//
//   [Clements2016]  W. R. Clements et al., "Optimal design for universal multiport
//                   interferometers", Optica 3, 1460 (2016): the order of nulling, depth N
//   [Bandyopadhyay2021]  S. Bandyopadhyay, R. Hamerly and D. Englund, "Hardware error correction
//   for
//                   programmable photonics", Optica 8, 1247 (2021): correction MZI by MZI
//
// An MZI on modes (m, m + 1) is, with splitter angles a and b (pi/4 each when they are perfect),
//   R = B(b) diag(e^{i theta}, 1) B(a) diag(e^{i phi}, 1),   B(x) = [cos x, i sin x; i sin x, cos
//   x].

#include <array>
#include <complex>
#include <cstdint>
#include <span>
#include <vector>

#include "backends/core/matrix.h"

namespace jb::photonic {

/// A 2 x 2 unitary [u0 u1; u2 u3] on modes (mode, mode + 1).
template <class T>
struct ModeRotation {
  std::int32_t mode = 0;
  std::array<T, 4> u{};
};

/// U = after_last ... after_first diag before_last ... before_first: N (N - 1) / 2 rotations in
/// all.
template <class T>
struct RotationProduct {
  std::vector<ModeRotation<T>> before;  ///< in the order that light meets them
  std::vector<T> diagonal;
  std::vector<ModeRotation<T>> after;
};

/// Nulls the lower triangle of a unitary (complex) or orthogonal (double) matrix by rotations of
/// its columns and rows in turn [Clements2016].
template <class T>
RotationProduct<T> decompose(Matrix<T> unitary);

struct MziPhases {
  std::int32_t mode = 0;
  double theta = 0;  ///< internal, 0 .. pi
  double phi = 0;    ///< external, before the first splitter, 0 .. 2 pi
};

/// Errors of an MZI's two splitter angles, in rad.
struct SplitterErrors {
  double first = 0;
  double second = 0;
};

/// What the phase shifters of one mesh are set to.
struct MeshPhases {
  std::vector<MziPhases> mzis;  ///< in the order that light meets them
  std::vector<double> outputs;  ///< one per mode, behind the last column
};

/// Phases that realise the product. `known` splitter errors, one per MZI (or none), are corrected
/// as far as each MZI's range allows [Bandyopadhyay2021].
template <class T>
MeshPhases phases_of(const RotationProduct<T>& product, std::span<const SplitterErrors> known = {});

/// Complex fields of `cols` columns, a row per mode, real and imaginary parts apart.
struct ModeFields {
  Matrix<double> re;
  Matrix<double> im;
};

/// Fields 1 on the diagonal: what comes out is the matrix of whatever they pass.
ModeFields unit_fields(std::int64_t modes);

struct MeshOptics {
  std::span<const SplitterErrors> splitters;  ///< one per MZI; empty: perfect
  double field_transmission = 1;              ///< of one MZI
  bool balanced = true;  ///< modes that skip one of the N columns pass a dummy of the same loss
};

/// Sends the fields through a mesh.
void pass_mesh(const MeshPhases& phases, const MeshOptics& optics, ModeFields& fields);

}  // namespace jb::photonic
