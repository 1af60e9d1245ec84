#include "backends/crossbar/wire_solver.h"

#include <algorithm>
#include <vector>

#include "backends/core/gemm.h"
#include "backends/core/kernels.h"
#include "backends/crossbar/wire_kernel.h"

namespace jb::crossbar {
namespace {

kernels::Invert inverse_kernel() {
  static const kernels::Invert chosen = [] {
    const int level = jb::kernels::isa_level();
    return level == 2 ? kernels::avx512::kInvert
                      : (level == 1 ? kernels::avx2::kInvert : kernels::baseline::kInvert);
  }();
  return chosen;
}

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

/// A line of n nodes, one segment from node to node and one from the last node to ground, a load to
/// a fixed potential at each: P = (L + diag(load))^-1 in units of the segment's resistance. Pivots
/// less 1 are kept (forward e, backward f), which no subtraction enters.
class Line {
 public:
  void set(std::span<const double> load) {
    const std::size_t n = load.size();
    e_.resize(n);
    f_.resize(n);
    e_[0] = load[0];
    for (std::size_t j = 1; j < n; ++j) e_[j] = load[j] + passed(e_[j - 1]);
    f_[n - 1] = load[n - 1] + 1.0;
    for (std::size_t j = n - 1; j-- > 0;) f_[j] = load[j] + passed(f_[j + 1]);
  }
  [[nodiscard]] double diagonal(std::size_t j) const {
    return 1.0 / (e_[j] + (j + 1 < f_.size() ? passed(f_[j + 1]) : 1.0));
  }
  /// P(j - 1, b) / P(j, b) for j <= b.
  [[nodiscard]] double step(std::size_t j) const { return 1.0 / (1.0 + e_[j - 1]); }
  /// The last row of P: share of a current into node j that reaches ground at the end, in
  /// conductances relative to the last segment's.
  void last_row(std::span<double> out) const {
    std::size_t j = out.size() - 1;
    out[j] = diagonal(j);
    for (; j > 0; --j) out[j - 1] = out[j] * step(j);
  }

 private:
  static double passed(double x) { return x / (1.0 + x); }
  std::vector<double> e_, f_;
};

/// Block elimination along the input lines. `sides` arrays share the output lines: one, or the two
/// of interleaved pairs, whose lines are the halves of each block.
class Network {
 public:
  Network(const WireModel& model, std::span<const MatrixView<const double>> sides)
      : model_(model),
        sides_(sides),
        inputs_(sides[0].rows),
        outputs_(sides[0].cols),
        lines_(inputs_ * static_cast<std::int64_t>(sides.size())),
        load_(index(inputs_)),
        g_(index(lines_)),
        block_(lines_, lines_),
        carried_(outputs_, lines_),
        product_(outputs_, lines_) {}

  /// Currents of all outputs for unit voltages on each line: outputs x lines.
  const Matrix<double>& solve() {
    for (std::int64_t i = outputs_; i-- > 0;) {
      enter(i);
      // (rho K + c - G of the next)^-1, c segments that meet at the node.
      const double meeting = i + 1 < outputs_ ? 2.0 : 1.0;
      for (std::int64_t j = 0; j < lines_; ++j) block_(j, j) += meeting;
      inverse_kernel()(block_.data(), lines_, lines_);
      const std::int64_t rows = outputs_ - i;
      gemm<double>(std::as_const(carried_).view().block(i, 0, rows, lines_),
                   std::as_const(block_).view(), product_.view().block(i, 0, rows, lines_));
      std::swap(carried_, product_);
    }
    return carried_;
  }

