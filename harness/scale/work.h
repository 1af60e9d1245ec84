#pragma once
// What a network asks of machines, as families of equal products: the basis of estimates at any
// scale. Counts come from the same description that running networks uses (products_of, work_of).

#include <cstdint>
#include <string>
#include <vector>

#include "backends/core/shape.h"
#include "backends/energy/periphery.h"

namespace jb::harness::scale {

/// How a product is divided among the machines of a tensor-parallel group (Shoeybi et al.,
/// Megatron-LM, arXiv:1909.08053, section 3).
enum class Split : std::uint8_t {
  none,      ///< every machine of the group forms all of it
  columns,   ///< of a stationary B whose A all machines hold
  rows,      ///< of a stationary B whose A is divided: the results are added up over the group
  operands,  ///< products of two computed operands, dealt out (heads of attention)
};

/// A family of equal products of one pass.
struct Product {
  std::string layer;  ///< the first node that forms it
  GemmShape shape;
  double operands = 1;  ///< different B
  double uses = 1;      ///< products that each B takes part in (time steps)
  double repeats = 1;   ///< nodes alike
  bool stationary = true;
  Split split = Split::none;
  bool first = false;     ///< A is the network's input: training needs no gradient of it
  double conv_input = 0;  ///< of a convolution: elements of the input that each group reads; else 0

  [[nodiscard]] double macs() const noexcept { return shape.macs() * operands * uses * repeats; }
  [[nodiscard]] double weights() const noexcept {
    return stationary
               ? static_cast<double>(shape.n) * static_cast<double>(shape.k) * operands * repeats
               : 0;
  }
};

/// One forward pass of `samples` samples.
struct Work {
  std::string name;
  std::int64_t samples = 1;
  std::int64_t sequence = 0;  ///< tokens a sample; 0: not over text
  std::vector<Product> products;
  PeripheryWork periphery_split;  ///< of nodes whose values are divided in a tensor-parallel group
  PeripheryWork periphery_whole;  ///< of nodes that each machine of the group runs
  double parameters = 0;
  double kept_values = 0;      ///< activations that the backward pass needs again
  double reduced_values = 0;   ///< sums and gathers over a tensor-parallel group, forward
  double boundary_values = 0;  ///< activations between two stages of a pipeline
  double blocks = 1;           ///< most stages that a pipeline can have

  [[nodiscard]] double macs() const noexcept;
  /// Of a step of training: forward and the gradients of both operands, where they are needed.
  [[nodiscard]] double training_macs() const noexcept;
};

/// A network of the registry ("bert-base"), or a decoder of any size:
///   "decoder:layers=128,width=25600,heads=160[,inner=N][,vocabulary=N][,sequence=N]"
/// at `samples` and `sequence` (0: the network's own). Usage error for what is neither.
Work work_of(const std::string& network, std::int64_t samples, std::int64_t sequence);

}  // namespace jb::harness::scale
