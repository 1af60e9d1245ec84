// Do updates by outer products move cells as the pulse model says, in mean, spread and range?

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "backends/core/error.h"
#include "backends/crossbar/pulses.h"
#include "tests/support/crossbar_device.h"

namespace jb::crossbar {
namespace {

using test::crossbar_device;
using test::normal_matrix;

PulseModel model_of(double step, double c2c, double d2d, std::int64_t length) {
  PulseModel model;
  model.rule = UpdateRule::outer_product;
  model.step = step;
  model.step_c2c = c2c;
  model.step_d2d = d2d;
  model.length = length;
  return model;
}

// Expected coincidences are E = |rate x_i d_j| / step in all; steps have mean `step`, so the change
// has mean rate x_i d_j (Gokmen and Vlasov 2016, Eq. (3)) and, with Poisson counts, the variance
// E step^2 (1 + c2c^2).
TEST(Pulses, MeanIsTheOuterProductAndSpreadThatOfCountsAndSteps) {
  const Matrix<float> x = normal_matrix<float>(4, 3, 1);
  const Matrix<float> d = normal_matrix<float>(4, 5, 2);
  const double rate = -0.004;
  const double step = 0.001;
  constexpr int kCalls = 4000;
  const PulseUpdate update(model_of(step, 0.3, 0, 31), {}, 7, x.view(), d.view(), rate);
  for (std::int64_t i = 0; i < 3; ++i) {
    std::vector<double> sum(5, 0.0);
    std::vector<double> squares(5, 0.0);
    double coincidences = 0;
    for (int call = 0; call < kCalls; ++call) {
      std::vector<double> change(5);
      coincidences += update.row(i, static_cast<std::uint64_t>(call), change);
      for (std::size_t j = 0; j < 5; ++j) {
        sum[j] += change[j];
        squares[j] += change[j] * change[j];
      }
    }
    double expected_all = 0;
    for (std::size_t j = 0; j < 5; ++j) {
      double mean = 0;
      double events = 0;
      for (std::int64_t s = 0; s < 4; ++s) {
        const double one = rate * static_cast<double>(x(s, i)) *
                           static_cast<double>(d(s, static_cast<std::int64_t>(j)));
        mean += one;
        events += std::abs(one) / step;
      }
      expected_all += events;
      const double variance = events * step * step * (1 + 0.3 * 0.3);
      const double measured = sum[j] / kCalls;
      // Five standard errors of the mean; relative standard error of a variance of counts:
      // sqrt((2 + 1 / events) / calls), five of them.
      EXPECT_NEAR(measured, mean, 5 * std::sqrt(variance / kCalls)) << i << " " << j;
      const double spread = squares[j] / kCalls - measured * measured;
      EXPECT_NEAR(spread, variance, 5 * variance * std::sqrt((2 + 1.4 / events) / kCalls));
    }
    EXPECT_NEAR(coincidences / kCalls, expected_all, 5 * std::sqrt(expected_all / kCalls));
  }
}

// No train holds more than its slots: a huge rate moves a cell by at most step x length a sample.
TEST(Pulses, TrainsAreNoLongerThanTheirSlots) {
  Matrix<float> x(1, 1);
  Matrix<float> d(1, 1);
  x(0, 0) = 1;
  d(0, 0) = 1;
  const PulseUpdate update(model_of(0.001, 0, 0, 10), {}, 1, x.view(), d.view(), 1e6);
  double sum = 0;
  for (std::uint64_t call = 0; call < 1000; ++call) {
    std::vector<double> change(1);
    update.row(0, call, change);
    sum += change[0];
  }
  // 10 coincidences on average, 5 standard errors of sqrt(10 / 1000).
  EXPECT_NEAR(sum / 1000, 0.01, 0.001 * 5 * std::sqrt(10.0 / 1000));
}

TEST(Pulses, CellsKeepTheirOwnStepSize) {
  Matrix<float> x(1, 1);
  Matrix<float> d(1, 400);
  x(0, 0) = 1;
  for (std::int64_t j = 0; j < 400; ++j) d(0, j) = 1;
  const auto mean_steps = [&](std::uint64_t first) {
    const PulseUpdate update(model_of(0.001, 0, 0.3, 31), {}, 1, x.view(), d.view(), 0.01);
    std::vector<double> mean(400, 0.0);
    std::vector<double> change(400);
    for (std::uint64_t call = first; call < first + 500; ++call) {
      update.row(0, call, change);
      for (std::size_t j = 0; j < 400; ++j) mean[j] += change[j] / 500;
    }
    return mean;
  };
  const std::vector<double> one = mean_steps(0);
  const std::vector<double> other = mean_steps(1000);
  double square = 0;
  double common = 0;
  for (std::size_t j = 0; j < 400; ++j) {
    square += (one[j] / 0.01 - 1) * (one[j] / 0.01 - 1) / 400;
    common += (one[j] / 0.01 - 1) * (other[j] / 0.01 - 1) / 400;
  }
  // 0.3 of the cells plus sqrt(10 / 500) / 10 = 0.014 of counting, of 400 cells: 3.5 % each.
  EXPECT_NEAR(std::sqrt(square), 0.3, 0.3 * 5 * 0.035);
  EXPECT_NEAR(std::sqrt(common), 0.3, 0.3 * 5 * 0.035) << "the same cells in other calls";
}

TEST(OuterProductUpdate, OnIdealCellsAddsTheProductAndStopsAtFullScale) {
  const auto device = crossbar_device("ideal", {{"update.rule", "outer-product"}});
  const Matrix<float> b = normal_matrix<float>(6, 4, 3);
  const Matrix<float> x = normal_matrix<float>(9, 6, 4);
  const Matrix<float> d = normal_matrix<float>(9, 4, 5);
  const auto plan = device->plan({1, 4, 6}, b.view(), OperandMode::stationary, {});
  ASSERT_TRUE(plan->updates_by_outer_products());
  Matrix<double> held(6, 4);
  const double scale = 0.01;
  plan->update_outer(x.view(), d.view(), scale, {}, held.view());
  double full = 0;
  for (std::int64_t i = 0; i < b.size(); ++i) {
    full = std::max(full, std::abs(static_cast<double>(b.data()[i])));
  }
  for (std::int64_t i = 0; i < 6; ++i) {
    for (std::int64_t j = 0; j < 4; ++j) {
      double sum = static_cast<double>(b(i, j));
      for (std::int64_t s = 0; s < 9; ++s) {
        sum += scale * static_cast<double>(x(s, i)) * static_cast<double>(d(s, j));
      }
      // Nine products in float: 9 x 2^-24 of about 0.1.
      EXPECT_NEAR(held(i, j), std::clamp(sum, -full, full), 1e-6);
    }
  }
  plan->update_outer(x.view(), d.view(), 1e6, {}, held.view());
  for (std::int64_t i = 0; i < held.size(); ++i) {
    EXPECT_NEAR(std::abs(held.data()[i]), full, 1e-12 * full);
  }
  // Products are with what the cells hold.
  Matrix<double> one(1, 6);
  one(0, 2) = 1;
  Matrix<double> c(1, 4);
  plan->execute(std::as_const(one).view(), c.view());
  for (std::int64_t j = 0; j < 4; ++j) EXPECT_NEAR(c(0, j), held(2, j), 1e-12 * full);
}

// Cells with programming errors, drift and a range of their own: a rise lowers g- and lifts g+.
TEST(OuterProductUpdate, MovesProgrammedCells) {
  const auto device = crossbar_device("pcm-hermes", {{"update.rule", "outer-product"},
                                                     {"weight.headroom", "2"},
                                                     {"read.scale", "0"},
                                                     {"drift.scale", "0"},
                                                     {"dac.bits", "0"},
                                                     {"adc.bits", "0"}});
  const Matrix<float> b = normal_matrix<float>(6, 4, 3);
  const auto plan = device->plan({1, 4, 6}, b.view(), OperandMode::stationary, {});
  Matrix<float> x(1, 6);
  Matrix<float> d(1, 4);
  for (std::int64_t i = 0; i < 6; ++i) x(0, i) = 1;
  for (std::int64_t j = 0; j < 4; ++j) d(0, j) = j % 2 == 0 ? 0.5F : -0.5F;
  const auto read = [&] {
    Matrix<double> all(6, 4);
    Matrix<double> eye(6, 6);
    for (std::int64_t i = 0; i < 6; ++i) eye(i, i) = 1;
    plan->execute(std::as_const(eye).view(), all.view());
    return all;
  };
  const Matrix<double> before = read();
  Matrix<double> held(6, 4);
  const Activity cost = plan->update_outer(x.view(), d.view(), 1, {}, held.view());
  const Matrix<double> after = read();
  for (std::int64_t i = 0; i < 6; ++i) {
    for (std::int64_t j = 0; j < 4; ++j) {
      // Conductances are kept in float: 2^-24 of full scale.
      EXPECT_NEAR(after(i, j), before(i, j) + static_cast<double>(d(0, j)), 1e-5);
      EXPECT_NEAR(after(i, j), held(i, j), 1e-5);
    }
  }
  EXPECT_GT(cost.executed_macs, 0);
}

TEST(OuterProductUpdate, IsChargedPerTileAndCoincidence) {
  const auto device = crossbar_device("rpu-2016");
  const Matrix<float> b = normal_matrix<float>(6, 4, 3);
  const auto plan = device->plan({1, 4, 6}, b.view(), OperandMode::stationary, {});
  const Matrix<float> x = normal_matrix<float>(9, 6, 4);
  const Matrix<float> d = normal_matrix<float>(9, 4, 5);
  Matrix<double> held(6, 4);
  const Activity cost = plan->update_outer(x.view(), d.view(), 0.01, {}, held.view());
  double updates = 0;
  for (const ActivityRow& row : cost.rows()) {
    if (device->prices().prices[row.action].action == "core_update") updates += row.count;
  }
  EXPECT_EQ(updates, 9);
  EXPECT_DOUBLE_EQ(cost.device_time_s, 9 * 3.1e-8);
}

TEST(OuterProductUpdate, RefusesLevels) {
  try {
    crossbar_device("ideal", {{"update.rule", "outer-product"}, {"cell.bits", "4"}});
    FAIL() << "cells with levels were taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    EXPECT_NE(std::string(error.what()).find("update.rule"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace jb::crossbar
