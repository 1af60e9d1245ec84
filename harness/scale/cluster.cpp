#include "harness/scale/cluster.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "backends/core/error.h"

namespace jb::harness::scale {
namespace {

constexpr std::int64_t kMostDevices = 100000000;  // beyond any cluster planned
constexpr std::int64_t kNode = 8;                 // machines that tensor parallelism stays within
// Pipelines are kept busy by several microbatches a stage (Huang et al., GPipe, NeurIPS 2019,
// section 3.3: the bubble is negligible from four times the stages).
constexpr std::int64_t kMicrobatchesPerStage = 4;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

void check_count(std::int64_t value, const char* flag) {
  if (value < 0 || value > kMostDevices) {
    fail_usage("{}: {} makes no sense; a whole number from 1 to {} is meant", flag, value,
               kMostDevices);
  }
}

/// Bytes of each machine's share.
struct Need {
  double state = 0;
  double activations = 0;
};

struct Question {
  const ClusterRequest& request;
  const Machine& machine;
  const Work& one;
  std::int64_t batch = 1;
  bool training = true;
};

/// Activations a sample that wait for the backward pass: all, or the inputs of all blocks and what
/// lies within one of them.
double kept_values(const Work& one, bool recompute) {
  if (!recompute) return one.kept_values;
  return std::min(one.kept_values, one.boundary_values * one.blocks + one.kept_values / one.blocks);
}

Need need_of(const Question& q, const Cluster& cluster, std::int64_t samples) {
  const auto tensor = static_cast<double>(cluster.tensor);
  const auto pipeline = static_cast<double>(cluster.pipeline);
  const double parts = tensor * pipeline;
  Need need;
  need.state = q.one.parameters *
               (q.training ? kTrainingBytesPerParameter : q.machine.value_bytes()) / parts;
  if (q.training) {
    // The first stage holds the activations of as many microbatches as there are stages.
    need.activations = kept_values(q.one, cluster.recompute) * static_cast<double>(samples) *
                       q.machine.value_bytes() / parts * pipeline;
  }
  return need;
}

bool fits(const Question& q, const Need& need) {
  return q.machine.memory_bytes() == 0 || need.state + need.activations <= q.machine.memory_bytes();
}

/// Tensor and pipeline sizes: those asked for, else the least that fit one sample.
void choose_parallelism(const Question& q, Cluster& cluster) {
  const auto blocks = static_cast<std::int64_t>(q.one.blocks);
  cluster.tensor = std::max<std::int64_t>(1, q.request.tensor);
  cluster.pipeline = std::max<std::int64_t>(1, q.request.pipeline);
  const std::int64_t room = q.request.devices > 0 ? q.request.devices : kMostDevices;
  // Sharing goes on until one sample fits, recomputed if need be.
  const auto too_large = [&] {
    Cluster smallest = cluster;
    smallest.recompute = true;
    return !fits(q, need_of(q, smallest, 1));
  };
  while (q.request.tensor == 0 && cluster.tensor < kNode && too_large() &&
         cluster.tensor * 2 * cluster.pipeline <= room) {
    cluster.tensor *= 2;
  }
  while (q.request.pipeline == 0 && cluster.pipeline * 2 <= blocks && too_large() &&
         cluster.tensor * cluster.pipeline * 2 <= room) {
    cluster.pipeline *= 2;
  }
  if (cluster.pipeline > blocks) {
    fail_usage("--pipeline-parallel: {} stages for {} layers of '{}'; take no more than {}",
               cluster.pipeline, blocks, q.one.name, blocks);
  }
}

void choose_replicas(const Question& q, Cluster& cluster) {
  const std::int64_t group = cluster.tensor * cluster.pipeline;
  cluster.data = std::max<std::int64_t>(1, q.request.data);
  if (q.request.devices > 0) {
    if (q.request.devices % group != 0 ||
        (q.request.data > 0 && q.request.data * group != q.request.devices)) {
      fail_usage(
          "--devices: {} machines cannot be dealt out as data {} x tensor {} x pipeline {}; take a "
          "multiple of {}",
          q.request.devices,
          q.request.data > 0 ? fmt::format("{}", q.request.data) : std::string("N"), cluster.tensor,
          cluster.pipeline, group);
    }
    cluster.data = q.request.devices / group;
  }
  if (cluster.data > q.batch) {
    fail_usage("{} replicas for a batch of {} samples: give a larger --batch or fewer --devices",
               cluster.data, q.batch);
  }
}

void choose_microbatches(const Question& q, Cluster& cluster) {
  const std::int64_t per_replica = ceil_div(q.batch, cluster.data);
  cluster.recompute = q.training && !fits(q, need_of(q, cluster, 1));
  if (q.request.microbatches > 0) {
    if (q.request.microbatches > per_replica) {
      fail_usage("--microbatches: {} pieces of {} samples a replica; take no more than that",
                 q.request.microbatches, per_replica);
    }
    cluster.microbatches = q.request.microbatches;
  } else {
    cluster.microbatches =
        cluster.pipeline == 1 ? 1 : std::min(per_replica, kMicrobatchesPerStage * cluster.pipeline);
    while (cluster.microbatches < per_replica &&
           !fits(q, need_of(q, cluster, ceil_div(per_replica, cluster.microbatches)))) {
      cluster.microbatches = std::min(per_replica, 2 * cluster.microbatches);
    }
  }
  cluster.samples = ceil_div(per_replica, cluster.microbatches);
  cluster.microbatches = ceil_div(per_replica, cluster.samples);
}

Cluster plan(const Question& q) {
  check(q.request);
  Cluster cluster;
  choose_parallelism(q, cluster);
  choose_replicas(q, cluster);
  choose_microbatches(q, cluster);
  const Need need = need_of(q, cluster, cluster.samples);
  cluster.state_bytes = need.state;
  cluster.activation_bytes = need.activations;
  if (!fits(q, need)) {
    cluster.spilled_bytes = need.state + need.activations - q.machine.memory_bytes();
  }
  return cluster;
}

}  // namespace

void check(const ClusterRequest& request) {
  check_count(request.devices, "--devices");
  check_count(request.data, "--data-parallel");
  check_count(request.tensor, "--tensor-parallel");
  check_count(request.pipeline, "--pipeline-parallel");
  check_count(request.microbatches, "--microbatches");
  const double all = static_cast<double>(std::max<std::int64_t>(1, request.data)) *
                     static_cast<double>(std::max<std::int64_t>(1, request.tensor)) *
                     static_cast<double>(std::max<std::int64_t>(1, request.pipeline));
  if (all > static_cast<double>(kMostDevices)) {
    fail_usage("data x tensor x pipeline parallelism makes {:.3g} machines; {} are the most", all,
               kMostDevices);
  }
}

Cluster plan_training(const ClusterRequest& request, const Machine& machine, const Work& one_sample,
                      std::int64_t batch) {
  return plan({request, machine, one_sample, batch, true});
}

Cluster plan_inference(const ClusterRequest& request, const Machine& machine,
                       const Work& one_sample, std::int64_t batch) {
  return plan({request, machine, one_sample, batch, false});
}

std::string to_string(const Cluster& cluster) {
  return fmt::format("{:.0f} machine{}: data {}, tensor {}, pipeline {}; {} microbatch{} of {}",
                     cluster.devices(), cluster.devices() == 1 ? "" : "s", cluster.data,
                     cluster.tensor, cluster.pipeline, cluster.microbatches,
                     cluster.microbatches == 1 ? "" : "es", cluster.samples);
}

Share share_of(const Product& product, std::int64_t tensor) {
  Share share{product.shape, product.operands * product.uses * product.repeats};
  const auto machines = static_cast<double>(tensor);
  switch (product.split) {
    case Split::none:
      share.products *= machines;
      break;
    case Split::columns:
      share.shape.n = ceil_div(product.shape.n, tensor);
      share.products *= machines;
      break;
    case Split::rows:
      share.shape.k = ceil_div(product.shape.k, tensor);
      share.products *= machines;
      break;
    case Split::operands:
      share.products =
          std::ceil(product.operands / machines) * machines * product.uses * product.repeats;
      break;
  }
  return share;
}

}  // namespace jb::harness::scale
