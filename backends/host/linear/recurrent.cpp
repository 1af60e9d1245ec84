// RNN, LSTM and GRU: the products of all inputs at once, those of the hidden state step by step.
//
// Rows of the input product are (sample, step), so that a sample's rows do not depend on how many
// samples run together.

#include <algorithm>
#include <optional>

#include "backends/core/threads.h"
#include "backends/host/linear/gate_functions.h"
#include "backends/host/linear/operators.h"
#include "backends/host/ops/kernel_call.h"
#include "backends/host/ops/strided.h"

namespace jb::host {
namespace {

template <class T>
class Recurrence {
 public:
  explicit Recurrence(const LinearCall<T>& call)
      : call_(call), attributes_(call.node.template get<RecurrentAttributes>()) {
    const Dims& x = call.input(0).dims();
    steps_ = x[attributes_.batch_first ? 1 : 0];
    samples_ = x[attributes_.batch_first ? 0 : 1];
    width_ = x[2];
    directions_ = call.input(1).dims()[0];
    width_of_state_ = call.input(2).dims()[2];
    projects_ = call.node.op == Op::lstm && call.optional_input(8) != nullptr;
    hidden_ = projects_ ? call.input(8).dims()[2] : width_of_state_;
    gates_ = call.node.op == Op::lstm ? 4 : call.node.op == Op::gru ? 3 : 1;
    functions_ = gate_functions(call.node, directions_);
    if (attributes_.clip) clip_ = static_cast<T>(*attributes_.clip);
    read_lengths();
  }

  std::vector<Tensor> run() {
    Tensor x = call_.input(0);
    if (!attributes_.batch_first) {
      x = Tensor(x.type(), {samples_, steps_, width_});
      copy_strided(call_.input(0), 0, x.dims(), {width_, samples_ * width_, 1}, x);
    }
    std::vector<Tensor> outputs;
    for (const KnownValue& output : call_.outputs) outputs.emplace_back(output.type, output.dims);
    inputs_.resize(static_cast<std::size_t>(samples_ * steps_ * gates_ * hidden_));
    for (std::int64_t d = 0; d < directions_; ++d) {
      if (samples_ * steps_ > 0) {
        const std::int64_t cols = gates_ * hidden_;
        call_.multiplier.multiply(0, d, {x.as<T>().data(), samples_ * steps_, width_, width_, 1},
                                  {inputs_.data(), samples_ * steps_, cols, cols, 1}, {});
      }
      run_direction(d, outputs);
    }
    return outputs;
  }

 private:
  void read_lengths() {
    lengths_.assign(static_cast<std::size_t>(samples_), steps_);
    const Tensor* given = call_.optional_input(4);
    if (given == nullptr) return;
    const auto held = given->as<std::int32_t>();
    for (std::size_t n = 0; n < held.size(); ++n) {
      if (held[n] < 0 || held[n] > steps_) {
        fail_usage("node '{}' ({}): a sequence of {} steps in {}", call_.node.name,
                   name_of(call_.node.op), held[n], steps_);
      }
      lengths_[n] = held[n];
    }
  }

  /// State [directions, samples, size] (or samples first) of one direction as samples x size.
  std::vector<T> initial_state(std::size_t input, std::int64_t d, std::int64_t size) const {
    std::vector<T> state(static_cast<std::size_t>(samples_ * size), T{0});
    const Tensor* given = call_.optional_input(input);
    if (given == nullptr) return state;
    const T* const from = given->as<T>().data();
    for (std::int64_t n = 0; n < samples_; ++n) {
      std::copy_n(from + state_at(n, d) * size, size, state.data() + n * size);
    }
    return state;
  }
  [[nodiscard]] std::int64_t state_at(std::int64_t n, std::int64_t d) const noexcept {
    return attributes_.batch_first ? n * directions_ + d : d * samples_ + n;
  }
  [[nodiscard]] std::int64_t output_at(std::int64_t n, std::int64_t t,
                                       std::int64_t d) const noexcept {
    return (attributes_.batch_first ? (n * steps_ + t) * directions_ + d
                                    : (t * directions_ + d) * samples_ + n) *
           width_of_state_;
  }

  [[nodiscard]] T clipped(T x) const noexcept {
    return clip_ ? std::max(-*clip_, std::min(*clip_, x)) : x;
  }
  [[nodiscard]] T gate(std::size_t function, T x) const {
    return functions_[first_function_ + function](clipped(x));
  }

