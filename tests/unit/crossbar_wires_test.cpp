// Resistive lines: each topology's network against a general sparse solution of all its nodes, and
// what the approximation by ladders costs.

#include <gtest/gtest.h>

#include <Eigen/SparseCore>
#include <Eigen/SparseLU>
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "backends/crossbar/wire_solver.h"
#include "tests/support/crossbar_device.h"

namespace jb::test {
namespace {

using crossbar::WireModel;
using crossbar::WireTopology;

/// Conductances between 1/100 and 1, half of them at the low end as in one-sided pairs.
Matrix<double> conductances(std::int64_t inputs, std::int64_t outputs, std::uint64_t seed) {
  Matrix<double> g = normal_matrix<double>(inputs, outputs, seed);
  for (std::int64_t i = 0; i < g.size(); ++i) {
    g.data()[i] = std::clamp(0.5 * g.data()[i], 0.01, 1.0);
  }
  return g;
}

/// Nodes of resistors, potentials by sparse LU.
class Nodes {
 public:
  explicit Nodes(std::int64_t count) : count_(count) {}
  void resistor(std::int64_t a, std::int64_t b, double conductance) {
    add(a, a, conductance);
    add(b, b, conductance);
    add(a, b, -conductance);
    add(b, a, -conductance);
  }
  /// To a fixed potential, which drives `conductance` times it into the node.
  void terminal(std::int64_t node, double conductance) { add(node, node, conductance); }
  /// Potentials for injected currents, one column each.
  [[nodiscard]] Eigen::MatrixXd potentials(const Eigen::MatrixXd& currents) const {
    Eigen::SparseMatrix<double> matrix(count_, count_);
    matrix.setFromTriplets(entries_.begin(), entries_.end());
    Eigen::SparseLU<Eigen::SparseMatrix<double>> solver(matrix);
    return solver.solve(currents);
  }

 private:
  void add(std::int64_t row, std::int64_t col, double value) {
    entries_.emplace_back(static_cast<int>(row), static_cast<int>(col), value);
  }
  std::int64_t count_;
  std::vector<Eigen::Triplet<double>> entries_;
};

/// Output currents of unit inputs, from all nodes of input-source arrays that share output lines.
Matrix<double> by_nodes(const WireModel& model, const std::vector<const Matrix<double>*>& sides) {
  const std::int64_t n = sides[0]->rows();
  const std::int64_t m = sides[0]->cols();
  const auto count = static_cast<std::int64_t>(sides.size());
  // Row nodes of each side, then output nodes, all (j, i).
  const auto row_node = [&](std::int64_t s, std::int64_t j, std::int64_t i) {
    return (s * n + j) * m + i;
  };
  const auto col_node = [&](std::int64_t j, std::int64_t i) { return (count * n + j) * m + i; };
  Nodes nodes((count + 1) * n * m);
  const double g_row = 1 / model.row_rho;
  const double g_col = 1 / model.col_rho;
  Eigen::MatrixXd drive = Eigen::MatrixXd::Zero((count + 1) * n * m, n);
  for (std::int64_t j = 0; j < n; ++j) {
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t s = 0; s < count; ++s) {
        nodes.resistor(row_node(s, j, i), col_node(j, i),
                       (*sides[static_cast<std::size_t>(s)])(j, i));
        if (i > 0) nodes.resistor(row_node(s, j, i - 1), row_node(s, j, i), g_row);
        if (i == 0) {
          nodes.terminal(row_node(s, j, 0), g_row);
          drive(row_node(s, j, 0), j) = s == 0 ? g_row : -g_row;
        }
      }
      if (j > 0) nodes.resistor(col_node(j - 1, i), col_node(j, i), g_col);
      if (j + 1 == n) nodes.terminal(col_node(j, i), g_col);
    }
  }
  const Eigen::MatrixXd v = nodes.potentials(drive);
  Matrix<double> out(n, m);
  for (std::int64_t j = 0; j < n; ++j) {
    for (std::int64_t i = 0; i < m; ++i) out(j, i) = g_col * v(col_node(n - 1, i), j);
  }
  return out;
}

