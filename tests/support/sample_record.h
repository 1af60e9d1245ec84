#pragma once
// A small, consistent record for tests of results/: ids hash what they say, rows add up.

#include <string>

#include "results/record.h"

namespace jb::test {

inline results::RecordRow sample_row(const std::string& component, Category category,
                                     Boundary boundary, double count, double energy_per_action_J) {
  results::RecordRow row;
  row.component = component;
  row.action = "act";
  row.category = category;
  row.boundary = boundary;
  row.count = count;
  row.energy_per_action_J = energy_per_action_J;
  row.energy_J = count * energy_per_action_J;
  row.cls = "B";
  row.constant = "table/" + component;
  row.source = "a paper";
  return row;
}

inline results::Quantity modelled(double value) {
  results::Quantity q;
  q.value = value;
  q.source = "ledger";
  return q;
}

inline void set_ids(results::Record& record) {
  record.point_id = results::point_id_of(record.point);
  record.record_id = results::record_id_of(record.point_id, record.versions);
}

/// Energies at B0 to B2, movement, setup and calibration from the rows of the record.
inline void set_energies(results::Record& record) {
  double sum = 0;
  double moved = 0;
  for (const Boundary b : {Boundary::B0, Boundary::B1, Boundary::B2}) {
    for (const results::RecordRow& row : record.ledger) {
      if (row.boundary != b) continue;
      sum += row.energy_J;
      if (row.category == Category::movement) moved += row.energy_J;
    }
    record.quantities["energy_" + std::string(name_of(b)) + "_J_per_mac"] =
        modelled(sum / record.work.macs);
  }
  record.quantities["data_movement_J_per_mac"] = modelled(moved / record.work.macs);
  record.quantities["data_movement_share_frac"] = modelled(moved / sum);
  double setup = 0;
  for (const results::RecordRow& row : record.setup_ledger) setup += row.energy_J;
  record.quantities["setup_energy_J"] = modelled(setup);
}

/// A gemm 64 x 100 x 784 on a systolic array with four ledger rows at B0 to B2.
inline results::Record sample_record() {
  results::Record record;
  record.run_id = "20250101T000000Z-0123";
  record.time_utc = "2025-01-01T00:00:00Z";
  record.repro = "joulebench run --backend systolic --device tpu-v1 --gemm 64,100,784";
  record.point = {{"op", "gemm"},
                  {"backend", "systolic"},
                  {"device", "tpu-v1"},
                  {"set", Json::object()},
                  {"m", 64},
                  {"n", 100},
                  {"k", 784},
                  {"data", {{"dist", "normal"}, {"seed", 1}}},
                  {"precision", "s8"},
                  {"age_s", 0},
                  {"seed", 1},
                  {"instances", 1},
                  {"threads", 0},
                  {"estimate", false}};
  record.versions = {
      {"model_version", 1}, {"device_hash", "00000000000000aa"}, {"tables_hash", "bb"}};
  record.work = {5017600, 5242880, 130000};
  record.ledger = {sample_row("mac", Category::compute, Boundary::B0, 5242880, 2.3e-13),
                   sample_row("sram", Category::movement, Boundary::B1, 1e5, 5e-12),
                   sample_row("control", Category::control, Boundary::B1, 1e4, 1e-12),
                   sample_row("dram", Category::movement, Boundary::B2, 1.3e5, 1.5e-11)};
  record.setup_ledger = {sample_row("dram", Category::movement, Boundary::B2, 78400, 1.5e-11)};
  set_energies(record);
  record.quantities["throughput_mac_per_s"] = modelled(1.25e13);
  record.quantities["device_time_s"] = modelled(record.work.macs / 1.25e13);
  record.quantities["relative_error_frobenius"] = modelled(0.0123);
  results::Quantity host = modelled(0.017);
  host.provenance = Provenance::measured;
  host.source = "steady clock";
  record.quantities["host_time_s"] = host;
  set_ids(record);
  return record;
}

}  // namespace jb::test
