#include "harness/network_source.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <utility>

#include "backends/core/linear_lowering.h"
#include "backends/core/text.h"
#include "models/folding.h"
#include "models/onnx/onnx.h"

namespace jb::harness {
namespace {

namespace fs = std::filesystem;

bool has_open_batch(const models::InputSpec& input) {
  return std::find(input.dims.begin(), input.dims.end(), models::kBatch) != input.dims.end();
}

/// Nodes that multiply two operands computed in the run.
bool multiplies_computed(const models::Graph& graph) {
  const auto computed = [&](const NodeView& node, std::size_t i) {
    const int input = node.input(i);
    return input != kAbsent && !graph.values()[static_cast<std::size_t>(input)].is_constant;
  };
  for (const NodeView& node : graph.nodes()) {
    if (!is_linear(node.op)) continue;
    const bool either = node.op == jb::Op::matmul || node.op == jb::Op::gemm;
    if (computed(node, 1) && (!either || computed(node, 0))) return true;
  }
  return false;
}

std::string hash_of_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) fail_usage("cannot open '{}': check the path and its permissions", path.string());
  constexpr std::size_t kPieceBytes = std::size_t{1} << 22U;
  std::string piece(kPieceBytes, '\0');
  std::string hashes;
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())) || in.gcount() > 0) {
    const auto got = static_cast<std::size_t>(in.gcount());
    hashes += hash_hex(std::string_view(piece).substr(0, got));
  }
  return hash_hex(hashes);
}

/// Weights that lie outside the model's file belong to its content too.
std::string content_hash(const fs::path& path, const models::Graph& graph) {
  std::string hash = hash_of_file(path);
  double bytes = 0;
  for (const ValueView& value : graph.values()) {
    if (!value.is_constant) continue;
    bytes +=
        static_cast<double>(elements_of(value.dims)) * static_cast<double>(bytes_of(value.type));
  }
  std::error_code error;
  const auto held = static_cast<double>(fs::file_size(path, error));
  if (error || bytes <= held) return hash;
  for (const ValueView& value : graph.values()) {
    if (!value.is_constant || !value.constant.has_elements()) continue;
    const Tensor tensor = value.constant.value();
    hash += hash_hex({static_cast<const char*>(tensor.raw()), tensor.bytes()});
  }
  return hash_hex(hash);
}

/// The rows of the tables that an input's integers pick from, followed through nodes that only move
/// data; 0 when it picks from none.
std::int64_t rows_picked_by(const models::Graph& graph, int input) {
  static const std::set<jb::Op> moving = {
      jb::Op::identity,  jb::Op::cast,  jb::Op::reshape, jb::Op::flatten,   jb::Op::squeeze,
      jb::Op::unsqueeze, jb::Op::slice, jb::Op::split,   jb::Op::transpose, jb::Op::expand};
  std::set<int> carried = {input};
  std::int64_t rows = 0;
  for (const NodeView& node : graph.nodes()) {
    if (carried.count(node.input(1)) != 0 &&
        (node.op == jb::Op::gather || node.op == jb::Op::embedding_bag)) {
      const int table = node.inputs[0];
      const ValueView& value = graph.values()[static_cast<std::size_t>(table)];
      const auto axis =
          static_cast<std::size_t>(std::max<std::int64_t>(0, node.get<AxisAttributes>().axis));
      if (!value.is_constant || axis >= value.dims.size()) continue;
      rows = rows == 0 ? value.dims[axis] : std::min(rows, value.dims[axis]);
    }
    if (moving.count(node.op) != 0 && carried.count(node.input(0)) != 0) {
      carried.insert(node.outputs.begin(), node.outputs.end());
      carried.erase(kAbsent);
    }
  }
  return rows;
}

/// What may stand in an input of a model of which nothing else is known: real numbers are standard
/// normal; integers pick from the table that they index, and are 1 where they index none (masks).
models::InputSpec guessed_input(const models::Graph& graph, int input) {
  const ValueView& value = graph.values()[static_cast<std::size_t>(input)];
  models::InputSpec spec;
  spec.name = value.name;
  spec.type = value.type;
  spec.dims = value.dims;
  if (is_float(value.type)) return spec;
  spec.kind = models::InputSpec::Kind::indices;
  spec.limits = {std::max<std::int64_t>(1, rows_picked_by(graph, input))};
  return spec;
}

std::shared_ptr<const NetworkSource> finished(NetworkSource source) {
  bool open = false;
  for (const models::InputSpec& input : source.inputs) open = open || has_open_batch(input);
  if (!open) {
    source.fixed_batch = 1;
    for (const models::InputSpec& input : source.inputs) {
      if (!input.dims.empty()) {
        source.fixed_batch = std::max<std::int64_t>(1, input.dims.front());
        break;
      }
    }
  }
  source.dynamic_products = multiplies_computed(source.graph);
  return std::make_shared<const NetworkSource>(std::move(source));
}

std::shared_ptr<const NetworkSource> open_built_in(const std::string& name) {
  NetworkSource source(models::build_network(name));
  source.name = source.graph.name();
  source.inputs = models::network_inputs(name);
  return finished(std::move(source));
}

std::shared_ptr<const NetworkSource> open_onnx(const fs::path& path) {
  NetworkSource source(models::load_onnx(path));
  source.name = source.graph.name().empty() ? "onnx" : source.graph.name();
  source.onnx_hash = content_hash(path, source.graph);
  models::fold_constants(source.graph);
  for (const int input : source.graph.inputs()) {
    source.inputs.push_back(guessed_input(source.graph, input));
  }
  if (source.inputs.empty() || source.graph.outputs().empty()) {
    fail_usage("'{}' has no {}: a network that is run needs both", path.string(),
               source.inputs.empty() ? "inputs" : "outputs");
  }
  return finished(std::move(source));
}

}  // namespace

std::int64_t NetworkSource::sample_elements() const {
  if (inputs.size() != 1 || inputs[0].type != DataType::f32 || inputs[0].dims.empty()) return 0;
  return elements_of(Dims(inputs[0].dims.begin() + 1, inputs[0].dims.end()));
}

bool is_perceptron(const NetworkSource& source) {
  return source.onnx_hash.empty() && source.name.rfind("mlp-", 0) == 0;
}

std::shared_ptr<const NetworkSource> open_network(const PointSpec& point) {
  // The points of a run mostly share one network, whose import may take seconds.
  static std::mutex mutex;
  static std::string last_key;
  static std::shared_ptr<const NetworkSource> last;
  std::string key = "name " + point.network;
  if (!point.onnx.empty()) {
    std::error_code error;
    const auto time = fs::last_write_time(point.onnx, error);
    key = fmt::format("onnx {} {}", fs::absolute(point.onnx, error).string(),
                      error ? 0 : time.time_since_epoch().count());
  }
  const std::lock_guard<std::mutex> lock(mutex);
  if (last != nullptr && key == last_key) return last;
  last = point.onnx.empty() ? open_built_in(point.network) : open_onnx(point.onnx);
  last_key = key;
  return last;
}

void resolve_network(PointSpec& point) {
  if (point.op != Op::network) return;
  const auto source = open_network(point);
  point.network = source->name;
  point.onnx_hash = source->onnx_hash;
  point.dynamic_products = source->dynamic_products;
}

}  // namespace jb::harness
