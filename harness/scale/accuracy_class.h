#pragma once
// The accuracy that a machine can hold, by the error of one product.

#include <string>

#include "harness/scale/machine.h"

namespace jb::harness::scale {

struct AccuracyClass {
  double error = 0;    ///< relative Frobenius error of a product of normal data
  std::string name;    ///< "16-bit"
  std::string method;  ///< how the error was found
};

/// Simulated machines form a product of `k` terms (at most 256) once; digital ones are classed by
/// the unit roundoff of their arithmetic.
///   <= 1e-5 "32-bit", <= 5e-3 "16-bit", <= 3e-2 "8-bit", <= 0.3 "analog, coarse", else "no digits"
/// (rounding of normal data to b bits of full scale: 8 bits about 1e-2, 4 bits about 0.15.)
AccuracyClass accuracy_of(const Machine& machine, std::int64_t k);

/// Training by backpropagation is known to work down to 16-bit arithmetic with 32-bit sums
/// (Micikevicius et al., ICLR 2018): larger errors hold inference at most.
bool trains(const AccuracyClass& accuracy);

}  // namespace jb::harness::scale