  void run_direction(std::int64_t d, std::vector<Tensor>& outputs) {
    first_function_ =
        functions_.size() / static_cast<std::size_t>(directions_) * static_cast<std::size_t>(d);
    const bool reverse = attributes_.direction == RecurrentAttributes::Direction::reverse || d == 1;
    h_ = initial_state(5, d, width_of_state_);
    c_ = initial_state(6, d, hidden_);
    const Tensor* bias = call_.optional_input(3);
    bias_ = bias != nullptr ? bias->as<T>().data() + d * 2 * gates_ * hidden_ : nullptr;
    const Tensor* peepholes = call_.optional_input(7);
    peepholes_ = peepholes != nullptr ? peepholes->as<T>().data() + d * 3 * hidden_ : nullptr;
    sums_.resize(static_cast<std::size_t>(samples_ * gates_ * hidden_));
    if (projects_) cells_.assign(static_cast<std::size_t>(samples_ * hidden_), T{0});
    T* const y = outputs[0].as_mutable<T>().data();
    for (std::int64_t step = 0; step < steps_ && samples_ > 0; ++step) {
      multiply_state(d, step);
      parallel_for(samples_, row_grain(64 * hidden_), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t n = begin; n < end; ++n) {
          const std::int64_t length = lengths_[static_cast<std::size_t>(n)];
          if (step >= length) continue;  // the sequence has ended: the state stays, Y is zero
          const std::int64_t t = reverse ? length - 1 - step : step;
          advance(n, inputs_.data() + (n * steps_ + t) * gates_ * hidden_);
          if (projects_) continue;
          std::copy_n(h_.data() + n * hidden_, hidden_, y + output_at(n, t, d));
        }
      });
      if (projects_) project(d, step, reverse, y);
    }
    for (std::size_t o = 1; o < outputs.size(); ++o) {
      T* const last = outputs[o].as_mutable<T>().data();
      const std::vector<T>& state = o == 1 ? h_ : c_;
      const std::int64_t size = o == 1 ? width_of_state_ : hidden_;
      for (std::int64_t n = 0; n < samples_; ++n) {
        std::copy_n(state.data() + n * size, size, last + state_at(n, d) * size);
      }
    }
  }

  /// sums = H R^T; where the reset gate comes first, its candidate columns are those of (r H)
  /// R_h^T.
  void multiply_state(std::int64_t d, std::int64_t step) {
    const std::int64_t all = gates_ * hidden_;
    const bool apart = call_.node.op == Op::gru && !attributes_.linear_before_reset;
    const std::int64_t cols = apart ? 2 * hidden_ : all;
    const MatrixView<const T> h{h_.data(), samples_, width_of_state_, width_of_state_, 1};
    call_.multiplier.multiply(1, d, h, {sums_.data(), samples_, cols, all, 1}, {0, step});
    if (!apart) return;
    reset_.resize(static_cast<std::size_t>(samples_ * hidden_));
    const bool reverse = attributes_.direction == RecurrentAttributes::Direction::reverse || d == 1;
    for (std::int64_t n = 0; n < samples_; ++n) {
      const std::int64_t length = lengths_[static_cast<std::size_t>(n)];
      const std::int64_t t = std::max<std::int64_t>(0, reverse ? length - 1 - step : step);
      const T* const in = inputs_.data() + (n * steps_ + t) * all + hidden_;
      const T* const sum = sums_.data() + n * all + hidden_;
      for (std::int64_t j = 0; j < hidden_; ++j) {
        const T r = gate(0, in[j] + sum[j] + biases(1, j));
        reset_[static_cast<std::size_t>(n * hidden_ + j)] =
            r * h_[static_cast<std::size_t>(n * hidden_ + j)];
      }
    }
    call_.multiplier.multiply(2, d, {reset_.data(), samples_, hidden_, hidden_, 1},
                              {sums_.data() + 2 * hidden_, samples_, hidden_, all, 1}, {0, step});
  }

