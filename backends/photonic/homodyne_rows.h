#pragma once
// Loops over the rows of fields and of readouts that only homodyne detection has (the others are
// those of backends/analog/rows.h). They exist once per instruction set and are
// compiled without contraction, so that all sets give the same bytes where the normals they are
// given are the same. Arrays of one call do not overlap unless a function says so.

#include <cstdint>

namespace jb::photonic {

/// What a row of fields adds up to: integers where fields are codes.
struct FieldSums {
  double sum = 0;
  double squares = 0;
};

/// Variance of a readout in electrons^2, of its light u = row light x share + column light:
/// constant + u (shot + common u) + cross x column light.
struct NoiseTerms {
  float row_light = 0;
  float constant = 0;
  float shot = 0;    ///< 1 with shot noise as a normal
  float common = 0;  ///< intensity noise that the balance of the diodes lets through
  float cross = 0;   ///< intensity noise of the product itself
};

/// Phase between the beams and the floors of modulators of finite extinction, in one row.
struct PhaseRow {
  double gain = 1;    ///< electrons per unit product of fields
  double cosine = 1;  ///< of the row's phase
  double sine = 0;
  double floor = 0;            ///< field floor of the row's modulator
  double floor_of_sum = 0;     ///< sum of the row's fields x relative floor
  double floor_of_cycles = 0;  ///< floor x relative floor x cycles
};

/// Columns, each array of n: cosine and sine of their phases, sums of their fields and their full
/// fields.
struct PhaseColumns {
  const double* cosine = nullptr;
  const double* sine = nullptr;
  const double* sum = nullptr;
  const double* full = nullptr;
};

/// Neighbouring columns: light of the left and right lane in this one, and its own factor.
struct Coupling {
  const double* own = nullptr;
  const double* left = nullptr;   ///< of column j - 1; 0 at j = 0
  const double* right = nullptr;  ///< of column j + 1; 0 at j = n - 1
};

struct HomodyneRows {
  /// Sums and squares of fields: exact for codes.
  FieldSums (*sums_i8)(const std::int8_t* x, std::int64_t n);
  FieldSums (*sums_f32)(const float* x, std::int64_t n);
  FieldSums (*sums_f64)(const double* x, std::int64_t n);
  /// Products of one row, coupled: d_j = own_j p_j + left_j p_(j-1) + right_j p_(j+1).
  void (*couple_i32)(const std::int32_t* p, std::int64_t n, const Coupling& c, double* d);
  void (*couple_f32)(const float* p, std::int64_t n, const Coupling& c, double* d);
  void (*couple_f64)(const double* p, std::int64_t n, const Coupling& c, double* d);
  /// d = factor p; p and d may be one array.
  void (*widen_i32)(const std::int32_t* p, std::int64_t n, double factor, double* d);
  void (*widen_f32)(const float* p, std::int64_t n, double factor, double* d);
  void (*widen_f64)(const double* p, std::int64_t n, double factor, double* d);
  void (*turn)(double* d, std::int64_t n, const PhaseRow& row, const PhaseColumns& columns);
  /// d = sqrt(1 - delta^2) d + residual (row light - column light).
  void (*unbalance)(double* d, std::int64_t n, const float* delta, const float* residual,
                    double row_light, const double* light);
  void (*add_noise)(double* d, std::int64_t n, const NoiseTerms& terms, const float* light,
                    const float* share, const float* normal);
  /// Mean counts of both diodes, (light +- d) / 2.
  void (*diodes)(const double* d, std::int64_t n, double row_light, const double* light,
                 double* plus, double* minus);
  void (*difference)(const double* plus, const double* minus, std::int64_t n, double* d);
  void (*accumulate)(const double* d, std::int64_t n, double* sums);
};

namespace kernels {
namespace baseline {
extern const HomodyneRows kHomodyneRows;
}
namespace avx2 {
extern const HomodyneRows kHomodyneRows;
}
namespace avx512 {
extern const HomodyneRows kHomodyneRows;
}
}  // namespace kernels

/// Those of the instruction set chosen at run time.
const HomodyneRows& homodyne_rows();

}  // namespace jb::photonic
