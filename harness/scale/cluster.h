#pragma once
// How many machines work together and how: data, tensor and pipeline parallelism.

#include <cstdint>
#include <string>
#include <vector>

#include "harness/scale/machine.h"
#include "harness/scale/work.h"

namespace jb::harness::scale {

/// What a user asks for; 0 where it is left to be found.
struct ClusterRequest {
  std::int64_t devices = 0, data = 0, tensor = 0, pipeline = 0, microbatches = 0;
};

struct Cluster {
  std::int64_t data = 1;          ///< replicas, each with a part of the batch
  std::int64_t tensor = 1;        ///< machines that share each product
  std::int64_t pipeline = 1;      ///< stages of layers
  std::int64_t microbatches = 1;  ///< pieces that a replica's part of the batch is cut into
  std::int64_t samples = 1;       ///< of a microbatch
  bool recompute = false;  ///< only block inputs are kept; the backward pass runs forward again
  double state_bytes = 0;  ///< weights, gradients and moments on each machine
  double activation_bytes = 0;  ///< kept for the backward pass on each machine
  double spilled_bytes = 0;     ///< of each machine's share that its memory does not hold

  [[nodiscard]] double devices() const noexcept {
    return static_cast<double>(data) * static_cast<double>(tensor) * static_cast<double>(pipeline);
  }
};

/// Bytes of training state a parameter: f16 value and gradient, f32 value and two moments of Adam
/// (Rajbhandari et al., ZeRO, SC 2020, section 3.1).
inline constexpr double kTrainingBytesPerParameter = 16;

/// Refuses (usage) counts that make no sense or contradict each other.
void check(const ClusterRequest& request);

/// Fits a batch of `batch` samples onto the machines: what is not asked for is the least tensor
/// (up to 8, a node of Megatron-LM), then pipeline parallelism whose share fits the memory, then as
/// many microbatches as the activations need. Activations that do not fit even then are computed
/// again in the backward pass (Chen et al., arXiv:1604.06174); what still fits no machine is
/// spilled, and counted.
/// Usage error when the batch or the layers are fewer than what they are dealt out to.
Cluster plan_training(const ClusterRequest& request, const Machine& machine, const Work& one_sample,
                      std::int64_t batch);
/// The same for inference: weights alone.
Cluster plan_inference(const ClusterRequest& request, const Machine& machine,
                       const Work& one_sample, std::int64_t batch);

/// "64 machines: data 64, tensor 1, pipeline 1; 1 microbatch of 4"
std::string to_string(const Cluster& cluster);

/// The part of a product that one machine of a tensor-parallel group forms, and how many of them
/// the group forms in all.
struct Share {
  GemmShape shape;
  double products = 1;
};
Share share_of(const Product& product, std::int64_t tensor);

}  // namespace jb::harness::scale
