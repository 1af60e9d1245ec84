#pragma once
// The network of one tile solved once into the matrix that stands for it: output currents of unit
// inputs (see wires.h for the topologies). Exact to rounding, by elimination of lines: an output
// line is tridiagonal, its inverse known in O(N^2); what is left is a chain of dense blocks along
// the input lines. All matrices are inputs x outputs, relative to g_max.

#include <cstdint>
#include <span>

#include "backends/core/matrix.h"
#include "backends/crossbar/wires.h"

namespace jb::crossbar {

/// Effective conductances of one array in topology input-source: N inputs, M outputs, M N^3 steps.
/// With model.ladders each line alone: N M steps.
void solve_input_source(const WireModel& model, MatrixView<const double> g,
                        MatrixView<double> effective);

/// The same for pairs on interleaved lines; the differences that the output lines carry. 8 M N^3
/// steps.
void solve_interleaved(const WireModel& model, MatrixView<const double> positive,
                       MatrixView<const double> negative, MatrixView<double> effective);

/// The same for topology separate-source with cells that always conduct.
void solve_separate_source(const WireModel& model, MatrixView<const double> g,
                           MatrixView<double> effective);

/// One output line of topology separate-source, with cells cut off where their input is 0: its
/// current. `scratch` holds 2 x.size() numbers.
double gated_current(const WireModel& model, const double* g, std::span<const double> x,
                     std::span<double> scratch);

/// What input `row` of `rows` alone gives there through conductance g.
double gated_alone(const WireModel& model, double g, std::int64_t row, std::int64_t rows) noexcept;

}  // namespace jb::crossbar
