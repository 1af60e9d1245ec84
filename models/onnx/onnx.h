#pragma once
// Networks in ONNX files (github.com/onnx/onnx, IR.md and Operators.md): opsets 1 to 20 of the
// default domain in, opset 17 (20 where an operator needs it) out. Without libonnx and protobuf at
// build time every function here refuses and says so.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "backends/core/error.h"
#include "models/graph.h"

namespace jb::models {

/// Whether this build reads and writes ONNX, with the reason when not.
Support onnx_support();

struct OnnxOptions {
  /// Sizes of the graph's inputs, in order, where they are known (the tensors that will be given).
  /// They must agree with the sizes that the model fixes, and stand for those that it leaves open.
  std::vector<std::optional<Dims>> input_dims;
};

/// Reads a model; operators take the meaning that backends/core/graph_view.h gives them. The first
/// size of an input becomes kBatch when the model leaves it open; another open size needs
/// `input_dims`. Initialisers come from the file or from files inside its folder; those that are
/// also listed as inputs are constants. Peak memory: the file's size and one tensor's text. Usage
/// error with one sentence, naming the node where there is one, for a file that is no valid model;
/// Unsupported for an operator, type or version that is not covered.
Graph load_onnx(const std::filesystem::path& path, const OnnxOptions& options = {});

/// Writes the graph whole or not at all; a kBatch size becomes the symbolic size "N". Weights are
/// stored in the file. Unsupported for operators without an ONNX form and for more than 2 GB.
void save_onnx(const Graph& graph, const std::filesystem::path& path);

}  // namespace jb::models
