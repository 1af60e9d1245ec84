#pragma once
// What training or serving a network would take on a machine: energy, carbon, money and
// machine-years, at the accuracy that the machine can hold, with what is not modelled.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/scale/accuracy_class.h"
#include "harness/scale/estimate.h"
#include "harness/scale/runs.h"
#include "results/footprint/footprint.h"
#include "results/footprint/sensitivity.h"

namespace jb::harness::scale {

/// Queries answered by passes of `batch` samples.
struct Service {
  std::string network;
  double queries_per_day = 0;
  double days = 365;
  std::int64_t batch = 1;
  std::int64_t sequence = 0;
};

/// The workload, how it is spread, and how joules become carbon. Exactly one of run and service.
struct Question {
  std::optional<TrainingRun> run;
  std::optional<Service> service;
  ClusterRequest cluster;
  Knobs knobs;
  Link link;
  std::optional<ElementType> precision;  ///< of the backends that have it
  results::FootprintOptions footprint;

  [[nodiscard]] const std::string& network() const { return run ? run->network : service->network; }
};

struct Answer {
  std::string backend, device;
  std::string unsupported;  ///< why this machine has no answer; "" when it has one
  AccuracyClass accuracy;
  bool holds_training = true;        ///< op training: whether the accuracy is one that trains
  Boundary boundary = Boundary::B3;  ///< highest that its preset has data for, B3 at most
  Cluster cluster;                   ///< of the longest phase
  results::MethodSheet sheet;  ///< energy_kWh, facility_energy_kWh, carbon_kg, ..., device_years
  double adc_share = 0, link_share = 0;       ///< of the energy
  std::vector<results::RecordRow> constants;  ///< joules by constant, for intervals
};

/// Machines that a question is put to: an opened machine each.
struct Candidate {
  const Backend* backend = nullptr;
  DeviceSpec spec;
};

Answer answer(const Question& question, const Candidate& candidate);

/// Which assumption moves the carbon most: PUE, grid, ADC energy, batch, utilisation, reload, link,
/// and the constants behind most of the energy.
results::Tornado sensitivity_of(const Question& question, const Candidate& candidate,
                                const Answer& base, const results::FootprintData& data);

/// Tables for terminals.
std::string answers_text(const Question& question, const std::vector<Answer>& answers,
                         const results::TableStyle& style);
Json answer_json(const Question& question, const Answer& answer);

}  // namespace jb::harness::scale
