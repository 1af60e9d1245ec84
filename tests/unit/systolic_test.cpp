// The systolic array's numbers: exact 8-bit products, the idealised array, and its parameters.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "backends/backend.h"
#include "backends/core/threads.h"
#include "backends/energy/ledger.h"

namespace jb {
namespace {

template <class T>
Matrix<T> random_matrix(std::int64_t rows, std::int64_t cols, std::uint64_t what) {
  Matrix<T> x(rows, cols);
  const RandomStream stream(11, 0, what, 0);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) x(i, j) = static_cast<T>(stream.normal(i, j, 0));
  }
  return x;
}

// Symmetric 8-bit codes of one row or column, written out independently of the backend.
struct Codes {
  std::vector<std::int64_t> code;
  double scale = 1;
};
Codes codes_of(const std::vector<double>& values, double largest) {
  Codes out;
  if (largest > 0) out.scale = largest / 127;
  for (const double v : values) {
    const double x = v / out.scale;
    double whole = std::floor(x);
    const double part = x - whole;
    const bool odd = std::fmod(whole, 2) != 0;
    if (part > 0.5 || (part == 0.5 && odd)) whole += 1;
    out.code.push_back(static_cast<std::int64_t>(std::min(127.0, std::max(-127.0, whole))));
  }
  return out;
}
double largest_of(const std::vector<double>& values) {
  double largest = 0;
  for (const double v : values) largest = std::max(largest, std::abs(v));
  return largest;
}

// C = A B through 64-bit integers with a scale per row of A and per column (or all) of B.
template <class T>
Matrix<T> integer_reference(const Matrix<T>& a, const Matrix<T>& b, bool per_tensor) {
  std::vector<Codes> rows;
  for (std::int64_t i = 0; i < a.rows(); ++i) {
    std::vector<double> values;
    for (std::int64_t p = 0; p < a.cols(); ++p) values.push_back(static_cast<double>(a(i, p)));
    rows.push_back(codes_of(values, largest_of(values)));
  }
  std::vector<std::vector<double>> columns;
  double tensor = 0;
  for (std::int64_t j = 0; j < b.cols(); ++j) {
    columns.emplace_back();
    for (std::int64_t p = 0; p < b.rows(); ++p)
      columns.back().push_back(static_cast<double>(b(p, j)));
    tensor = std::max(tensor, largest_of(columns.back()));
  }
  Matrix<T> c(a.rows(), b.cols());
  for (std::int64_t j = 0; j < b.cols(); ++j) {
    const auto& values = columns[static_cast<std::size_t>(j)];
    const Codes column = codes_of(values, per_tensor ? tensor : largest_of(values));
    for (std::int64_t i = 0; i < a.rows(); ++i) {
      const Codes& row = rows[static_cast<std::size_t>(i)];
      std::int64_t sum = 0;
      for (std::size_t p = 0; p < values.size(); ++p) sum += row.code[p] * column.code[p];
      c(i, j) = static_cast<T>(static_cast<double>(sum) * row.scale * column.scale);
    }
  }
  return c;
}

template <class T>
bool same_bytes(const Matrix<T>& x, const Matrix<T>& y) {
  return x.rows() == y.rows() && x.cols() == y.cols() &&
         std::memcmp(x.data(), y.data(), static_cast<std::size_t>(x.size()) * sizeof(T)) == 0;
}

class SystolicTest : public ::testing::Test {
 protected:
  void TearDown() override { set_thread_count(available_threads()); }

  std::unique_ptr<Device> open(const std::string& name,
                               const std::vector<std::pair<std::string, std::string>>& set = {}) {
    DeviceSpec spec = load_device(backend_, name);
    for (const auto& [key, value] : set) spec.set(key, value);
    return backend_.open(spec, {});
  }

  template <class T>
  static Matrix<T> product(Device& device, const Matrix<T>& a, const Matrix<T>& b) {
    Matrix<T> c(a.rows(), b.cols());
    device.plan({a.rows(), b.cols(), b.rows()}, b.view(), OperandMode::stationary, {})
        ->execute(a.view(), c.view());
    return c;
  }

