#pragma once
// The float result of a network: in float64 where that takes seconds, else by a float32 machine.

#include <memory>
#include <string>
#include <vector>

#include "harness/workload_cache.h"

namespace jb::harness {

/// Fills `reference` and `reference_engine` of a workload.
void solve(NetworkWorkload& workload);

/// A network on the float machine that is here: `reference` (float64 products) for work up to
/// kMostFloat64Macs, else oneDNN when it is built in.
struct FloatMachine {
  std::unique_ptr<Device> device;
  std::unique_ptr<Executable> executable;
  std::string description;
};
FloatMachine float_machine(const GraphView& graph, double macs);

/// Index of the largest element (the first of equals) of each row of `length` elements.
std::vector<int> argmax_of(const std::vector<double>& values, std::int64_t length);

/// Whether the plans of a network should be made one at a time because all of them do not fit into
/// the memory that is free. Usage error with the sizes when even the largest layer does not.
bool must_stream(const GraphView& graph, bool simulated);

}  // namespace jb::harness
