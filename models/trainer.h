#pragma once
// What the weight cache needs to know about the trainer.

#include <cstdint>

#include <string>

#include "models/mlp.h"

namespace jb::models {

/// Raised when the same options give other weights than before: old cache entries are then not
/// used.
inline constexpr int kTrainerVersion = 2;

/// What a network takes and gives for one sample.
struct NetworkEnds {
  std::string name;
  std::int64_t inputs = 0;
  std::int64_t outputs = 0;
};

/// Usage error naming the option, when `options` make no sense or `data` does not fit `network`.
void check_trainable(const NetworkEnds& network, const LabelledImages& data,
                     const TrainOptions& options);

}  // namespace jb::models