  /// The cells' outputs of this step through the projection: state and Y of sequences that go on.
  void project(std::int64_t d, std::int64_t step, bool reverse, T* y) {
    const std::int64_t size = width_of_state_;
    projected_.resize(static_cast<std::size_t>(samples_ * size));
    call_.multiplier.multiply(2, d, {cells_.data(), samples_, hidden_, hidden_, 1},
                              {projected_.data(), samples_, size, size, 1}, {0, step});
    for (std::int64_t n = 0; n < samples_; ++n) {
      const std::int64_t length = lengths_[static_cast<std::size_t>(n)];
      if (step >= length) continue;
      std::copy_n(projected_.data() + n * size, size, h_.data() + n * size);
      std::copy_n(projected_.data() + n * size, size,
                  y + output_at(n, reverse ? length - 1 - step : step, d));
    }
  }

  [[nodiscard]] T input_bias(std::int64_t gate, std::int64_t j) const noexcept {
    return bias_ != nullptr ? bias_[gate * hidden_ + j] : T{0};
  }
  [[nodiscard]] T state_bias(std::int64_t gate, std::int64_t j) const noexcept {
    return bias_ != nullptr ? bias_[(gates_ + gate) * hidden_ + j] : T{0};
  }
  [[nodiscard]] T biases(std::int64_t gate, std::int64_t j) const noexcept {
    return input_bias(gate, j) + state_bias(gate, j);
  }

  void advance(std::int64_t n, const T* in) {
    const T* const sum = sums_.data() + n * gates_ * hidden_;
    T* const h = (projects_ ? cells_ : h_).data() + n * hidden_;
    T* const c = c_.data() + n * hidden_;
    for (std::int64_t j = 0; j < hidden_; ++j) {
      const auto total = [&](std::int64_t g) {
        return in[g * hidden_ + j] + sum[g * hidden_ + j] + biases(g, j);
      };
      if (call_.node.op == Op::rnn) {
        h[j] = gate(0, total(0));
      } else if (call_.node.op == Op::lstm) {
        advance_lstm(j, total, h, c);
      } else {
        advance_gru(j, total, in, sum, h);
      }
    }
  }

  /// Gates in the order i, o, f, c; peepholes i, o, f.
  template <class Total>
  void advance_lstm(std::int64_t j, Total total, T* h, T* c) const {
    const auto peep = [&](std::int64_t g, T cell) {
      return peepholes_ != nullptr ? peepholes_[g * hidden_ + j] * cell : T{0};
    };
    const T i = gate(0, total(0) + peep(0, c[j]));
    const T f = attributes_.input_forget ? T{1} - i : gate(0, total(2) + peep(2, c[j]));
    const T candidate = gate(1, total(3));
    c[j] = f * c[j] + i * candidate;
    const T o = gate(0, total(1) + peep(1, c[j]));
    h[j] = o * functions_[first_function_ + 2](c[j]);
  }

  /// Gates in the order z, r, h.
  template <class Total>
  void advance_gru(std::int64_t j, Total total, const T* in, const T* sum, T* h) const {
    const T z = gate(0, total(0));
    T candidate = in[2 * hidden_ + j];
    if (attributes_.linear_before_reset) {
      const T r = gate(0, total(1));
      candidate += input_bias(2, j) + r * (sum[2 * hidden_ + j] + state_bias(2, j));
    } else {
      candidate += sum[2 * hidden_ + j] + biases(2, j);
    }
    h[j] = (T{1} - z) * gate(1, candidate) + z * h[j];
  }

  const LinearCall<T>& call_;
  const RecurrentAttributes& attributes_;
  std::int64_t steps_ = 0, samples_ = 0, width_ = 0, directions_ = 0, hidden_ = 0, gates_ = 0;
  std::vector<GateFunction> functions_;
  std::size_t first_function_ = 0;  // of the direction
  std::optional<T> clip_;
  std::vector<std::int64_t> lengths_;
  bool projects_ = false;
  std::int64_t width_of_state_ = 0;  // hidden, or what the projection leaves of it
  std::vector<T> inputs_, sums_, reset_, h_, c_;
  std::vector<T> cells_, projected_;  // outputs before and after the projection
  const T* bias_ = nullptr;
  const T* peepholes_ = nullptr;
};

}  // namespace

template <class T>
std::vector<Tensor> run_recurrent(const LinearCall<T>& call) {
  return Recurrence<T>(call).run();
}

template std::vector<Tensor> run_recurrent(const LinearCall<float>&);
template std::vector<Tensor> run_recurrent(const LinearCall<double>&);

}  // namespace jb::host
