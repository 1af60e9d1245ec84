#pragma once
// Networks in ONNX files (github.com/onnx/onnx, IR.md and Operators.md): opsets 1 to 20 of the
// default domain in, opset 17 (20 where an operator needs it) out. Without libonnx and protobuf at
// build time every function here refuses and says so.

#include <filesystem>
#include <vector>

#include "backends/core/error.h"
#include "backends/core/tensor.h"
#include "models/graph.h"

namespace jb::models {

/// Whether this build reads and writes ONNX, with the reason when not.
Support onnx_support();

struct OnnxOptions {
  /// The tensors that runs will be given, in the order of the model's inputs, where they are known.
  /// Their sizes stand for those that the model leaves open; tensors that decide sizes themselves
  /// (a shape, axes, limits of a Slice) become constants as well as inputs.
  std::vector<Tensor> inputs;
};

/// Reads a model; operators take the meaning that backends/core/graph_view.h gives them. The first
/// size of an input becomes kBatch when the model leaves it open; another open size needs
/// `inputs`. Initialisers come from the file or from files inside its folder; those that are
/// also listed as inputs are constants. Peak memory: the file's size and one tensor's text. Usage
/// error with one sentence, naming the node where there is one, for a file that is no valid model;
/// Unsupported for an operator, type or version that is not covered.
Graph load_onnx(const std::filesystem::path& path, const OnnxOptions& options = {});

/// Writes the graph whole or not at all; a kBatch size becomes the symbolic size "N". Weights are
/// stored in the file. Unsupported for operators without an ONNX form and for more than 2 GB.
void save_onnx(const Graph& graph, const std::filesystem::path& path);

}  // namespace jb::models
