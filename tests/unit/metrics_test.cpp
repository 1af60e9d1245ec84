// Does the metric table hold every quantity that a record may hold, once, with its unit?

#include "results/metrics.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace jb::results {
namespace {

TEST(Metrics, HoldEveryQuantityOfTheContract) {
  for (const char* name : {"device_time_s",
                           "host_time_s",
                           "throughput_mac_per_s",
                           "energy_B0_J_per_mac",
                           "energy_B5_J_per_mac",
                           "measured_energy_B3_J_per_mac",
                           "measured_net_energy_B3_J_per_mac",
                           "measured_domain_energy_J",
                           "model_to_meter_ratio",
                           "data_movement_J_per_mac",
                           "data_movement_share_frac",
                           "setup_energy_J",
                           "calibration_energy_J",
                           "average_power_W",
                           "area_m2",
                           "relative_error_frobenius",
                           "sqnr_dB",
                           "max_abs_error",
                           "accuracy_top1_frac",
                           "accuracy_delta_frac",
                           "agreement_top1_frac"}) {
    EXPECT_NE(find_metric(name), nullptr) << name;
  }
  EXPECT_EQ(find_metric("energy_B6_J_per_mac"), nullptr);
  EXPECT_EQ(find_metric(""), nullptr);
}

TEST(Metrics, AreUniqueAndEndWithTheirUnit) {
  const std::map<std::string, std::string> suffixes{{"s", "_s"},
                                                    {"MAC/s", "_mac_per_s"},
                                                    {"J/MAC", "_J_per_mac"},
                                                    {"J", "_J"},
                                                    {"W", "_W"},
                                                    {"m2", "_m2"},
                                                    {"dB", "_dB"}};
  std::set<std::string> names;
  for (const Metric& metric : metrics()) {
    const std::string name(metric.name);
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_FALSE(metric.description.empty()) << name;
    const auto suffix = suffixes.find(std::string(metric.unit));
    if (suffix == suffixes.end()) {
      EXPECT_EQ(metric.unit, "1") << name;
    } else {
      ASSERT_GT(name.size(), suffix->second.size());
      EXPECT_EQ(name.substr(name.size() - suffix->second.size()), suffix->second);
    }
  }
}

TEST(Metrics, MeterAndClockNamesAreMeasured) {
  for (const Metric& metric : metrics()) {
    const bool meter = metric.name.substr(0, 9) == "measured_" || metric.name == "host_time_s";
    EXPECT_EQ(metric.modelled_class == MetricClass::measured, meter) << metric.name;
  }
}

}  // namespace
}  // namespace jb::results