 private:
  /// block_ becomes row_rho K_i - block_ (the next position's), row i of carried_ what the output
  /// sees of the potentials at its crossings.
  void enter(std::int64_t i) {
    const auto n = index(inputs_);
    std::fill(load_.begin(), load_.end(), 0.0);
    for (std::size_t s = 0; s < sides_.size(); ++s) {
      for (std::int64_t j = 0; j < inputs_; ++j) {
        const double g = sides_[s](j, i);
        g_[s * n + index(j)] = g;
        load_[index(j)] += model_.col_rho * g;
      }
    }
    line_.set(load_);
    for (std::int64_t a = 0; a < lines_; ++a) {
      double* const row = &block_(a, 0);
      for (std::int64_t b = 0; b < lines_; ++b) row[b] = i + 1 < outputs_ ? -row[b] : 0.0;
      row[a] += model_.row_rho * g_[index(a)];
    }
    double* const seen = &carried_(i, 0);
    // Column b of P upwards from its diagonal; the block is symmetric.
    const double factor = model_.row_rho * model_.col_rho;
    for (std::size_t b = 0; b < n; ++b) {
      double p = line_.diagonal(b);
      for (std::size_t a = b + 1; a-- > 0;) {
        if (a < b) p *= line_.step(a + 1);
        if (b + 1 == n) {
          for (std::size_t s = 0; s < sides_.size(); ++s) seen[s * n + a] = p * g_[s * n + a];
        }
        take(a, b, factor * p);
      }
    }
  }

  /// Subtracts p g_a g_b where lines a and b of any side meet.
  void take(std::size_t a, std::size_t b, double p) {
    const auto n = index(inputs_);
    for (std::size_t s = 0; s < sides_.size(); ++s) {
      for (std::size_t t = 0; t < sides_.size(); ++t) {
        const auto row = static_cast<std::int64_t>(s * n + a);
        const auto col = static_cast<std::int64_t>(t * n + b);
        const double value = p * g_[index(row)] * g_[index(col)];
        block_(row, col) -= value;
        if (a != b) block_(col, row) -= value;
      }
    }
  }