/// One line of topology separate-source by sparse LU: nodes of the supply and of the output line,
/// x_j a source in series with cell j.
double line_by_nodes(const WireModel& model, const std::vector<double>& g,
                     const std::vector<double>& x) {
  const auto n = static_cast<std::int64_t>(g.size());
  Nodes nodes(2 * n);
  Eigen::MatrixXd drive = Eigen::MatrixXd::Zero(2 * n, 1);
  for (std::int64_t j = 0; j < n; ++j) {
    const double cell = x[static_cast<std::size_t>(j)] != 0 ? g[static_cast<std::size_t>(j)] : 0.0;
    nodes.resistor(j, n + j, cell);
    drive(j, 0) -= cell * x[static_cast<std::size_t>(j)];
    drive(n + j, 0) += cell * x[static_cast<std::size_t>(j)];
    if (j == 0) nodes.terminal(0, 1 / model.row_rho);
    if (j > 0) nodes.resistor(j - 1, j, 1 / model.row_rho);
    if (j > 0) nodes.resistor(n + j - 1, n + j, 1 / model.col_rho);
    if (j + 1 == n) nodes.terminal(2 * n - 1, 1 / model.col_rho);
  }
  const Eigen::MatrixXd v = nodes.potentials(drive);
  return v(2 * n - 1, 0) / model.col_rho;
}

double worst(const Matrix<double>& a, const Matrix<double>& b) {
  double difference = 0;
  double largest = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) {
    difference = std::max(difference, std::abs(a.data()[i] - b.data()[i]));
    largest = std::max(largest, std::abs(b.data()[i]));
  }
  return difference / largest;
}

WireModel model_of(WireTopology topology, double row_rho, double col_rho) {
  WireModel model;
  model.topology = topology;
  model.row_rho = row_rho;
  model.col_rho = col_rho;
  return model;
}

struct Size {
  std::int64_t inputs, outputs;
  double row_rho, col_rho;
};
// From wires that hardly matter to the largest that a device file may give.
const Size kSizes[] = {{1, 1, 1e-3, 1e-3},   {1, 7, 1e-2, 1e-3},   {9, 1, 1e-3, 1e-2},
                       {16, 16, 2e-3, 2e-3}, {33, 20, 1e-6, 1e-6}, {20, 33, 1e-2, 1e-3},
                       {12, 12, 1.0, 1.0},   {48, 48, 5e-4, 5e-4}};

TEST(CrossbarWires, InputSourceEqualsASparseSolution) {
  std::vector<Size> sizes(std::begin(kSizes), std::end(kSizes));
  sizes.push_back({128, 128, 5e-4, 5e-4});  // the size whose time is promised
  for (const Size& s : sizes) {
    const WireModel model = model_of(WireTopology::input_source, s.row_rho, s.col_rho);
    const Matrix<double> g = conductances(s.inputs, s.outputs, 1);
    Matrix<double> effective(s.inputs, s.outputs);
    crossbar::solve_input_source(model, g.view(), effective.view());
    EXPECT_LT(worst(effective, by_nodes(model, {&g})), 1e-10) << s.inputs << " x " << s.outputs;
  }
}

TEST(CrossbarWires, InterleavedEqualsASparseSolution) {
  for (const Size& s : kSizes) {
    const WireModel model = model_of(WireTopology::interleaved, s.row_rho, s.col_rho);
    const Matrix<double> positive = conductances(s.inputs, s.outputs, 1);
    const Matrix<double> negative = conductances(s.inputs, s.outputs, 2);
    Matrix<double> effective(s.inputs, s.outputs);
    crossbar::solve_interleaved(model, positive.view(), negative.view(), effective.view());
    EXPECT_LT(worst(effective, by_nodes(model, {&positive, &negative})), 1e-10)
        << s.inputs << " x " << s.outputs;
  }
}

