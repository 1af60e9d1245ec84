#include "harness/conformance.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>

#include "backends/core/inference/node_inputs.h"
#include "backends/core/text.h"
#include "harness/io/tensor_io.h"
#include "models/onnx/onnx.h"

namespace jb::harness {
namespace {

namespace fs = std::filesystem;

/// Entries of `folder` named PREFIX<number>SUFFIX, by their number.
std::map<std::int64_t, fs::path> numbered(const fs::path& folder, std::string_view prefix,
                                          std::string_view suffix) {
  std::map<std::int64_t, fs::path> found;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.size() <= prefix.size() + suffix.size() || name.rfind(prefix, 0) != 0 ||
        name.substr(name.size() - suffix.size()) != suffix) {
      continue;
    }
    std::int64_t number = 0;
    const std::string_view digits =
        std::string_view(name).substr(prefix.size(), name.size() - prefix.size() - suffix.size());
    if (parse_integer(digits, number)) found.emplace(number, entry.path());
  }
  return found;
}

/// The inputs of a data set. A file that holds no tensor is the model's own type when that is not
/// supported, which loading the model tells.
std::vector<Tensor> read_inputs(const fs::path& model, const fs::path& set) {
  std::vector<Tensor> inputs;
  for (const auto& [number, path] : numbered(set, "input_", ".pb")) {
    if (number != static_cast<std::int64_t>(inputs.size())) {
      fail_usage("'{}': input_{}.pb is missing", set.string(), inputs.size());
    }
    try {
      inputs.push_back(read_tensor(path));
    } catch (const Unsupported&) {
      throw;
    } catch (const Error&) {
      static_cast<void>(models::load_onnx(model));
      throw;
    }
  }
  return inputs;
}

std::string wrong_output(const fs::path& set, const Inference& inference,
                         const Tolerance& tolerance) {
  const auto files = numbered(set, "output_", ".pb");
  if (files.empty()) return "there is no output_*.pb to compare with";
  for (const auto& [number, path] : files) {
    if (number >= static_cast<std::int64_t>(inference.outputs.size())) {
      return fmt::format("the model has {} outputs and there is an output_{}.pb",
                         inference.outputs.size(), number);
    }
    const auto index = static_cast<std::size_t>(number);
    const std::string why = difference(inference.outputs[index], read_tensor(path), tolerance);
    if (!why.empty()) {
      return fmt::format("{}, output {} ('{}'): {}", set.filename().string(), number,
                         inference.names[index], why);
    }
  }
  return {};
}

}  // namespace

std::vector<fs::path> find_cases(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    fail_usage("'{}' is no folder: give a folder of ONNX backend tests", folder.string());
  }
  std::vector<fs::path> cases;
  if (fs::is_regular_file(folder / "model.onnx", error)) cases.push_back(folder);
  constexpr auto kSkip = fs::directory_options::skip_permission_denied;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder, kSkip, error)) {
    if (entry.is_directory(error) && fs::is_regular_file(entry.path() / "model.onnx", error)) {
      cases.push_back(entry.path());
    }
  }
  if (cases.empty()) {
    fail_usage("'{}' holds no model.onnx: give a folder of ONNX backend tests, or a tree of them",
               folder.string());
  }
  std::sort(cases.begin(), cases.end());
  return cases;
}

std::string difference(const Tensor& actual, const Tensor& expected, const Tolerance& tolerance) {
  if (actual.type() != expected.type()) {
    return fmt::format("it is {}, not {}", name_of(actual.type()), name_of(expected.type()));
  }
  if (actual.dims() != expected.dims()) {
    return fmt::format("it has sizes {}, not {}", to_string(actual.dims()),
                       to_string(expected.dims()));
  }
  const std::vector<double> got = inference::as_doubles(actual);
  const std::vector<double> wanted = inference::as_doubles(expected);
  for (std::size_t i = 0; i < got.size(); ++i) {
    const bool equal = got[i] == wanted[i] || (std::isnan(got[i]) && std::isnan(wanted[i]));
    const double allowed = tolerance.absolute + tolerance.relative * std::abs(wanted[i]);
    if (!equal && !(std::isfinite(wanted[i]) && std::abs(got[i] - wanted[i]) <= allowed)) {
      return fmt::format("element {} is {}, not {}", i, got[i], wanted[i]);
    }
  }
  return {};
}

CaseResult run_case(InferenceMachine& machine, const fs::path& folder, const Tolerance& tolerance) {
  CaseResult result;
  result.name = fs::absolute(folder).lexically_normal().filename().string();
  if (result.name.empty())
    result.name = folder.lexically_normal().parent_path().filename().string();
  const auto sets = numbered(folder, "test_data_set_", "");
  const fs::path model = folder / "model.onnx";
  try {
    if (sets.empty()) fail_usage("it has no test_data_set_*");
    std::vector<std::string> on_host;
    for (const auto& [number, set] : sets) {
      const Inference inference = machine.run(model, read_inputs(model, set));
      const std::string why = wrong_output(set, inference, tolerance);
      if (!why.empty()) return {Verdict::fail, result.name, why};
      if (on_host.empty()) on_host = inference.ran_on_host;
    }
    if (!on_host.empty()) return {Verdict::skip, result.name, "ran on host"};
  } catch (const Unsupported& unsupported) {
    return {Verdict::skip, result.name, unsupported.what()};
  } catch (const Error& error) {
    return {Verdict::fail, result.name, error.what()};
  }
  return result;
}

}  // namespace jb::harness
