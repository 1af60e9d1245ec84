// RNN, LSTM and GRU against the equations of the ONNX operator reference, written out for one cell
// at a time.

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/nodes.h"

namespace jb::test {
namespace {

double at(const Tensor& t, std::int64_t i) {
  return static_cast<double>(t.as<float>()[static_cast<std::size_t>(i)]);
}
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

constexpr std::int64_t kSteps = 4, kSamples = 2, kWidth = 3, kHidden = 2;

struct Sequence {
  std::vector<std::vector<double>> h, c;  ///< by step, then hidden unit
};

/// One direction of one sample. `order`: the steps as they are taken.
Sequence follow(Op op, bool after, const Tensor& x, const Tensor& w, const Tensor& r,
                const Tensor& b, const Tensor* p, std::int64_t sample, std::int64_t direction,
                const std::vector<std::int64_t>& order) {
  const std::int64_t gates = op == Op::lstm ? 4 : op == Op::gru ? 3 : 1;
  std::vector<double> h(kHidden, 0.0);
  std::vector<double> c(kHidden, 0.0);
  Sequence result;
  result.h.resize(kSteps, std::vector<double>(kHidden, 0.0));
  result.c = result.h;
  const std::int64_t rows = gates * kHidden;
  const auto input = [&](std::int64_t t, std::int64_t row) {
    double sum = at(b, direction * 2 * rows + row);
    for (std::int64_t i = 0; i < kWidth; ++i) {
      sum += at(x, (t * kSamples + sample) * kWidth + i) *
             at(w, (direction * rows + row) * kWidth + i);
    }
    return sum;
  };
  const auto state = [&](const std::vector<double>& from, std::int64_t row) {
    double sum = 0;
    for (std::int64_t i = 0; i < kHidden; ++i) {
      sum += from[static_cast<std::size_t>(i)] * at(r, (direction * rows + row) * kHidden + i);
    }
    return sum;
  };
  const auto state_bias = [&](std::int64_t row) {
    return at(b, direction * 2 * rows + rows + row);
  };
  for (const std::int64_t t : order) {
    std::vector<double> next(kHidden);
    std::vector<double> reset(kHidden);
    for (std::int64_t j = 0; op == Op::gru && j < kHidden; ++j) {
      const std::int64_t row = kHidden + j;
      reset[static_cast<std::size_t>(j)] = sigmoid(input(t, row) + state(h, row) + state_bias(row));
    }
    for (std::int64_t j = 0; j < kHidden; ++j) {
      const auto u = static_cast<std::size_t>(j);
      const auto total = [&](std::int64_t gate) {
        const std::int64_t row = gate * kHidden + j;
        return input(t, row) + state(h, row) + state_bias(row);
      };
      if (op == Op::rnn) {
        next[u] = std::tanh(total(0));
      } else if (op == Op::lstm) {
        const auto peep = [&](std::int64_t gate, double cell) {
          return p != nullptr ? at(*p, (direction * 3 + gate) * kHidden + j) * cell : 0.0;
        };
        const double i = sigmoid(total(0) + peep(0, c[u]));
        const double f = sigmoid(total(2) + peep(2, c[u]));
        c[u] = f * c[u] + i * std::tanh(total(3));
        next[u] = sigmoid(total(1) + peep(1, c[u])) * std::tanh(c[u]);
      } else {
        const std::int64_t row = 2 * kHidden + j;
        double candidate = input(t, row);
        if (after) {
          candidate += reset[u] * (state(h, row) + state_bias(row));
        } else {
          std::vector<double> gated(kHidden);
          for (std::size_t k = 0; k < gated.size(); ++k) gated[k] = reset[k] * h[k];
          candidate += state(gated, row) + state_bias(row);
        }
        const double z = sigmoid(total(0));
        next[u] = (1 - z) * std::tanh(candidate) + z * h[u];
      }
    }
    h = next;
    result.h[static_cast<std::size_t>(t)] = h;
    result.c[static_cast<std::size_t>(t)] = c;
  }
  return result;
}

void check(Op op, RecurrentAttributes attributes, bool peepholes, bool lengths) {
  using Direction = RecurrentAttributes::Direction;
  const std::int64_t directions = attributes.direction == Direction::bidirectional ? 2 : 1;
  const std::int64_t gates = op == Op::lstm ? 4 : op == Op::gru ? 3 : 1;
  attributes.hidden = kHidden;
  const Tensor x = normal({kSteps, kSamples, kWidth}, 1);
  const Tensor w = normal({directions, gates * kHidden, kWidth}, 2);
  const Tensor r = normal({directions, gates * kHidden, kHidden}, 3);
  const Tensor b = normal({directions, 2 * gates * kHidden}, 4);
  const Tensor p = normal({directions, 3 * kHidden}, 5);
  const std::vector<std::int32_t> length = {3, 4};
  std::vector<Tensor> inputs = {x, w, r, b};
  const Tensor absent = Tensor::alias(DataType::f32, {0}, nullptr, nullptr);
  if (lengths || peepholes) {
    inputs.push_back(lengths ? Tensor::of<std::int32_t>({kSamples}, length) : absent);
  }
  if (peepholes) inputs.insert(inputs.end(), {absent, absent, p});
  const int outputs = op == Op::lstm ? 3 : 2;
  const auto y = run_node(node_of(op, attributes, outputs), inputs);
  for (std::int64_t d = 0; d < directions; ++d) {
    const bool reverse = attributes.direction == Direction::reverse || d == 1;
    for (std::int64_t n = 0; n < kSamples; ++n) {
      const std::int64_t steps = lengths ? length[static_cast<std::size_t>(n)] : kSteps;
      std::vector<std::int64_t> order;
      for (std::int64_t s = 0; s < steps; ++s) order.push_back(reverse ? steps - 1 - s : s);
      const Sequence wanted = follow(op, attributes.linear_before_reset, x, w, r, b,
                                     peepholes ? &p : nullptr, n, d, order);
      for (std::int64_t j = 0; j < kHidden; ++j) {
        const auto u = static_cast<std::size_t>(j);
        for (std::int64_t t = 0; t < kSteps; ++t) {
          // Float results of functions bounded by 1.
          EXPECT_NEAR(at(y[0], ((t * directions + d) * kSamples + n) * kHidden + j),
                      wanted.h[static_cast<std::size_t>(t)][u], 1e-6);
        }
        const auto last = static_cast<std::size_t>(order.back());
        EXPECT_NEAR(at(y[1], (d * kSamples + n) * kHidden + j), wanted.h[last][u], 1e-6);
        if (op == Op::lstm) {
          EXPECT_NEAR(at(y[2], (d * kSamples + n) * kHidden + j), wanted.c[last][u], 1e-6);
        }
      }
    }
  }
}

TEST(Recurrent, CellsFollowTheEquations) {
  using Direction = RecurrentAttributes::Direction;
  for (const Direction direction :
       {Direction::forward, Direction::reverse, Direction::bidirectional}) {
    RecurrentAttributes attributes;
    attributes.direction = direction;
    for (const bool lengths : {false, true}) {
      check(Op::rnn, attributes, false, lengths);
      check(Op::lstm, attributes, false, lengths);
      check(Op::lstm, attributes, true, lengths);
      check(Op::gru, attributes, false, lengths);
      RecurrentAttributes after = attributes;
      after.linear_before_reset = true;
      check(Op::gru, after, false, lengths);
    }
  }
}

TEST(Recurrent, ClipsAndCouplesGates) {
  RecurrentAttributes attributes;
  attributes.hidden = 1;
  attributes.clip = 0.5F;
  attributes.activations = {"Affine"};
  attributes.activation_alpha = {2};
  attributes.activation_beta = {1};
  const Tensor one = f32({1, 1, 1}, {1});
  const Tensor five = f32({1, 1, 1}, {5});
  EXPECT_EQ(floats(run_op(Op::rnn, {five, one, one}, attributes))[0], 2 * 0.5F + 1);
  RecurrentAttributes coupled;
  coupled.hidden = 1;
  coupled.input_forget = true;
  const Tensor w = f32({1, 4, 1}, {0, 0, 100, 0});  // a large forget gate would keep the cell
  const Tensor r = f32({1, 4, 1}, {0, 0, 0, 0});
  const Tensor absent = Tensor::alias(DataType::f32, {0}, nullptr, nullptr);
  const auto y = run_node(node_of(Op::lstm, coupled, 3),
                          {one, w, r, absent, absent, f32({1, 1, 1}, {0}), f32({1, 1, 1}, {1})});
  EXPECT_NEAR(floats(y[2])[0], 0.5, 1e-6);  // f = 1 - i = 1/2 of a cell that was 1
}

TEST(Recurrent, RefusesSizesAndNamesThatDoNotFit) {
  RecurrentAttributes attributes;
  attributes.hidden = 1;
  const Tensor one = f32({1, 1, 1}, {1});
  EXPECT_THROW(run_op(Op::rnn, {one, f32({1, 1, 2}, {1, 1}), one}, attributes), Error);
  attributes.activations = {"Cosine"};
  EXPECT_THROW(run_op(Op::rnn, {one, one, one}, attributes), Error);
  attributes.activations = {"Tanh", "Tanh"};
  EXPECT_THROW(run_op(Op::rnn, {one, one, one}, attributes), Error);
}

}  // namespace
}  // namespace jb::test
