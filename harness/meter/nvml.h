#pragma once
// GPU boards through NVML: the energy counter (Volta and later), and sampled power beside it.

#include "harness/meter/meter.h"
#include "harness/meter/sysfs.h"

namespace jb::harness::meter {

/// The energy counter ("nvml") and the integral of sampled power ("nvml-power") of the GPU that
/// CUDA programs get first: CUDA_VISIBLE_DEVICES, else number 0. Refused while the board is cut
/// into MIG instances, which share one meter.
std::vector<Candidate> find_nvml(const MeterPlaces& places);

}  // namespace jb::harness::meter