TEST(CrossbarWires, SeparateSourceEqualsASparseSolution) {
  for (const Size& s : kSizes) {
    const WireModel model = model_of(WireTopology::separate_source, s.row_rho, s.col_rho);
    const Matrix<double> g = conductances(s.inputs, s.outputs, 1);
    Matrix<double> effective(s.inputs, s.outputs);
    crossbar::solve_separate_source(model, g.view(), effective.view());
    const Matrix<double> inputs = normal_matrix<double>(1, s.inputs, 3);
    std::vector<double> x(inputs.data(), inputs.data() + s.inputs);
    std::vector<double> scratch(2 * x.size());
    for (const bool gated : {false, true}) {
      if (gated) {
        for (std::size_t j = 0; j < x.size(); j += 3) x[j] = 0;
      }
      for (std::int64_t i = 0; i < s.outputs; ++i) {
        std::vector<double> line;
        double linear = 0;
        for (std::int64_t j = 0; j < s.inputs; ++j) {
          line.push_back(g(j, i));
          linear += effective(j, i) * x[static_cast<std::size_t>(j)];
        }
        if (gated && s.inputs == 1) continue;  // nothing conducts
        const double expected = line_by_nodes(model, line, x);
        const double current = crossbar::gated_current(model, line.data(), x, scratch);
        EXPECT_NEAR(current, expected, 1e-10 * static_cast<double>(s.inputs)) << s.inputs;
        if (gated) continue;
        EXPECT_NEAR(linear, expected, 1e-10 * static_cast<double>(s.inputs));
      }
    }
  }
}

TEST(CrossbarWires, GatedCellsThatAreAllOffGiveNothing) {
  const WireModel model = model_of(WireTopology::separate_source, 1e-3, 1e-3);
  const double g[] = {0.5, 0.7};
  const std::vector<double> off = {0, 0};
  const std::vector<double> one = {0, 0.3};
  std::vector<double> scratch(4);
  EXPECT_EQ(crossbar::gated_current(model, g, off, scratch), 0.0);
  EXPECT_NEAR(crossbar::gated_current(model, g, one, scratch),
              0.3 * crossbar::gated_alone(model, 0.7, 1, 2), 1e-15);
}

TEST(CrossbarWires, LinesWithoutResistanceChangeNothing) {
  const Matrix<double> g = conductances(20, 15, 1);
  Matrix<double> effective(20, 15);
  for (const auto& [row, col] : {std::pair{0.0, 0.0}, std::pair{1e-15, 0.0}}) {
    const WireModel model = model_of(WireTopology::input_source, row, col);
    crossbar::solve_input_source(model, g.view(), effective.view());
    EXPECT_LT(worst(effective, g), 1e-12);
    crossbar::solve_separate_source(model_of(WireTopology::separate_source, 1e-14, 1e-14), g.view(),
                                    effective.view());
    EXPECT_LT(worst(effective, g), 1e-11);
  }
}

TEST(CrossbarWires, LaddersErrInTheSecondOrderOfTheDrop) {
  // What the whole network adds to both lines' own drops is their product: halving the resistance
  // quarters the error. Stated in the documentation of wire.solution: below 2 % of the largest
  // current while the drop itself is below 20 %.
  const Matrix<double> g = conductances(32, 32, 1);
  const auto errors = [&](WireTopology topology, double rho) {
    WireModel model = model_of(topology, rho, rho);
    const Matrix<double> other = conductances(32, 32, 2);
    Matrix<double> exact(32, 32);
    Matrix<double> quick(32, 32);
    Matrix<double> ideal = g;
    if (topology == WireTopology::interleaved) {
      crossbar::solve_interleaved(model, g.view(), other.view(), exact.view());
      for (std::int64_t i = 0; i < g.size(); ++i) ideal.data()[i] -= other.data()[i];
    } else {
      crossbar::solve_input_source(model, g.view(), exact.view());
    }
    model.ladders = true;
    if (topology == WireTopology::interleaved) {
      crossbar::solve_interleaved(model, g.view(), other.view(), quick.view());
    } else {
      crossbar::solve_input_source(model, g.view(), quick.view());
    }
    return std::pair{worst(quick, exact), relative_error(ideal, exact)};
  };
  for (const WireTopology topology : {WireTopology::input_source, WireTopology::interleaved}) {
    const auto [error, drop] = errors(topology, 2e-4);
    const auto half = errors(topology, 1e-4);
    EXPECT_LT(half.first, error / 3);
    EXPECT_LT(error, 0.1 * drop);
    RecordProperty("error", fmt::format("{} of a drop of {}", error, drop));
  }
}

