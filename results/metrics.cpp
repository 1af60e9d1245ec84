#include "results/metrics.h"

#include <array>

namespace jb::results {
namespace {

constexpr MetricClass kExact = MetricClass::exact;
constexpr MetricClass kSimulated = MetricClass::simulated;
constexpr MetricClass kMeasured = MetricClass::measured;
constexpr Better kLower = Better::lower;
constexpr Better kHigher = Better::higher;
constexpr Better kNeither = Better::neither;

constexpr std::array<Metric, 45> kMetrics{{
    {"device_time_s", "s", kExact, kLower, "time of the machine for one execution"},
    {"host_time_s", "s", kMeasured, kLower, "time this program took for the point"},
    {"throughput_mac_per_s", "MAC/s", kExact, kHigher, "logical MACs per device time"},
    {"energy_B0_J_per_mac", "J/MAC", kExact, kLower,
     "ledger: arithmetic, conversion, light and bias of running operations"},
    {"energy_B1_J_per_mac", "J/MAC", kExact, kLower,
     "ledger: B0 and SRAM, registers, on-chip network, control, partial sums"},
    {"energy_B2_J_per_mac", "J/MAC", kExact, kLower, "ledger: B1 and DRAM and links"},
    {"energy_B3_J_per_mac", "J/MAC", kExact, kLower,
     "ledger: B2 and power that flows whether or not an operation runs"},
    {"energy_B4_J_per_mac", "J/MAC", kExact, kLower, "ledger: B3 and host, fans, supply"},
    {"energy_B5_J_per_mac", "J/MAC", kExact, kLower, "ledger: B4 times PUE"},
    {"measured_energy_B0_J_per_mac", "J/MAC", kMeasured, kLower, "meter, gross, boundary B0"},
    {"measured_energy_B1_J_per_mac", "J/MAC", kMeasured, kLower, "meter, gross, boundary B1"},
    {"measured_energy_B2_J_per_mac", "J/MAC", kMeasured, kLower, "meter, gross, boundary B2"},
    {"measured_energy_B3_J_per_mac", "J/MAC", kMeasured, kLower, "meter, gross, boundary B3"},
    {"measured_energy_B4_J_per_mac", "J/MAC", kMeasured, kLower, "meter, gross, boundary B4"},
    {"measured_energy_B5_J_per_mac", "J/MAC", kMeasured, kLower, "meter, gross, boundary B5"},
    {"measured_net_energy_B0_J_per_mac", "J/MAC", kMeasured, kLower, "meter, idle subtracted, B0"},
    {"measured_net_energy_B1_J_per_mac", "J/MAC", kMeasured, kLower, "meter, idle subtracted, B1"},
    {"measured_net_energy_B2_J_per_mac", "J/MAC", kMeasured, kLower, "meter, idle subtracted, B2"},
    {"measured_net_energy_B3_J_per_mac", "J/MAC", kMeasured, kLower, "meter, idle subtracted, B3"},
    {"measured_net_energy_B4_J_per_mac", "J/MAC", kMeasured, kLower, "meter, idle subtracted, B4"},
    {"measured_net_energy_B5_J_per_mac", "J/MAC", kMeasured, kLower, "meter, idle subtracted, B5"},
    {"measured_domain_energy_J", "J", kMeasured, kLower,
     "meter whose domains cover no whole boundary"},
    {"model_to_meter_ratio", "1", kSimulated, kNeither, "modelled by metered energy, one boundary"},
    {"data_movement_J_per_mac", "J/MAC", kExact, kLower,
     "ledger rows of category movement up to B2"},
    {"data_movement_share_frac", "1", kExact, kNeither, "movement's share of the energy at B2"},
    {"setup_energy_J", "J", kExact, kLower, "programming or loading of the stationary operand"},
    {"calibration_energy_J", "J", kExact, kLower, "calibration before the execution"},
    {"calibration_time_s", "s", kExact, kLower, "device time of calibration before the execution"},
    {"calibration_break_even_count", "1", kExact, kLower,
     "executions that take as much energy as the calibration before them"},
    {"amortised_energy_J_per_mac", "J/MAC", kSimulated, kLower,
     "highest boundary and set-up and calibration spread over a stated number of inferences"},
    {"training_energy_J", "J", kSimulated, kLower, "all steps of a training, highest boundary"},
    {"energy_to_target_J", "J", kSimulated, kLower,
     "set-up and steps up to the epoch that reached the target accuracy"},
    {"forward_energy_J", "J", kSimulated, kLower, "training: forward products and their periphery"},
    {"input_gradient_energy_J", "J", kSimulated, kLower,
     "training: products with the transposed weights and their periphery"},
    {"weight_gradient_energy_J", "J", kSimulated, kLower,
     "training: products of activations and gradients and their periphery"},
    {"update_energy_J", "J", kSimulated, kLower,
     "training: optimizer, and bringing the change to the machine"},
    {"programming_energy_J", "J", kSimulated, kLower,
     "of all steps of a training: writing operands into cells"},
    {"average_power_W", "W", kExact, kNeither,
     "energy per time: metered, gross; else modelled, at the highest boundary"},
    {"area_m2", "m2", kExact, kLower, "area of the machine"},
    {"relative_error_frobenius", "1", kSimulated, kLower, "||C - C64|| / ||C64||, Frobenius norms"},
    {"sqnr_dB", "dB", kSimulated, kHigher, "signal to error power ratio against float64"},
    {"max_abs_error", "1", kSimulated, kLower, "largest |C - C64|"},
    {"accuracy_top1_frac", "1", kSimulated, kHigher, "share of samples classified rightly"},
    {"accuracy_delta_frac", "1", kSimulated, kHigher, "accuracy minus the float network's"},
    {"agreement_top1_frac", "1", kSimulated, kHigher,
     "share of samples classified as the float network does"},
}};

}  // namespace

std::span<const Metric> metrics() noexcept { return kMetrics; }

const Metric* find_metric(std::string_view name) noexcept {
  for (const Metric& metric : kMetrics) {
    if (metric.name == name) return &metric;
  }
  return nullptr;
}

}  // namespace jb::results
