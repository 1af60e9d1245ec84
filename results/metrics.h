#pragma once
// The metric table: every quantity a record may hold. To add a metric, add one row.

#include <span>
#include <string_view>

namespace jb::results {

/// How two values of a metric are compared (ARCHITECTURE.md, "Three classes of number").
enum class MetricClass { exact, simulated, measured };
enum class Better { lower, higher, neither };

struct Metric {
  std::string_view name;  ///< "energy_B0_J_per_mac"
  std::string_view unit;
  MetricClass modelled_class;  ///< class when its provenance is modelled
  Better better;
  std::string_view description;
};

std::span<const Metric> metrics() noexcept;
const Metric* find_metric(std::string_view name) noexcept;

}  // namespace jb::results
