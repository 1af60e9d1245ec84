// Operators that move data, index and reduce, against values computed by hand and index arithmetic.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/nodes.h"

namespace jb::test {
namespace {

AxisAttributes axis(std::int64_t a) { return {a, 0}; }

TEST(LayoutKernels, TransposesOfAllOrdersAgreeWithIndexArithmetic) {
  const Dims dims = {3, 2, 37, 5};
  const Tensor x = counting(dims);
  std::vector<std::int64_t> perm = {0, 1, 2, 3};
  do {
    const Tensor y = run_op(Op::transpose, {x}, PermAttributes{perm});
    for (std::int64_t o = 0; o < y.size(); ++o) {
      std::int64_t index[4];
      std::int64_t rest = o;
      for (std::size_t d = 4; d-- > 0;) {
        index[perm[d]] = rest % y.dims()[d];
        rest /= y.dims()[d];
      }
      const std::int64_t at = ((index[0] * 2 + index[1]) * 37 + index[2]) * 5 + index[3];
      ASSERT_EQ(y.as<float>()[static_cast<std::size_t>(o)], static_cast<float>(at));
    }
  } while (std::next_permutation(perm.begin(), perm.end()));
}

TEST(LayoutKernels, ReshapeCopiesAndCompletesSizes) {
  const Tensor x = counting({2, 3, 4});
  EXPECT_EQ(run_op(Op::reshape, {x, i64({0, -1})}).dims(), (Dims{2, 12}));
  EXPECT_EQ(run_op(Op::reshape, {x, i64({4, 0, 2})}).dims(), (Dims{4, 3, 2}));
  EXPECT_EQ(
      run_op(Op::reshape, {Tensor(DataType::f32, {0, 3}), i64({3, 0})}, ReshapeAttributes{true})
          .dims(),
      (Dims{3, 0}));
  // An empty batch leaves the sizes of a sample.
  EXPECT_EQ(run_op(Op::reshape, {Tensor(DataType::f32, {0, 3, 4}), i64({0, -1})}).dims(),
            (Dims{0, 12}));
  EXPECT_THROW(run_op(Op::reshape, {x, i64({5, -1})}), Error);
  EXPECT_THROW(run_op(Op::reshape, {x, i64({-1, -1})}), Error);
  EXPECT_THROW(run_op(Op::reshape, {x, i64({2, 3, 4, 0})}), Error);
  EXPECT_THROW(run_op(Op::reshape, {x, i64({std::int64_t{1} << 40, std::int64_t{1} << 40})}),
               Error);
  EXPECT_EQ(run_op(Op::flatten, {x}, axis(-1)).dims(), (Dims{6, 4}));
  EXPECT_EQ(run_op(Op::flatten, {x}, axis(3)).dims(), (Dims{24, 1}));
  EXPECT_EQ(run_op(Op::unsqueeze, {x, i64({-1, 0})}).dims(), (Dims{1, 2, 3, 4, 1}));
  EXPECT_EQ(run_op(Op::squeeze, {counting({1, 3, 1}), i64({-1})}).dims(), (Dims{1, 3}));
  EXPECT_EQ(run_op(Op::squeeze, {counting({1, 3, 1})}).dims(), (Dims{3}));
  EXPECT_THROW(run_op(Op::squeeze, {x, i64({0})}), Error);
}

TEST(LayoutKernels, SlicesClampAndWalkBackwards) {
  const Tensor x = counting({6});
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const std::int64_t least = std::numeric_limits<std::int64_t>::min();
  const auto slice = [&](std::int64_t start, std::int64_t end, std::int64_t step) {
    return floats(run_op(Op::slice, {x, i64({start}), i64({end}), i64({0}), i64({step})}));
  };
  EXPECT_EQ(slice(1, -1, 2), (std::vector<float>{1, 3}));
  EXPECT_EQ(slice(-100, most, 5), (std::vector<float>{0, 5}));
  EXPECT_EQ(slice(most, least, -2), (std::vector<float>{5, 3, 1}));
  EXPECT_EQ(slice(4, 1, -1), (std::vector<float>{4, 3, 2}));
  EXPECT_EQ(slice(4, 1, 1), (std::vector<float>{}));
  EXPECT_EQ(slice(0, 6, most), (std::vector<float>{0}));
  EXPECT_EQ(slice(5, -100, least), (std::vector<float>{5}));
  EXPECT_THROW(slice(0, 1, 0), Error);
  const Tensor m = counting({3, 4});
  EXPECT_EQ(floats(run_op(Op::slice, {m, i64({1, -1}), i64({3, -4}), i64({0, 1}), i64({1, -1})})),
            (std::vector<float>{7, 6, 5, 11, 10, 9}));
}

TEST(LayoutKernels, ConcatAndSplitUndoEachOther) {
  const Tensor x = counting({2, 5, 3});
  const auto parts = run_node(node_of(Op::split, axis(1), 3), {x, i64({1, 3, 1})});
  EXPECT_EQ(floats(parts[0]), (std::vector<float>{0, 1, 2, 15, 16, 17}));
  EXPECT_EQ(floats(run_op(Op::concat, {parts[0], parts[1], parts[2]}, axis(-2))), floats(x));
  const auto uneven = run_node(node_of(Op::split, AxisAttributes{1, 2}, 2), {x});
  EXPECT_EQ(uneven[0].dims(), (Dims{2, 3, 3}));
  EXPECT_EQ(uneven[1].dims(), (Dims{2, 2, 3}));
  EXPECT_THROW(run_node(node_of(Op::split, axis(1), 2), {x}), Error);
  EXPECT_THROW(run_op(Op::concat, {counting({2, 3}), counting({3, 3})}, axis(1)), Error);
}

TEST(LayoutKernels, ExpandTilePadAndTriangles) {
  EXPECT_EQ(floats(run_op(Op::expand, {f32({2, 1}, {1, 2}), i64({2, 1, 2})})),
            (std::vector<float>{1, 1, 2, 2, 1, 1, 2, 2}));
  EXPECT_EQ(floats(run_op(Op::tile, {f32({1, 2}, {1, 2}), i64({2, 2})})),
            (std::vector<float>{1, 2, 1, 2, 1, 2, 1, 2}));
  const Tensor x = f32({3}, {1, 2, 3});
  const auto pad = [&](PadAttributes::Mode mode, std::int64_t before, std::int64_t after) {
    return floats(run_op(Op::pad, {x, i64({before, after}), scalar(9)}, PadAttributes{mode}));
  };
  EXPECT_EQ(pad(PadAttributes::Mode::constant, 1, 2), (std::vector<float>{9, 1, 2, 3, 9, 9}));
  EXPECT_EQ(pad(PadAttributes::Mode::constant, -1, 1), (std::vector<float>{2, 3, 9}));
  EXPECT_EQ(pad(PadAttributes::Mode::reflect, 2, 1), (std::vector<float>{3, 2, 1, 2, 3, 2}));
  EXPECT_EQ(pad(PadAttributes::Mode::edge, 1, 1), (std::vector<float>{1, 1, 2, 3, 3}));
  EXPECT_EQ(pad(PadAttributes::Mode::wrap, 1, 1), (std::vector<float>{3, 1, 2, 3, 1}));
  EXPECT_THROW(pad(PadAttributes::Mode::reflect, 3, 0), Error);
  EXPECT_THROW(pad(PadAttributes::Mode::constant, -4, 0), Error);
  EXPECT_EQ(floats(run_op(Op::pad, {counting({1, 2}), i64({1, 0, 0, 1})})),
            (std::vector<float>{0, 0, 0, 0, 1, 0}));
  NamedAttributes lower;
  lower.integers = {{"upper", 0}};
  EXPECT_EQ(floats(run_op(Op::trilu, {counting({2, 2})}, lower)), (std::vector<float>{0, 0, 2, 3}));
}

TEST(LayoutKernels, DepthAndSpaceAsInTheOperatorReference) {
  NamedAttributes two;
  two.integers = {{"blocksize", 2}};
  const Tensor x = counting({1, 4, 1, 2});
  EXPECT_EQ(floats(run_op(Op::depth_to_space, {x}, two)),
            (std::vector<float>{0, 2, 1, 3, 4, 6, 5, 7}));
  const Tensor y = counting({1, 1, 2, 4});
  EXPECT_EQ(floats(run_op(Op::space_to_depth, {y}, two)),
            (std::vector<float>{0, 2, 1, 3, 4, 6, 5, 7}));
}

TEST(IndexKernels, GatherCountsFromTheEndAndRefusesWhatIsOutside) {
  const Tensor x = counting({3, 2});
  EXPECT_EQ(floats(run_op(Op::gather, {x, i64({-1, 0})}, axis(0))),
            (std::vector<float>{4, 5, 0, 1}));
  EXPECT_EQ(floats(run_op(Op::gather, {x, i64({1})}, axis(1))), (std::vector<float>{1, 3, 5}));
  EXPECT_THROW(run_op(Op::gather, {x, i64({3})}, axis(0)), Error);
  EXPECT_THROW(run_op(Op::gather, {x, i64({-4})}, axis(0)), Error);
  const std::int64_t picks[] = {0, 0, 1, 0};
  EXPECT_EQ(
      floats(run_op(Op::gather_elements,
                    {f32({2, 2}, {1, 2, 3, 4}), Tensor::of<std::int64_t>({2, 2}, picks)}, axis(1))),
      (std::vector<float>{1, 1, 4, 3}));
  const std::int64_t corners[] = {0, 0, 1, 1};
  EXPECT_EQ(floats(run_op(Op::gather_nd,
                          {f32({2, 2}, {0, 1, 2, 3}), Tensor::of<std::int64_t>({2, 2}, corners)})),
            (std::vector<float>{0, 3}));
}

TEST(IndexKernels, ScatterWritesInOrderAndReduces) {
  const std::int64_t twice[] = {1, 1};
  const Tensor indices = Tensor::of<std::int64_t>({2, 1}, twice);
  const Tensor x = f32({3}, {1, 2, 3});
  EXPECT_EQ(floats(run_op(Op::scatter_nd, {x, indices, f32({2}, {8, 9})})),
            (std::vector<float>{1, 9, 3}));
  NamedAttributes add;
  add.strings = {{"reduction", "add"}};
  EXPECT_EQ(floats(run_op(Op::scatter_nd, {x, indices, f32({2}, {8, 9})}, add)),
            (std::vector<float>{1, 19, 3}));
  EXPECT_EQ(floats(x), (std::vector<float>{1, 2, 3}));  // the input stays as it was
}

TEST(IndexKernels, SizesRangesAndOneHot) {
  EXPECT_EQ(integers(run_op(Op::shape_of, {counting({2, 3, 4})}, ShapeAttributes{-2, {}})),
            (std::vector<std::int64_t>{3, 4}));
  EXPECT_EQ(integers(run_op(Op::size_of, {counting({2, 3})})), (std::vector<std::int64_t>{6}));
  EXPECT_EQ(integers(run_op(Op::range, {i64({10}), i64({4}), i64({-2})})),
            (std::vector<std::int64_t>{10, 8, 6}));
  EXPECT_EQ(floats(run_op(Op::range, {scalar(1), scalar(2), scalar(0.25F)})),
            (std::vector<float>{1, 1.25F, 1.5F, 1.75F}));
  EXPECT_THROW(run_op(Op::range, {i64({1}), i64({2}), i64({0})}), Error);
  const Tensor hot = run_op(Op::one_hot, {i64({1, -1, 7}), i64({3}), f32({2}, {2, 5})}, axis(-1));
  EXPECT_EQ(floats(hot), (std::vector<float>{2, 5, 2, 2, 2, 5, 2, 2, 2}));
  ConstantOfShapeAttributes seven{i64({7})};
  EXPECT_EQ(integers(run_op(Op::constant_of_shape, {i64({2})}, seven)),
            (std::vector<std::int64_t>{7, 7}));
  EXPECT_THROW(run_op(Op::constant_of_shape, {i64({-2})}), Error);
  EXPECT_THROW(run_op(Op::constant_of_shape, {i64({std::int64_t{1} << 47})}), Error);
  const std::int64_t bags[] = {0, 2, 1, 1};
  EXPECT_EQ(
      floats(run_op(Op::embedding_bag, {counting({3, 2}), Tensor::of<std::int64_t>({2, 2}, bags)})),
      (std::vector<float>{4, 6, 4, 6}));
}

TEST(ReductionKernels, AllKindsOverAllAxesAgreeWithPlainSums) {
  const Tensor x = normal({3, 4, 5}, 3);
  for (int mask = 1; mask < 8; ++mask) {
    std::vector<std::int64_t> axes;
    for (int d = 0; d < 3; ++d) {
      if ((mask >> d & 1) != 0) axes.push_back(d - 3);
    }
    const auto reduce = [&](Op op) { return run_op(op, {x, i64(axes)}); };
    const Tensor sum = reduce(Op::reduce_sum);
    const Tensor mean = reduce(Op::reduce_mean);
    const Tensor square = reduce(Op::reduce_sum_square);
    const Tensor l1 = reduce(Op::reduce_l1);
    const Tensor l2 = reduce(Op::reduce_l2);
    const Tensor largest = reduce(Op::reduce_max);
    const Tensor smallest = reduce(Op::reduce_min);
    const Tensor product = reduce(Op::reduce_prod);
    const Tensor exponential = reduce(Op::reduce_log_sum_exp);
    struct Wanted {
      double sum = 0, square = 0, l1 = 0, max = -1e9, min = 1e9, product = 1, exp = 0, count = 0;
    };
    std::vector<Wanted> wanted(static_cast<std::size_t>(sum.size()));
    for (std::int64_t i = 0; i < x.size(); ++i) {
      const std::int64_t index[] = {i / 20, i / 5 % 4, i % 5};
      std::int64_t at = 0;
      for (std::size_t d = 0; d < 3; ++d) {
        at = at * sum.dims()[d] + ((mask >> d & 1) != 0 ? 0 : index[d]);
      }
      const double v = static_cast<double>(x.as<float>()[static_cast<std::size_t>(i)]);
      Wanted& w = wanted[static_cast<std::size_t>(at)];
      w.sum += v;
      w.square += v * v;
      w.l1 += std::abs(v);
      w.max = std::max(w.max, v);
      w.min = std::min(w.min, v);
      w.product *= v;
      w.exp += std::exp(v);
      w.count += 1;
    }
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const Wanted& w = wanted[i];
      EXPECT_NEAR(sum.as<float>()[i], w.sum, 1e-5);
      EXPECT_NEAR(mean.as<float>()[i], w.sum / w.count, 1e-6);
      EXPECT_NEAR(square.as<float>()[i], w.square, 1e-5);
      EXPECT_NEAR(l1.as<float>()[i], w.l1, 1e-5);
      EXPECT_NEAR(l2.as<float>()[i], std::sqrt(w.square), 1e-5);
      EXPECT_EQ(largest.as<float>()[i], static_cast<float>(w.max));
      EXPECT_EQ(smallest.as<float>()[i], static_cast<float>(w.min));
      EXPECT_NEAR(product.as<float>()[i], w.product, 1e-6);
      EXPECT_NEAR(exponential.as<float>()[i], std::log(w.exp), 1e-5);
    }
  }
}

TEST(ReductionKernels, AxesThatAreNotGivenMeanAllOrNone) {
  const Tensor x = f32({2, 2}, {1, 2, 3, 4});
  EXPECT_EQ(floats(run_op(Op::reduce_sum, {x})), (std::vector<float>{10}));
  EXPECT_EQ(run_op(Op::reduce_sum, {x}, ReduceAttributes{false, false}).dims(), Dims{});
  EXPECT_EQ(floats(run_op(Op::reduce_sum, {x, i64({})}, ReduceAttributes{true, true})), floats(x));
  EXPECT_EQ(integers(run_op(Op::reduce_mean, {i64({-3, -4})})), (std::vector<std::int64_t>{-3}));
  EXPECT_THROW(run_op(Op::reduce_sum, {x, i64({2})}), Error);
  EXPECT_THROW(run_op(Op::reduce_sum, {x, i64({0, -2})}), Error);
}

TEST(ReductionKernels, ExtremesSumsAndOrder) {
  const Tensor x = f32({2, 3}, {1, 5, 5, 7, 2, 7});
  ArgAttributes arg;
  arg.axis = 1;
  arg.keepdims = false;
  EXPECT_EQ(integers(run_op(Op::arg_max, {x}, arg)), (std::vector<std::int64_t>{1, 0}));
  arg.select_last_index = true;
  EXPECT_EQ(integers(run_op(Op::arg_max, {x}, arg)), (std::vector<std::int64_t>{2, 2}));
  EXPECT_EQ(floats(run_op(Op::cum_sum, {x, i64({1})}, CumSumAttributes{})),
            (std::vector<float>{1, 6, 11, 7, 9, 16}));
  EXPECT_EQ(floats(run_op(Op::cum_sum, {x, i64({1})}, CumSumAttributes{true, true})),
            (std::vector<float>{10, 5, 0, 9, 7, 0}));
  TopKAttributes top;
  const auto y = run_node(node_of(Op::top_k, top, 2), {x, i64({2})});
  EXPECT_EQ(floats(y[0]), (std::vector<float>{5, 5, 7, 7}));
  EXPECT_EQ(integers(y[1]), (std::vector<std::int64_t>{1, 2, 0, 2}));
  top.largest = false;
  top.axis = 0;
  EXPECT_EQ(integers(run_node(node_of(Op::top_k, top, 2), {x, i64({1})})[1]),
            (std::vector<std::int64_t>{0, 1, 0}));
  EXPECT_THROW(run_node(node_of(Op::top_k, top, 2), {x, i64({3})}), Error);
}

}  // namespace
}  // namespace jb::test
