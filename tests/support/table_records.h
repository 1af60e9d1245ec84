#pragma once
// Records of the default suite's shape, with round numbers, for tests of the energy-per-op table.

#include <string>
#include <vector>

#include "tests/support/sample_record.h"

namespace jb::test {

struct TableValues {
  std::vector<double> energies_J;  ///< B0, B1, ...
  double movement_share = -1;      ///< below zero: not known
  double mac_per_s = 0;
  double fidelity = 0;  ///< relative error, or accuracy of a network
  bool measured_time = false;
};

inline Json gemm_point(int m, int n, int k) {
  return {{"op", "gemm"}, {"m", m}, {"n", n}, {"k", k}, {"data", {{"dist", "normal"}, {"seed", 1}}},
          {"age_s", 0}};
}

inline Json network_point(const std::string& dataset) {
  return {{"op", "network"},
          {"network", "mlp-784-100-10"},
          {"dataset", dataset},
          {"batch", 64},
          {"age_s", 0}};
}

inline results::Record table_record(Json point, const std::string& backend,
                                    const std::string& device, const TableValues& values) {
  results::Record record;
  point["backend"] = backend;
  point["device"] = device;
  record.point = point;
  for (std::size_t b = 0; b < values.energies_J.size(); ++b) {
    record.quantities["energy_B" + std::to_string(b) + "_J_per_mac"] =
        modelled(values.energies_J[b]);
  }
  if (values.movement_share >= 0) {
    record.quantities["data_movement_share_frac"] = modelled(values.movement_share);
  }
  if (values.mac_per_s > 0) {
    results::Quantity rate = modelled(values.mac_per_s);
    if (values.measured_time) rate.provenance = Provenance::measured;
    record.quantities["throughput_mac_per_s"] = rate;
  }
  const bool network = point["op"] == "network";
  record.quantities[network ? "accuracy_top1_frac" : "relative_error_frobenius"] =
      modelled(values.fidelity);
  set_ids(record);
  return record;
}

inline results::Record stopped_record(Json point, const std::string& backend,
                                      const std::string& device, results::Status status,
                                      const std::string& reason) {
  results::Record record;
  point["backend"] = backend;
  point["device"] = device;
  record.point = point;
  record.status = status;
  record.reason = reason;
  set_ids(record);
  return record;
}

inline std::vector<results::Record> machines_on(const Json& point, double f) {
  const bool network = point["op"] == "network";
  const auto fidelity = [&](double accuracy, double error) { return network ? accuracy : error; };
  std::vector<results::Record> records;
  records.push_back(
      table_record(point, "reference", "host", {{}, -1, 2.1e9 * f, fidelity(0.9755, 0), true}));
  records.push_back(table_record(point, "onednn", "host",
                                 {{1.1e-12, 2.2e-12, 3.3e-12 / f, 4.6e-12 / f},
                                  0.31,
                                  9.8e10 * f,
                                  fidelity(0.9755, 1.6e-7),
                                  true}));
  records.back().lints.push_back({"unvalidated", "no published figure stated"});
  records.push_back(
      stopped_record(point, "cublas", "h100", results::Status::unavailable,
                     "this build has no CUDA: configure with the CUDA toolkit installed"));
  records.push_back(
      table_record(point, "systolic", "ideal", {{}, -1, 0, fidelity(0.9755, 2.3e-16)}));
  records.push_back(table_record(point, "systolic", "tpu-v1",
                                 {{2.05e-13, 2.91e-13, 4.2e-13 / f, 8.12e-13 / f},
                                  0.62,
                                  4.6e13 * f,
                                  fidelity(0.974, 1.23e-2)}));
  records.push_back(
      table_record(point, "systolic", "scale-sim-32", {{}, -1, 1.02e12, fidelity(0.974, 1.23e-2)}));
  records.push_back(
      table_record(point, "crossbar", "ideal", {{}, -1, 0, fidelity(0.9755, 4.5e-16)}));
  records.push_back(table_record(point, "crossbar", "pcm-hermes",
                                 {{1.87e-13, 2.4e-13}, -1, 1.6e13 * f, fidelity(0.968, 5.1e-2)}));
  records.back().point["age_s"] = 2592000;
  records.push_back(table_record(point, "photonic", "ideal", {{}, -1, 0, fidelity(0.9755, 5e-16)}));
  records.push_back(table_record(point, "photonic", "hamerly2019-sql",
                                 {{5.2e-20}, -1, 1e15 * f, fidelity(0.951, 1.6e-1)}));
  records.back().point["theory_bound"] = true;
  records.push_back(table_record(
      point, "photonic", "photonic-2025",
      {{9.7e-13, 1.4e-12, 1.9e-12 / f, 2.6e-12 / f}, 0.27, 3.3e12 * f, fidelity(0.9, 3.4e-2)}));
  records.back().lints.push_back({"unvalidated", "no published figure stated"});
  return records;
}

inline std::vector<results::Record> table_records() {
  std::vector<results::Record> all;
  for (const auto& record : machines_on(gemm_point(1024, 1024, 1024), 1)) all.push_back(record);
  for (const auto& record : machines_on(gemm_point(1, 100, 784), 0.02)) all.push_back(record);
  for (const auto& record : machines_on(network_point("synthetic-digits"), 0.25)) {
    all.push_back(record);
  }
  return all;
}

}  // namespace jb::test