  const WireModel& model_;
  std::span<const MatrixView<const double>> sides_;
  std::int64_t inputs_, outputs_, lines_;
  std::vector<double> load_, g_;
  Line line_;
  Matrix<double> block_, carried_, product_;
};

/// Each line alone: an output line between perfect drivers, times an input line between perfect
/// grounds.
void approximate(const WireModel& model, std::span<const MatrixView<const double>> sides,
                 MatrixView<double> effective) {
  const std::int64_t inputs = sides[0].rows;
  const std::int64_t outputs = sides[0].cols;
  Line line;
  std::vector<double> load(index(inputs));
  std::vector<double> share(index(inputs));
  Matrix<double> reach(inputs, outputs);
  for (std::int64_t i = 0; i < outputs; ++i) {
    std::fill(load.begin(), load.end(), 0.0);
    for (const auto& side : sides) {
      for (std::int64_t j = 0; j < inputs; ++j) load[index(j)] += model.col_rho * side(j, i);
    }
    line.set(load);
    line.last_row(share);
    for (std::int64_t j = 0; j < inputs; ++j) {
      reach(j, i) = share[index(j)];
      effective(j, i) = 0;
    }
  }
  load.resize(index(outputs));
  share.resize(index(outputs));
  double sign = 1;
  for (const auto& side : sides) {
    for (std::int64_t j = 0; j < inputs; ++j) {
      // Seen from its far end, so that the driver is the ground behind the last node.
      for (std::int64_t i = 0; i < outputs; ++i) {
        load[index(outputs - 1 - i)] = model.row_rho * side(j, i);
      }
      line.set(load);
      line.last_row(share);
      for (std::int64_t i = 0; i < outputs; ++i) {
        effective(j, i) += sign * side(j, i) * reach(j, i) * share[index(outputs - 1 - i)];
      }
    }
    sign = -1;
  }
}

/// t of a gated line (see gated_current), and T: returns T = 1 / (t_0 + rho_r + sum of drops).
double ladder(const WireModel& model, const double* g, std::int64_t n, double* e, double* t) {
  const double rho = model.row_rho + model.col_rho;
  e[0] = rho * g[0];
  t[0] = model.row_rho;
  for (std::int64_t j = 1; j < n; ++j) {
    const double pivot = 1.0 + e[j - 1];
    e[j] = rho * g[j] + e[j - 1] / pivot;
    t[j] = (j + 1 < n ? 0.0 : model.col_rho) + t[j - 1] / pivot;
  }
  if (n == 1) t[0] += model.col_rho;
  if (e[n - 1] <= 0) return 0;  // no cell conducts
  t[n - 1] /= e[n - 1];
  for (std::int64_t j = n - 1; j-- > 0;) t[j] = (t[j] + t[j + 1]) / (1.0 + e[j]);
  double current = 0;
  double drop = 0;
  for (std::int64_t j = 0; j < n; ++j) {
    current += g[j] * t[j];
    drop += current;
  }
  return 1.0 / (t[0] + model.row_rho + model.col_rho * drop);
}

}  // namespace

void solve_input_source(const WireModel& model, MatrixView<const double> g,
                        MatrixView<double> effective) {
  if (g.empty()) return;
  const MatrixView<const double> sides[] = {g};
  if (model.ladders) {
    approximate(model, sides, effective);
    return;
  }
  Network network(model, sides);
  const Matrix<double>& currents = network.solve();
  for (std::int64_t j = 0; j < g.rows; ++j) {
    for (std::int64_t i = 0; i < g.cols; ++i) effective(j, i) = currents(i, j);
  }
}

void solve_interleaved(const WireModel& model, MatrixView<const double> positive,
                       MatrixView<const double> negative, MatrixView<double> effective) {
  if (positive.empty()) return;
  const MatrixView<const double> sides[] = {positive, negative};
  if (model.ladders) {
    approximate(model, sides, effective);
    return;
  }
  Network network(model, sides);
  const Matrix<double>& currents = network.solve();
  for (std::int64_t j = 0; j < positive.rows; ++j) {
    for (std::int64_t i = 0; i < positive.cols; ++i) {
      effective(j, i) = currents(i, j) - currents(i, positive.rows + j);
    }
  }
}

// V_j = x_j - (supply's drop) - (output line's); differences of neighbours obey
//   V_(j+1) - 2 V_j + V_(j-1) = (rho_r + rho_c) g_j V_j, ends loaded with rho_r T and rho_c T,
// T the line's current. The network is symmetric, so that its current for any x is that of x = 1
// weighted by x: T(x) = sum_j x_j g_j V_j(1).
double gated_current(const WireModel& model, const double* g, std::span<const double> x,
                     std::span<double> scratch) {
  const auto n = static_cast<std::int64_t>(x.size());
  double* const e = scratch.data();
  double* const t = e + n;
  thread_local std::vector<double> on;
  on.resize(x.size());
  for (std::size_t j = 0; j < x.size(); ++j) on[j] = x[j] != 0 ? g[j] : 0.0;
  const double total = ladder(model, on.data(), n, e, t);
  double sum = 0;
  for (std::int64_t j = 0; j < n; ++j) sum += x[index(j)] * on[index(j)] * t[j];
  return total * sum;
}

double gated_alone(const WireModel& model, double g, std::int64_t row, std::int64_t rows) noexcept {
  return g / (1.0 + g * (model.row_rho * static_cast<double>(row + 1) +
                         model.col_rho * static_cast<double>(rows - row)));
}

void solve_separate_source(const WireModel& model, MatrixView<const double> g,
                           MatrixView<double> effective) {
  const std::int64_t n = g.rows;
  if (n == 0) return;
  std::vector<double> line(index(n));
  std::vector<double> e(index(n));
  std::vector<double> t(index(n));
  for (std::int64_t i = 0; i < g.cols; ++i) {
    for (std::int64_t j = 0; j < n; ++j) line[index(j)] = g(j, i);
    const double total = ladder(model, line.data(), n, e.data(), t.data());
    for (std::int64_t j = 0; j < n; ++j) effective(j, i) = total * line[index(j)] * t[index(j)];
  }
}

}  // namespace jb::crossbar