  const Backend& backend_ = find_backend("systolic");
};

TEST_F(SystolicTest, EqualsAnIntegerReferenceBitForBit) {
  for (const char* weights : {"per_column", "per_tensor"}) {
    const auto device = open("tpu-v1", {{"quantisation.weights", weights}});
    const bool per_tensor = std::string(weights) == "per_tensor";
    for (const auto& [m, n, k] : std::vector<std::tuple<int, int, int>>{
             {1, 1, 1}, {1, 19, 7}, {23, 1, 64}, {17, 31, 97}, {5, 300, 260}, {3, 4, 0}}) {
      const auto a = random_matrix<double>(m, k, 1);
      const auto b = random_matrix<double>(k, n, 2);
      EXPECT_TRUE(same_bytes(product(*device, a, b), integer_reference(a, b, per_tensor)))
          << weights << " f64 " << m << "x" << n << "x" << k;
      const auto af = random_matrix<float>(m, k, 3);
      const auto bf = random_matrix<float>(k, n, 4);
      EXPECT_TRUE(same_bytes(product(*device, af, bf), integer_reference(af, bf, per_tensor)))
          << weights << " f32 " << m << "x" << n << "x" << k;
    }
  }
}

TEST_F(SystolicTest, TiesRoundToEvenAndZerosStayZero) {
  // Largest magnitude 127 makes the scale 1: 0.5 and 2.5 tie, to 0 and 2; -1.5 ties to -2.
  Matrix<double> a(2, 4);
  const std::vector<double> row = {127, 0.5, 2.5, -1.5};
  for (int p = 0; p < 4; ++p) a(0, p) = row[static_cast<std::size_t>(p)];
  Matrix<double> identity(4, 4);
  for (int p = 0; p < 4; ++p) identity(p, p) = 127;
  const Matrix<double> c = product(*open("tpu-v1"), a, identity);
  EXPECT_EQ(c(0, 0), 127.0 * 127);
  EXPECT_EQ(c(0, 1), 0);
  EXPECT_EQ(c(0, 2), 2.0 * 127);
  EXPECT_EQ(c(0, 3), -2.0 * 127);
  for (int j = 0; j < 4; ++j) EXPECT_EQ(c(1, j), 0);
  // Magnitudes whose scale underflows are zeros, not NaN.
  Matrix<double> tiny(1, 4);
  tiny(0, 2) = std::numeric_limits<double>::denorm_min();
  EXPECT_EQ(product(*open("tpu-v1"), tiny, identity)(0, 2), 0);
}

TEST_F(SystolicTest, SameBytesForAnyThreadsAndAnyCutOfRows) {
  const auto a = random_matrix<float>(101, 200, 1);
  const auto b = random_matrix<float>(200, 70, 2);
  for (const char* name : {"tpu-v1", "ideal"}) {
    const auto device = open(name);
    const auto plan = device->plan({101, 70, 200}, b.view(), OperandMode::stationary, {});
    set_thread_count(1);
    Matrix<float> whole(101, 70);
    plan->execute(a.view(), whole.view());
    for (const int threads : {2, 3}) {
      set_thread_count(threads);
      Matrix<float> again(101, 70);
      plan->execute(a.view(), again.view());
      EXPECT_TRUE(same_bytes(whole, again)) << name << " with " << threads;
    }
    Matrix<float> cut(101, 70);
    std::int64_t row = 0;
    for (const std::int64_t rows : {1, 30, 70}) {
      plan->execute(a.view().block(row, 0, rows, 200), cut.view().block(row, 0, rows, 70), {0, row},
                    Direction::forward);
      row += rows;
    }
    EXPECT_TRUE(same_bytes(whole, cut)) << name;
  }
}

