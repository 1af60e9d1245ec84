#pragma once
// Suites: files that name points (schema joulebench/suite/1).
//
//   { "schema": "joulebench/suite/1", "name": "default", "description": "...",
//     "points": [
//       { "op": "gemm", "gemm": [[1024, 1024, 1024], [1, 100, 784]], "seed": 1,
//         "targets": [ { "backend": "reference" },
//                      { "backend": "crossbar", "device": "pcm-hermes", "age_s": 86400 } ] },
//       { "op": "conv2d", "shapes": ["alexnet-conv1"], "targets": [...] },
//       { "op": "network", "networks": ["mlp-784-100-10"], "dataset": "synthetic-digits",
//         "batch": 64, "targets": [...] },
//       { "op": "network", "networks": ["resnet50"], "onnx": ["my/model.onnx"], "dynamic":
//       "digital",
//         "targets": [ { "map": "conv*=crossbar,*=onednn" } ] },
//       { "op": "gemm", "axes": { "m": [64, 256], "n": "=m", "k": "[pow2]=6:12:2",
//                                 "n_mac": [100, 1000], "seed": "1:5:1" },
//         "zip": [["m", "n_mac"]], "exclude": [{ "backend": "crossbar", "m": 256 }],
//         "targets": [...] } ] }
//
// A block expands to workloads x targets x axes, in that order. An axis is a size (m, n, k, batch),
// "backend", "device", one of the keys below, or a device parameter; "=m" follows another axis, a
// range is that of -a. 'zip' lets axes walk together; an entry of 'exclude' drops the points that
// have all its values. Keys that a block and its targets may both
// hold (a target's wins): set, precision, dynamic, map, ptq, calibration_samples, dist, seed,
// age_s, since_calibration_s, calibration, temperature_C, instances, threads, estimate. The device
// "*" stands for every preset of the target's backend. Unknown keys are refused.

#include <string>
#include <vector>

#include "harness/point.h"

namespace jb::harness {

struct Suite {
  std::string name;
  std::string description;
  std::vector<PointSpec> points;
};

/// Expands a suite; `where` names the source in errors. Usage error for anything malformed.
Suite suite_from_json(const Json& json, const std::string& where);

/// A suite by name ("default") or by path (ends in .json); an unknown name suggests the nearest.
Suite load_suite(const std::string& name_or_file);

/// Names of the suites that come with the program (in jb::suites_dir()), sorted.
std::vector<std::string> suite_names();

}  // namespace jb::harness
