#include "harness/suite/workloads.h"

#include <string_view>
#include <utility>

#include "harness/suite/settings.h"

namespace jb::harness::suite {
namespace {

GemmShape gemm_from(const Reader& reader, const Json& sizes) {
  if (!sizes.is_array() || sizes.size() != 3) {
    fail_usage("{}: each entry of 'gemm' must be [m, n, k]", reader.where());
  }
  return {reader.as_integer(sizes[0], "gemm"), reader.as_integer(sizes[1], "gemm"),
          reader.as_integer(sizes[2], "gemm")};
}

/// Points of a named shape must be of the block's op.
PointSpec named_point(const Reader& reader, const PointSpec& base, const Json& name) {
  if (!name.is_string()) fail_usage("{}: 'shapes' must list names", reader.where());
  PointSpec point = base;
  const Op op = base.op;
  apply_named_shape(point, name.get<std::string>());
  if (point.op != op) {
    fail_usage("{}: shape '{}' is not of the block's op", reader.where(), point.shape_name);
  }
  return point;
}

Op op_from(const Reader& reader) {
  const std::string name = reader.text("op");
  if (name == "gemm") return Op::gemm;
  if (name == "conv2d") return Op::conv2d;
  if (name == "network") return Op::network;
  fail_usage("{}: unknown op '{}' (there are: gemm, conv2d, network)", reader.where(), name);
}

void add_network_workloads(const Reader& block, const PointSpec& base,
                           std::vector<PointSpec>& workloads) {
  for (const char* key : {"gemm", "shapes"}) {
    if (block.has(key)) fail_usage("{}: a network block has no '{}'", block.where(), key);
  }
  if (!block.has("networks") && !block.has("onnx")) {
    fail_usage("{}: the block names no workload (keys 'networks' and 'onnx')", block.where());
  }
  for (const char* key : {"networks", "onnx"}) {
    if (!block.has(key)) continue;
    for (const Json& name : block.list(key)) {
      if (!name.is_string()) fail_usage("{}: '{}' must list texts", block.where(), key);
      PointSpec point = base;
      (key == std::string_view("onnx") ? point.onnx : point.network) = name.get<std::string>();
      const bool perceptron = point.network.rfind("mlp-", 0) == 0;  // trained on a data set
      if (perceptron || block.has("dataset")) point.dataset = block.text("dataset");
      if (point.dataset.empty()) point.batch = kDrawnBatch;
      if (block.has("batch")) point.batch = block.integer("batch");
      workloads.push_back(std::move(point));
    }
  }
}

void add_product_workloads(const Reader& block, const PointSpec& base,
                           std::vector<PointSpec>& workloads) {
  for (const char* key : {"networks", "onnx", "dataset", "batch"}) {
    if (block.has(key)) fail_usage("{}: only a network block has '{}'", block.where(), key);
  }
  if (base.op == Op::conv2d && block.has("gemm")) {
    fail_usage("{}: a conv2d block names 'shapes', not 'gemm'", block.where());
  }
  if (block.has("gemm")) {
    for (const Json& sizes : block.list("gemm")) {
      PointSpec point = base;
      point.gemm = gemm_from(block, sizes);
      workloads.push_back(std::move(point));
    }
  }
  if (block.has("shapes")) {
    for (const Json& name : block.list("shapes")) {
      workloads.push_back(named_point(block, base, name));
    }
  }
  if (workloads.empty() && base.op == Op::gemm && block.has("axes") &&
      block.at("axes").is_object() && block.at("axes").contains("m") &&
      block.at("axes").contains("n") && block.at("axes").contains("k")) {
    workloads.push_back(base);  // the axes give all sizes
  }
  if (workloads.empty()) {
    fail_usage("{}: the block names no workload (keys 'gemm' and 'shapes')", block.where());
  }
}

}  // namespace

std::vector<PointSpec> workloads_of(const Reader& block) {
  PointSpec base;
  base.op = op_from(block);
  read_settings(block, base);
  std::vector<PointSpec> workloads;
  if (base.op == Op::network) {
    add_network_workloads(block, base, workloads);
  } else {
    add_product_workloads(block, base, workloads);
  }
  return workloads;
}

}  // namespace jb::harness::suite