TEST(CrossbarWires, ProductsPassTheSolvedNetwork) {
  // Tiles of 16 x 12: each a network of its own, here by hand.
  const Matrix<double> a = normal_matrix<double>(5, 32, 1);
  const Matrix<double> b = normal_matrix<double>(32, 24, 2);
  const auto device = crossbar_device("ideal", {{"tile.rows", "16"},
                                                {"tile.cols", "12"},
                                                {"cell.on_off", "100"},
                                                {"cell.g_max_uS", "100"},
                                                {"wire.topology", "input-source"},
                                                {"wire.row_ohm", "20"},
                                                {"wire.col_ohm", "10"}});
  double largest = 0;
  for (std::int64_t i = 0; i < b.size(); ++i) largest = std::max(largest, std::abs(b.data()[i]));
  const WireModel model = model_of(WireTopology::input_source, 2e-3, 1e-3);
  Matrix<double> effective(32, 24);
  for (std::int64_t row = 0; row < 32; row += 16) {
    for (std::int64_t col = 0; col < 24; col += 12) {
      Matrix<double> sides[2] = {Matrix<double>(16, 12), Matrix<double>(16, 12)};
      for (std::int64_t j = 0; j < 16; ++j) {
        for (std::int64_t i = 0; i < 12; ++i) {
          const double w = b(row + j, col + i) / largest;
          sides[0](j, i) = 0.01 + 0.99 * std::max(w, 0.0);
          sides[1](j, i) = 0.01 + 0.99 * std::max(-w, 0.0);
        }
      }
      const Matrix<double> positive = by_nodes(model, {&sides[0]});
      const Matrix<double> negative = by_nodes(model, {&sides[1]});
      for (std::int64_t j = 0; j < 16; ++j) {
        for (std::int64_t i = 0; i < 12; ++i) {
          effective(row + j, col + i) = (positive(j, i) - negative(j, i)) * largest / 0.99;
        }
      }
    }
  }
  const auto plan = make_plan(*device, 5, b);
  EXPECT_LT(relative_error(run(*plan, a, 24), plain_product(a, effective)), 1e-10);
  // By reciprocity, driving the outputs' ends and reading the inputs' gives the transpose.
  const Matrix<double> g = normal_matrix<double>(5, 24, 3);
  EXPECT_LT(relative_error(run(*plan, g, 32, {}, Direction::transposed),
                           plain_product(g, effective, true)),
            1e-10);
}

TEST(CrossbarWires, GatedProductsSolveEachPlane) {
  // Bit-serial planes on gated cells, as crosssim case 18 runs them: here each plane by sparse LU.
  const Matrix<double> a = normal_matrix<double>(3, 10, 1);
  const Matrix<double> b = normal_matrix<double>(10, 4, 2);
  const auto device = crossbar_device("ideal", {{"cell.on_off", "100"},
                                                {"cell.g_max_uS", "100"},
                                                {"dac.bits", "5"},
                                                {"input.range", "fixed"},
                                                {"input.max", "4"},
                                                {"input.coding", "bit-serial"},
                                                {"wire.topology", "separate-source"},
                                                {"wire.row_ohm", "20"},
                                                {"wire.col_ohm", "30"}});
  double largest = 0;
  for (std::int64_t i = 0; i < b.size(); ++i) largest = std::max(largest, std::abs(b.data()[i]));
  const WireModel model = model_of(WireTopology::separate_source, 2e-3, 3e-3);
  const Matrix<double> c = run(*make_plan(*device, 3, b), a, 4);
  for (std::int64_t v = 0; v < 3; ++v) {
    for (std::int64_t i = 0; i < 4; ++i) {
      double expected = 0;
      for (int k = 0; k < 4; ++k) {
        std::vector<double> x;
        for (std::int64_t j = 0; j < 10; ++j) {
          const double code = std::nearbyint(a(v, j) / 4 * 15);
          const auto bit = static_cast<double>((static_cast<int>(std::abs(code)) >> k) % 2);
          x.push_back(code < 0 ? -bit : bit);
        }
        for (const double side : {1.0, -1.0}) {
          std::vector<double> line;
          for (std::int64_t j = 0; j < 10; ++j) {
            line.push_back(0.01 + 0.99 * std::max(side * b(j, i) / largest, 0.0));
          }
          const bool on = std::any_of(x.begin(), x.end(), [](double u) { return u != 0; });
          if (on) expected += side * std::ldexp(1.0, k) / 15 * line_by_nodes(model, line, x);
        }
      }
      EXPECT_NEAR(c(v, i), expected * largest * 4 / 0.99, 1e-9) << v << " " << i;
    }
  }
}

}  // namespace
}  // namespace jb::test
