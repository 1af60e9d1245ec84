#pragma once
// What the weight cache needs to know about the trainer.

#include <cstdint>

#include "models/mlp.h"

namespace jb::models {

/// Raised when the same options give other weights than before: old cache entries are then not
/// used.
inline constexpr int kTrainerVersion = 2;

/// Usage error naming the option, when `options` make no sense or `data` does not fit `network`.
void check_trainable(const Mlp& network, const LabelledImages& data, const TrainOptions& options);

}  // namespace jb::models