TEST_F(SystolicTest, TheIdealArrayEqualsTheReferenceToRounding) {
  const Backend& reference = find_backend("reference");
  const auto exact = reference.open(load_device(reference, "host"), {});
  const auto ideal = open("ideal");
  EXPECT_FALSE(ideal->prices().has_energy);
  EXPECT_TRUE(ideal->spec().theory_bound());
  const auto a = random_matrix<double>(37, 150, 1);
  const auto b = random_matrix<double>(150, 41, 2);
  const auto x = product(*ideal, a, b);
  const auto y = product(*exact, a, b);
  const double u = std::numeric_limits<double>::epsilon() / 2;
  for (int i = 0; i < 37; ++i) {
    for (int j = 0; j < 41; ++j) {
      double magnitude = 0;
      for (int p = 0; p < 150; ++p) magnitude += std::abs(a(i, p) * b(p, j));
      // Both sums round within k u of the sum of magnitudes (Higham 2002, Eq. 3.13).
      EXPECT_NEAR(x(i, j), y(i, j), 2 * 151 * u * magnitude);
    }
  }
}

TEST_F(SystolicTest, TransposedUseHasScalesOfItsOwn) {
  const auto a = random_matrix<double>(6, 11, 1);
  const auto b = random_matrix<double>(9, 11, 2);  // stored k x n = 9 x 11, used as 11 x 9
  const Matrix<double> b_t = copy_as<double>(ConstMatrixRef(b.view()).transposed());
  const auto device = open("tpu-v1");
  const auto plan = device->plan({6, 11, 9}, b.view(), OperandMode::stationary, {});
  Matrix<double> c(6, 9);
  plan->execute(a.view(), c.view(), {}, Direction::transposed);
  EXPECT_TRUE(same_bytes(c, integer_reference(a, b_t, false)));
}

TEST_F(SystolicTest, UpdateChangesTheProductAndIsCharged) {
  const auto a = random_matrix<double>(4, 8, 1);
  const auto b = random_matrix<double>(8, 5, 2);
  const auto delta = random_matrix<double>(8, 5, 3);
  Matrix<double> sum(8, 5);
  for (int i = 0; i < 40; ++i) sum.data()[i] = b.data()[i] + delta.data()[i];
  const auto device = open("tpu-v1");
  const auto plan = device->plan({4, 5, 8}, b.view(), OperandMode::stationary, {});
  Matrix<double> c(4, 5);
  plan->execute(a.view(), c.view());
  const Activity charged = plan->update(delta.view());
  EXPECT_EQ(price(charged, device->prices()).dram_bytes(), 40);
  plan->execute(a.view(), c.view());
  EXPECT_TRUE(same_bytes(c, integer_reference(a, sum, false)));
}

TEST_F(SystolicTest, ResidentWeightsAreLoadedOnceAndOthersInEveryProduct) {
  const GemmShape shape{10, 100, 200};
  const auto a = random_matrix<float>(10, 200, 1);
  const auto b = random_matrix<float>(200, 100, 2);
  Matrix<float> c(10, 100);
  const double weights = 200 * 100;
  const double others = 10 * 200 + 4 * 10 * 100;
  for (const bool stay : {false, true}) {
    const auto device = open("tpu-v1", {{"weights.resident_bytes", stay ? "20000" : "19999"}});
    const auto plan = device->plan(shape, b.view(), OperandMode::stationary, {});
    EXPECT_EQ(plan->resident(), stay);
    const Execution run = plan->execute(a.view(), c.view());
    EXPECT_EQ(price(run.activity, device->prices()).dram_bytes(), others + (stay ? 0 : weights));
    EXPECT_EQ(price(plan->setup(), device->prices()).dram_bytes(), stay ? weights : 0);
    const auto changing = device->plan(shape, b.view(), OperandMode::dynamic, {});
    EXPECT_FALSE(changing->resident());
    EXPECT_TRUE(changing->setup().rows().empty());
  }
}

