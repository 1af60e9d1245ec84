#pragma once
// Decoders of any size, given by their sizes: one layer is built, all are counted.

#include <cstdint>
#include <string>

#include "models/graph.h"

namespace jb::harness::scale {

struct DecoderSizes {
  std::int64_t layers = 0, width = 0, heads = 0;
  std::int64_t inner = 0;           ///< of the feed-forward part; default: 4 width
  std::int64_t vocabulary = 51200;  ///< as Narayanan et al., SC 2021 (51,200 entries)
  std::int64_t sequence = 2048;     ///< as there
};

/// The name that its nodes of the layer that stands for all begin with.
inline constexpr const char* kLayerPrefix = "layer.";

/// True for "decoder:...".
bool is_decoder(const std::string& network);
/// Reads the sizes; usage error for unknown keys and sizes that make no sense.
DecoderSizes decoder_sizes_from(const std::string& network);

/// Embedding, one layer and the output: layers as GPT-2's (normalisation first, GELU), untied
/// matrices. Constants hold no elements.
models::Graph decoder_graph(const DecoderSizes& sizes);

/// Trained numbers of all layers.
double decoder_parameters(const DecoderSizes& sizes);

}  // namespace jb::harness::scale
