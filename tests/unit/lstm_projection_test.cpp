// An LSTM with projection P equals one without whose recurrent weights are R P and whose outputs
// are multiplied by P afterwards.

#include <gtest/gtest.h>

#include <cmath>

#include "backends/core/random.h"
#include "backends/host/kernels.h"

namespace jb::test {
namespace {

constexpr std::int64_t kSteps = 5, kSamples = 3, kWidth = 4, kCells = 6, kProjected = 2;
constexpr std::int64_t kRows = 4 * kCells;

Tensor normals(const Dims& dims, std::uint64_t seed) {
  Tensor tensor(DataType::f32, dims);
  RandomStream(seed, 0, tag_of("lstm_projection_test"), 0)
      .normals(tensor.as_mutable<float>(), 0, 0, 0);
  for (float& x : tensor.as_mutable<float>()) x *= 0.5F;
  return tensor;
}

std::vector<Tensor> run(RecurrentAttributes::Direction direction,
                        const std::vector<const Tensor*>& inputs) {
  NodeView node;
  node.op = Op::lstm;
  node.name = "lstm";
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    node.inputs.push_back(inputs[i] == nullptr ? kAbsent : static_cast<int>(i));
  }
  node.outputs = {20, 21, 22};
  RecurrentAttributes attributes;
  attributes.direction = direction;
  attributes.hidden = kCells;
  node.attributes = attributes;
  return host::run_kernel(node, inputs);
}

TEST(LstmProjection, EqualsAnLstmWithTheProductOfBothMatrices) {
  for (const auto direction :
       {RecurrentAttributes::Direction::forward, RecurrentAttributes::Direction::reverse,
        RecurrentAttributes::Direction::bidirectional}) {
    const std::int64_t directions =
        direction == RecurrentAttributes::Direction::bidirectional ? 2 : 1;
    const Tensor x = normals({kSteps, kSamples, kWidth}, 1);
    const Tensor w = normals({directions, kRows, kWidth}, 2);
    const Tensor r = normals({directions, kRows, kProjected}, 3);
    const Tensor b = normals({directions, 2 * kRows}, 4);
    const Tensor p = normals({directions, kProjected, kCells}, 5);
    Tensor lengths(DataType::s32, {kSamples});
    for (std::int64_t n = 0; n < kSamples; ++n) {
      lengths.as_mutable<std::int32_t>()[static_cast<std::size_t>(n)] =
          static_cast<std::int32_t>(kSteps - n);
    }
    Tensor both(DataType::f32, {directions, kRows, kCells});
    for (std::int64_t d = 0; d < directions; ++d) {
      for (std::int64_t i = 0; i < kRows; ++i) {
        for (std::int64_t j = 0; j < kCells; ++j) {
          double sum = 0;
          for (std::int64_t q = 0; q < kProjected; ++q) {
            sum += static_cast<double>(
                       r.as<float>()[static_cast<std::size_t>((d * kRows + i) * kProjected + q)]) *
                   static_cast<double>(
                       p.as<float>()[static_cast<std::size_t>((d * kProjected + q) * kCells + j)]);
          }
          both.as_mutable<float>()[static_cast<std::size_t>((d * kRows + i) * kCells + j)] =
              static_cast<float>(sum);
        }
      }
    }
    const auto projected =
        run(direction, {&x, &w, &r, &b, &lengths, nullptr, nullptr, nullptr, &p});
    const auto plain = run(direction, {&x, &w, &both, &b, &lengths});
    ASSERT_EQ(projected[0].dims(), (Dims{kSteps, directions, kSamples, kProjected}));
    ASSERT_EQ(projected[1].dims(), (Dims{directions, kSamples, kProjected}));
    ASSERT_EQ(projected[2].dims(), (Dims{directions, kSamples, kCells}));
    for (std::int64_t at = 0; at < kSteps * directions * kSamples; ++at) {
      const std::int64_t d = at / kSamples % directions;
      for (std::int64_t q = 0; q < kProjected; ++q) {
        double expected = 0;
        for (std::int64_t j = 0; j < kCells; ++j) {
          expected +=
              static_cast<double>(
                  p.as<float>()[static_cast<std::size_t>((d * kProjected + q) * kCells + j)]) *
              static_cast<double>(plain[0].as<float>()[static_cast<std::size_t>(at * kCells + j)]);
        }
        // R P is rounded to float; five steps carry that on: some 100 roundings of numbers near 1.
        EXPECT_NEAR(projected[0].as<float>()[static_cast<std::size_t>(at * kProjected + q)],
                    expected, 100 * 0x1p-24);
      }
    }
    for (std::size_t i = 0; i < plain[2].as<float>().size(); ++i) {
      EXPECT_NEAR(projected[2].as<float>()[i], plain[2].as<float>()[i], 100 * 0x1p-24);
    }
  }
}

}  // namespace
}  // namespace jb::test
