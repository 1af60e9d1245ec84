// Networks of the backend 'cublas' on a fake GPU: results, residency, errors, counts.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "backends/energy/ledger.h"
#include "backends/host/host_executable.h"
#include "models/graph.h"
#include "tests/fakes/fake_gpu_device.h"

namespace jb {
namespace {

using test::FakeMachine;
using test::random_matrix;

// 20 -> 30 -> relu -> 10 with biases.
class CublasNetworkTest : public ::testing::Test {
 protected:
  [[nodiscard]] GraphView graph(std::int64_t batch = 8) const {
    models::Graph graph("small");
    const auto layer = [&](const char* name, int x, const Matrix<float>& w,
                           const Matrix<float>& b) {
      const int weight = graph.add_constant(std::string(name) + ".w", tensor_of(w.view()));
      const int bias = graph.add_constant(
          std::string(name) + ".b", Tensor::alias(DataType::f32, {b.cols()}, b.data(), nullptr));
      return graph.add(Op::matmul, name, {x, weight, bias});
    };
    int x = graph.add_input("x", DataType::f32, {models::kBatch, 20});
    x = layer("fc1", x, w1_, b1_);
    x = graph.add(Op::relu, "relu1", {x});
    graph.add_output(layer("fc2", x, w2_, b2_));
    return graph.bind(batch);
  }
  [[nodiscard]] std::unique_ptr<Executable> compile(const FakeMachine& machine,
                                                    std::int64_t batch = 8) const {
    return machine.device->compile(graph(batch), {});
  }
  // A plan per layer, bias and activation on the host.
  [[nodiscard]] std::unique_ptr<host::HostExecutable> through_plans(
      const FakeMachine& machine) const {
    return std::make_unique<host::HostExecutable>(
        host::one_machine(*machine.device, ElementType::f32, graph(), DynamicPolicy::backend),
        graph(), CompileOptions{});
  }
  // The network in float64.
  [[nodiscard]] Matrix<double> reference(const Matrix<float>& x) const {
    Matrix<double> out(x.rows(), 10);
    for (std::int64_t i = 0; i < x.rows(); ++i) {
      std::vector<double> hidden(30);
      for (std::int64_t j = 0; j < 30; ++j) {
        double sum = static_cast<double>(b1_(0, j));
        for (std::int64_t p = 0; p < 20; ++p) {
          sum += static_cast<double>(x(i, p)) * static_cast<double>(w1_(p, j));
        }
        hidden[static_cast<std::size_t>(j)] = std::max(0.0, sum);
      }
      for (std::int64_t j = 0; j < 10; ++j) {
        out(i, j) = static_cast<double>(b2_(0, j));
        for (std::int64_t p = 0; p < 30; ++p) {
          out(i, j) += hidden[static_cast<std::size_t>(p)] * static_cast<double>(w2_(p, j));
        }
      }
    }
    return out;
  }

