#include "harness/energy_fit.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "backends/core/error.h"
#include "harness/nnls.h"

namespace jb::harness {
namespace {

/// Coefficients of the samples without number `left_out` (none when it is their count).
Eigen::VectorXd coefficients(const std::vector<FitSample>& samples, std::size_t left_out) {
  const auto columns = static_cast<Eigen::Index>(kFitCoefficients);
  const std::size_t rows = samples.size() - (left_out < samples.size() ? 1 : 0);
  Eigen::MatrixXd a(static_cast<Eigen::Index>(rows), columns);
  const Eigen::VectorXd ones = Eigen::VectorXd::Ones(a.rows());
  Eigen::Index row = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (i == left_out) continue;
    // Relative residuals: a small product says as much as a large one.
    for (Eigen::Index j = 0; j < columns; ++j) {
      a(row, j) = samples[i].x[static_cast<std::size_t>(j)] / samples[i].net_J;
    }
    ++row;
  }
  // Columns of one size, so that none is favoured by its unit.
  Eigen::VectorXd scale = a.colwise().norm().transpose();
  for (Eigen::Index j = 0; j < columns; ++j) {
    if (scale(j) > 0) a.col(j) /= scale(j);
    if (!(scale(j) > 0)) scale(j) = 1;
  }
  return nonnegative_least_squares(a, ones).cwiseQuotient(scale);
}

double predicted_J(const FitSample& sample, const Eigen::VectorXd& e) {
  double joules = 0;
  for (std::size_t j = 0; j < kFitCoefficients; ++j) {
    joules += e(static_cast<Eigen::Index>(j)) * sample.x[j];
  }
  return joules;
}

/// The level whose bytes a ledger row counts; 0 (the MAC's share) for all others.
std::size_t level_of(const results::RecordRow& row,
                     const std::array<std::string_view, kFitCoefficients>& names) {
  if (row.category != Category::movement || row.action.find("byte") == std::string::npos) return 0;
  for (std::size_t j = 1; j < kFitCoefficients; ++j) {
    if (row.component.rfind(names[j], 0) == 0) return j;
  }
  return 0;
}

double net_J_of(const results::Record& record) {
  const auto energy = record.measurement.find("energy");
  if (energy != record.measurement.end() && energy->contains("meters") &&
      !energy->at("meters").empty()) {
    return energy->at("meters").at(0).value("net_J_per_execution", 0.0);
  }
  const results::Quantity* net = record.find("measured_net_energy_B3_J_per_mac");
  return net != nullptr ? net->value * record.work.macs : 0;
}

std::string shape_text(const Json& point) {
  return fmt::format("{},{},{}", point.value("m", std::int64_t{0}),
                     point.value("n", std::int64_t{0}), point.value("k", std::int64_t{0}));
}

}  // namespace

const std::array<std::string_view, kFitCoefficients>& fit_names(const std::string& backend) {
  static constexpr std::array<std::string_view, kFitCoefficients> kCpu = {"mac", "l1", "l2", "l3",
                                                                          "dram"};
  static constexpr std::array<std::string_view, kFitCoefficients> kGpu = {
      "mac", "register file", "shared memory", "l2", "hbm"};
  if (backend == "onednn") return kCpu;
  if (backend == "cublas") return kGpu;
  fail_usage(
      "products of '{}' cannot be fitted: its memory is not priced level by level (take "
      "onednn or cublas)",
      backend);
}

