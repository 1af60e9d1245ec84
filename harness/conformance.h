#pragma once
// ONNX's backend tests: folders with model.onnx and test_data_set_*/input_*.pb, output_*.pb.

#include <filesystem>
#include <string>
#include <vector>

#include "harness/inference.h"

namespace jb::harness {

struct Tolerance {
  double relative = 1e-3;  ///< what ONNX's own runner allows
  double absolute = 1e-7;
};

enum class Verdict : std::uint8_t { pass, fail, skip };

struct CaseResult {
  Verdict verdict = Verdict::pass;
  std::string name;
  std::string reason;  ///< of fail and skip
};

/// Folders with a model.onnx at or below `folder`, in the order of their paths. Usage error when
/// there is none.
std::vector<std::filesystem::path> find_cases(const std::filesystem::path& folder);

/// Runs every data set of one case. Skip: an operator, type or version is not supported, or a
/// linear operator was right and ran on another machine. Fail: anything else that went wrong.
CaseResult run_case(InferenceMachine& machine, const std::filesystem::path& folder,
                    const Tolerance& tolerance);

/// Why `actual` is not `expected`, "" when it is: types, sizes, then |actual - expected| <=
/// absolute + relative |expected| for each element (NaN equals NaN).
std::string difference(const Tensor& actual, const Tensor& expected, const Tolerance& tolerance);

}  // namespace jb::harness