  Matrix<float> w1_ = random_matrix(20, 30, 11);
  Matrix<float> w2_ = random_matrix(30, 10, 12);
  Matrix<float> b1_ = random_matrix(1, 30, 13);
  Matrix<float> b2_ = random_matrix(1, 10, 14);
};

double frobenius_error(const Matrix<float>& got, const Matrix<double>& want) {
  double error = 0;
  double size = 0;
  for (std::int64_t i = 0; i < want.size(); ++i) {
    const double d = static_cast<double>(got.data()[i]) - want.data()[i];
    error += d * d;
    size += want.data()[i] * want.data()[i];
  }
  return std::sqrt(error / size);
}

TEST_F(CublasNetworkTest, ComputesTheNetworkInEveryPrecision) {
  const Matrix<float> x = random_matrix(8, 20, 1);
  const Matrix<double> want = reference(x);
  for (const ElementType precision : test::cublas_precisions()) {
    const FakeMachine machine(precision);
    Matrix<float> y(8, 10);
    run_rows(*compile(machine), x.view(), y.view(), {});
    // Two layers, each with both factors rounded: independent errors of u |x| add up to about
    // 2 u of the norm (four roundings, in quadrature). An s8 code is off by up to 1/2 of 127 steps
    // of the largest of some 25 normals (about 2.3 of their deviation): u is 2.3 / 254.
    const test::FormatError error = test::error_of(precision);
    const double u = precision == ElementType::s8    ? 2.3 / 254
                     : precision == ElementType::f32 ? std::ldexp(1.0, -24) * 30
                                                     : error.u;
    EXPECT_LT(frobenius_error(y, want), 4 * u) << name_of(precision);
    if (precision != ElementType::f32) {
      // And it is not computed in f32 either: a result far better than the format is another one's.
      EXPECT_GT(frobenius_error(y, want), u / 50) << name_of(precision);
    }
  }
}

TEST_F(CublasNetworkTest, ActivationsStayOnTheGpu) {
  for (const ElementType precision : test::cublas_precisions()) {
    const FakeMachine machine(precision);
    const auto network = compile(machine);
    const Matrix<float> x = random_matrix(8, 20, 1);
    Matrix<float> y(8, 10);
    for (int i = 0; i < 3; ++i) {
      machine.gpu->book = {};
      run_rows(*network, x.view(), y.view(), {});
      EXPECT_EQ(machine.gpu->book.uploads, 1);
      EXPECT_EQ(machine.gpu->book.uploaded_bytes, 8U * 20 * 4) << "inputs and nothing else";
      EXPECT_EQ(machine.gpu->book.downloads, 1);
      EXPECT_EQ(machine.gpu->book.downloaded_bytes, 8U * 10 * 4) << "outputs and nothing else";
      if (i > 0) {
        EXPECT_EQ(machine.gpu->book.allocations, 0);
      }
    }
    EXPECT_TRUE(network->resident());
  }
}

TEST_F(CublasNetworkTest, TheSinkSeesEveryLayerAndChangesNothing) {
  const FakeMachine machine;
  const auto network = compile(machine);
  const Matrix<float> x = random_matrix(5, 20, 1);
  Matrix<float> plain(5, 10);
  Matrix<float> watched(5, 10);
  run_rows(*network, x.view(), plain.view(), {});
  std::vector<std::string> names;
  float least = 0;
  const LayerSink sink = [&](int index, std::string_view name, const Tensor& values) {
    EXPECT_EQ(index, static_cast<int>(names.size()));
    names.emplace_back(name);
    EXPECT_EQ(values.dims()[0], 5);
    if (name != "relu1") return;
    EXPECT_EQ(values.dims()[1], 30);
    for (const float value : values.as<float>()) least = std::min(least, value);
  };
  run_rows(*network, x.view(), watched.view(), {}, &sink);
  EXPECT_EQ(names, network->layer_names());
  EXPECT_EQ(least, 0);
  for (std::int64_t i = 0; i < plain.size(); ++i) ASSERT_EQ(plain.data()[i], watched.data()[i]);
}

TEST_F(CublasNetworkTest, SmallerBatchesGiveTheSameRows) {
  const FakeMachine machine(ElementType::f8e4m3);
  const auto network = compile(machine);
  const Matrix<float> x = random_matrix(8, 20, 1);
  Matrix<float> whole(8, 10);
  Matrix<float> parts(8, 10);
  run_rows(*network, x.view(), whole.view(), {});
  run_rows(*network, x.view().block(0, 0, 3, 20), parts.view().block(0, 0, 3, 10), {});
  run_rows(*network, x.view().block(3, 0, 5, 20), parts.view().block(3, 0, 5, 10), {});
  for (std::int64_t i = 0; i < whole.size(); ++i) ASSERT_EQ(whole.data()[i], parts.data()[i]);
}

TEST_F(CublasNetworkTest, CountsAreThoseOfTheEstimateAndOfTheHostDefaultWithoutConversion) {
  const FakeMachine machine;
  const auto network = compile(machine);
  const Matrix<float> x = random_matrix(8, 20, 1);
  Matrix<float> y(8, 10);
  const Execution run = run_rows(*network, x.view(), y.view(), {});
  const Ledger ledger = price(run.activity, network->prices());
  EXPECT_EQ(ledger.total_J(), price(network->estimate(graph()), network->prices()).total_J());
  for (const LedgerRow& row : ledger.rows()) {
    EXPECT_GE(row.layer, 1U);
    EXPECT_LE(row.layer, 3U);
  }
  // f32 needs no conversion, so counting node by node on the host finds the same.
  const auto by_plans = through_plans(machine);
  const host::HostExecutable& host = *by_plans;
  EXPECT_DOUBLE_EQ(ledger.total_J(), price(host.estimate(graph()), host.prices()).total_J());
  EXPECT_EQ(price(network->setup(), network->prices()).total_J(),
            price(host.setup(), host.prices()).total_J());
}

// The default way, a plan per layer with bias and activation on the host, does the same arithmetic.
TEST_F(CublasNetworkTest, StayingOnTheGpuChangesNoBit) {
  const FakeMachine machine;
  const Matrix<float> x = random_matrix(8, 20, 1);
  Matrix<float> on_gpu(8, 10);
  Matrix<float> by_host(8, 10);
  run_rows(*compile(machine), x.view(), on_gpu.view(), {});
  run_rows(*through_plans(machine), x.view(), by_host.view(), {});
  for (std::int64_t i = 0; i < on_gpu.size(); ++i) {
    ASSERT_EQ(on_gpu.data()[i], by_host.data()[i]);
  }
}

TEST_F(CublasNetworkTest, ADescriptionEstimatesWithoutAGpuAndRefusesToRun) {
  const DeviceSpec spec = load_device(cublas_backend(), "h100");
  const auto device = cublas::make_device(spec, ElementType::f16, nullptr);
  const auto network = device->compile(graph(64), {});
  EXPECT_GT(price(network->estimate(graph(64)), network->prices()).total_J(), 0);
  Matrix<float> y(1, 10);
  EXPECT_THROW(run_rows(*network, Matrix<float>(1, 20).view(), y.view(), {}), Error);
}

TEST_F(CublasNetworkTest, WrongSizesAreRefused) {
  const FakeMachine machine;
  const auto network = compile(machine);
  Matrix<float> y(2, 10);
  Matrix<float> narrow(2, 9);
  EXPECT_THROW(run_rows(*network, Matrix<float>(2, 19).view(), y.view(), {}), Error);
  EXPECT_THROW(run_rows(*network, Matrix<float>(3, 20).view(), y.view(), {}), Error);
  EXPECT_THROW(run_rows(*network, Matrix<float>(2, 20).view(), narrow.view(), {}), Error);
  Matrix<float> none(0, 10);
  EXPECT_NO_THROW(run_rows(*network, Matrix<float>(0, 20).view(), none.view(), {}));
}

TEST_F(CublasNetworkTest, EveryFailingCallIsReportedAndLeavesNothingBehind) {
  const Matrix<float> x = random_matrix(4, 20, 1);
  Matrix<float> y(4, 10);
  FakeMachine machine(ElementType::bf16);
  int failures = 0;
  for (int n = 1;; ++n) {
    machine.gpu->fail_call(n);
    try {
      run_rows(*compile(machine), x.view(), y.view(), {});
      break;
    } catch (const Error& e) {
      ++failures;
      EXPECT_NE(std::string(e.what()).find("made to fail"), std::string::npos) << e.what();
    }
    ASSERT_EQ(machine.gpu->live_allocations(), 0U) << "after call " << n;
    ASSERT_LT(n, 200);
  }
  // Two layers of weights and biases go up, then five kernels and two products run.
  EXPECT_GE(failures, 4 * 2 + 5 + 2);
}

}  // namespace
}  // namespace jb