TEST_F(SystolicTest, EstimateCountsWhatExecuteCounts) {
  const GemmShape shape{33, 70, 129};
  const auto a = random_matrix<float>(33, 129, 1);
  const auto b = random_matrix<float>(129, 70, 2);
  Matrix<float> c(33, 70);
  for (const std::string& name : preset_names("systolic")) {
    const auto device = open(name);
    for (const OperandMode mode : {OperandMode::stationary, OperandMode::dynamic}) {
      const Activity counted =
          device->plan(shape, b.view(), mode, {})->execute(a.view(), c.view()).activity;
      const Activity estimated = device->estimate(shape, mode, {});
      ASSERT_EQ(counted.rows().size(), estimated.rows().size()) << name;
      for (std::size_t i = 0; i < counted.rows().size(); ++i) {
        EXPECT_EQ(counted.rows()[i].action, estimated.rows()[i].action) << name;
        EXPECT_EQ(counted.rows()[i].count, estimated.rows()[i].count) << name;
      }
      EXPECT_EQ(counted.device_time_s, estimated.device_time_s) << name;
      EXPECT_GE(counted.executed_macs, shape.macs()) << name;
    }
  }
}

TEST_F(SystolicTest, ContradictingParametersAreRefusedByName) {
  const auto refusal = [&](const std::string& device,
                           const std::vector<std::pair<std::string, std::string>>& set) {
    try {
      open(device, set);
      return std::string("accepted");
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::usage);
      return std::string(e.what());
    }
  };
  EXPECT_NE(refusal("tpu-v1", {{"dataflow", "os"}}).find("double_buffered"), std::string::npos);
  const std::string accumulators = refusal("tpu-v1", {{"accumulator.bytes", "1023"}});
  EXPECT_NE(accumulators.find("accumulator.bytes"), std::string::npos) << accumulators;
  EXPECT_NE(accumulators.find("1024"), std::string::npos) << accumulators;
  EXPECT_NE(
      refusal("scale-sim-32", {{"activations.bandwidth_B_per_s", "1e9"}}).find("activations.port"),
      std::string::npos);
  EXPECT_NE(refusal("scale-sim-32", {{"energy.sram_a_J_per_B", "0"}}).find("energy.sram_a_J_per_B"),
            std::string::npos);
  EXPECT_NE(refusal("tpu-v1", {{"rows", "0"}}).find("rows"), std::string::npos);
  EXPECT_NE(refusal("tpu-v1", {{"dataflow", "xs"}}).find("ws"), std::string::npos);
  // 1024 bytes hold one row of sums: slow, but a machine.
  EXPECT_EQ(refusal("tpu-v1", {{"accumulator.bytes", "1024"}}), "accepted");
}

TEST_F(SystolicTest, SumsThatCouldOverflowAreRefused) {
  const auto device = open("tpu-v1");
  EXPECT_TRUE(device->supports({1, 1, 133144}, OperandMode::stationary, ElementType::s8).ok);
  const Support refused =
      device->supports({1, 1, 133145}, OperandMode::stationary, ElementType::s8);
  EXPECT_FALSE(refused.ok);
  EXPECT_NE(refused.reason.find("133144"), std::string::npos);
  // At the limit the sum of the largest codes is exact: 127 127 133144 <= 2^31 - 1.
  Matrix<double> a(1, 133144);
  Matrix<double> b(133144, 1);
  for (std::int64_t p = 0; p < 133144; ++p) a(0, p) = b(p, 0) = 127;
  EXPECT_EQ(product(*device, a, b)(0, 0), 127.0 * 127 * 133144);
  EXPECT_THROW(product(*device, Matrix<double>(1, 133145), Matrix<double>(133145, 1)), Error);
  EXPECT_FALSE(device->supports({1, 1, 1}, OperandMode::stationary, ElementType::f64).ok);
  EXPECT_FALSE(device->supports({1, 1, 1}, OperandMode::stationary, ElementType::bf16).ok);
  EXPECT_TRUE(open("ideal")->supports({1, 1, 1}, OperandMode::stationary, ElementType::f64).ok);
}

}  // namespace
}  // namespace jb