EnergyFit fit_energy(const std::vector<FitSample>& samples) {
  std::set<std::string> shapes;
  for (const FitSample& sample : samples) shapes.insert(sample.name);
  if (shapes.size() < kLeastFitShapes) {
    fail_usage("a fit of five coefficients needs at least {} different shapes; here are {}",
               kLeastFitShapes, shapes.size());
  }
  for (const FitSample& sample : samples) {
    if (sample.backend != samples.front().backend) {
      fail_usage("products of '{}' and '{}' cannot be fitted together; give results of one backend",
                 samples.front().backend, sample.backend);
    }
  }
  const auto& names = fit_names(samples.front().backend);
  EnergyFit fit;
  const Eigen::VectorXd all = coefficients(samples, samples.size());
  for (std::size_t j = 0; j < kFitCoefficients; ++j) {
    FitCoefficient& c = fit.coefficients[j];
    c.name = names[j];
    c.value = c.low = c.high = all(static_cast<Eigen::Index>(j));
    double modelled_J = 0;
    double counted = 0;
    for (const FitSample& sample : samples) {
      modelled_J += sample.modelled_J[j];
      counted += sample.x[j];
    }
    c.modelled = counted > 0 ? modelled_J / counted : 0;
  }
  double squares = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    fit.names.push_back(samples[i].name);
    fit.residual_frac.push_back(predicted_J(samples[i], all) / samples[i].net_J - 1);
    const Eigen::VectorXd others = coefficients(samples, i);
    const double left_out = predicted_J(samples[i], others) / samples[i].net_J - 1;
    fit.left_out_frac.push_back(left_out);
    squares += left_out * left_out;
    fit.left_out_most_frac = std::max(fit.left_out_most_frac, std::abs(left_out));
    for (std::size_t j = 0; j < kFitCoefficients; ++j) {
      FitCoefficient& c = fit.coefficients[j];
      c.low = std::min(c.low, others(static_cast<Eigen::Index>(j)));
      c.high = std::max(c.high, others(static_cast<Eigen::Index>(j)));
    }
  }
  fit.left_out_rms_frac = std::sqrt(squares / static_cast<double>(samples.size()));
  return fit;
}

FitSample fit_sample_of(const results::Record& record) {
  FitSample sample;
  sample.backend = record.point.value("backend", "");
  const auto& names = fit_names(sample.backend);
  sample.name = shape_text(record.point);
  sample.net_J = net_J_of(record);
  if (!(sample.net_J > 0)) {
    fail_usage(
        "record {} ({}) has no net energy that a meter told; run its point with "
        "--require-energy measured",
        record.record_id, sample.name);
  }
  sample.x[0] = record.work.macs;
  for (const results::RecordRow& row : record.ledger) {
    if (row.category == Category::static_power) continue;  // idle power is subtracted already
    const std::size_t level = level_of(row, names);
    if (level > 0) sample.x[level] += row.count;
    sample.modelled_J[level] += row.energy_J;
  }
  for (std::size_t j = 1; j < kFitCoefficients; ++j) {
    if (sample.x[j] > 0) continue;
    fail_usage(
        "record {} ({}) has no ledger rows of bytes at level '{}': the fit takes products of "
        "a device whose preset prices its memory level by level",
        record.record_id, sample.name, names[j]);
  }
  return sample;
}

std::vector<PointSpec> fit_points(const std::string& backend) {
  // Cubes of three sizes; thin on each side; a vector; deep and shallow.
  constexpr std::array<std::array<std::int64_t, 3>, 10> kShapes = {{{128, 128, 128},
                                                                    {512, 512, 512},
                                                                    {1536, 1536, 1536},
                                                                    {1, 4096, 4096},
                                                                    {8, 4096, 4096},
                                                                    {4096, 8, 4096},
                                                                    {4096, 4096, 8},
                                                                    {64, 1024, 1024},
                                                                    {256, 256, 8192},
                                                                    {32, 32, 16384}}};
  std::vector<PointSpec> points;
  for (const auto& [m, n, k] : kShapes) {
    PointSpec point;
    point.op = Op::gemm;
    point.backend = backend;
    point.gemm = {m, n, k};
    points.push_back(std::move(point));
  }
  return points;
}

Json to_json(const EnergyFit& fit) {
  Json json = Json::object();
  json["coefficients"] = Json::array();
  for (const FitCoefficient& c : fit.coefficients) {
    json["coefficients"].push_back({{"name", c.name},
                                    {"unit", c.name == "mac" ? "J/MAC" : "J/B"},
                                    {"value", c.value},
                                    {"low", c.low},
                                    {"high", c.high},
                                    {"modelled", c.modelled}});
  }
  json["shapes"] = Json::array();
  for (std::size_t i = 0; i < fit.names.size(); ++i) {
    json["shapes"].push_back({{"shape", fit.names[i]},
                              {"residual_frac", fit.residual_frac[i]},
                              {"left_out_frac", fit.left_out_frac[i]}});
  }
  json["left_out_rms_frac"] = fit.left_out_rms_frac;
  json["left_out_most_frac"] = fit.left_out_most_frac;
  return json;
}

}  // namespace jb::harness
