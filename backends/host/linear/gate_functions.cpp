#include "backends/host/linear/gate_functions.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <string_view>

#include "backends/core/error.h"

namespace jb::host {
namespace {

using Kind = GateFunction::Kind;

struct Entry {
  std::string_view name;
  Kind kind;
  bool takes_alpha, takes_beta;
  double alpha, beta;  ///< when not given: the defaults of ONNX
};

constexpr std::array<Entry, 11> kFunctions = {
    {{"relu", Kind::relu, false, false, 0, 0},
     {"tanh", Kind::tanh, false, false, 0, 0},
     {"sigmoid", Kind::sigmoid, false, false, 0, 0},
     {"affine", Kind::affine, true, true, 1, 0},
     {"leakyrelu", Kind::leaky_relu, true, false, 0.01, 0},
     {"thresholdedrelu", Kind::thresholded_relu, true, false, 1, 0},
     {"scaledtanh", Kind::scaled_tanh, true, true, 1, 1},
     {"hardsigmoid", Kind::hard_sigmoid, true, true, 0.2, 0.5},
     {"elu", Kind::elu, true, false, 1, 0},
     {"softsign", Kind::softsign, false, false, 0, 0},
     {"softplus", Kind::softplus, false, false, 0, 0}}};

const Entry& find_function(const NodeView& node, const std::string& name) {
  std::string lower = name;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto found = std::find_if(kFunctions.begin(), kFunctions.end(),
                                  [&](const Entry& entry) { return entry.name == lower; });
  if (found == kFunctions.end()) {
    fail_usage("node '{}' ({}): activation '{}' is not supported", node.name, name_of(node.op),
               name);
  }
  return *found;
}

std::vector<std::string> default_names(Op op) {
  if (op == Op::lstm) return {"Sigmoid", "Tanh", "Tanh"};
  if (op == Op::gru) return {"Sigmoid", "Tanh"};
  return {"Tanh"};
}

}  // namespace

template <class T>
T GateFunction::operator()(T x) const {
  const T a = static_cast<T>(alpha);
  const T b = static_cast<T>(beta);
  switch (kind) {
    case Kind::relu:
      return x < 0 ? T{0} : x;
    case Kind::tanh:
      return std::tanh(x);
    case Kind::sigmoid:
      return T{1} / (T{1} + std::exp(-x));
    case Kind::affine:
      return a * x + b;
    case Kind::leaky_relu:
      return x < 0 ? a * x : x;
    case Kind::thresholded_relu:
      return x >= a ? x : T{0};
    case Kind::scaled_tanh:
      return a * std::tanh(b * x);
    case Kind::hard_sigmoid:
      return std::max(T{0}, std::min(T{1}, a * x + b));
    case Kind::elu:
      return x < 0 ? a * std::expm1(x) : x;
    case Kind::softsign:
      return x / (T{1} + std::abs(x));
    case Kind::softplus:
      return std::max(x, T{0}) + std::log1p(std::exp(-std::abs(x)));
  }
  return x;
}

template float GateFunction::operator()(float) const;
template double GateFunction::operator()(double) const;

std::vector<GateFunction> gate_functions(const NodeView& node, std::int64_t directions) {
  const auto& attributes = node.get<RecurrentAttributes>();
  std::vector<std::string> names = attributes.activations;
  const std::vector<std::string> defaults = default_names(node.op);
  const std::size_t wanted = defaults.size() * static_cast<std::size_t>(directions);
  if (names.empty()) {
    while (names.size() < wanted) names.insert(names.end(), defaults.begin(), defaults.end());
  }
  if (names.size() != wanted) {
    fail_usage("node '{}' ({}): {} activations, not {}", node.name, name_of(node.op), names.size(),
               wanted);
  }
  std::vector<GateFunction> functions;
  std::size_t alphas = 0;
  std::size_t betas = 0;
  for (const std::string& name : names) {
    const Entry& entry = find_function(node, name);
    GateFunction function{entry.kind, entry.alpha, entry.beta};
    if (entry.takes_alpha && alphas < attributes.activation_alpha.size()) {
      function.alpha = static_cast<double>(attributes.activation_alpha[alphas++]);
    }
    if (entry.takes_beta && betas < attributes.activation_beta.size()) {
      function.beta = static_cast<double>(attributes.activation_beta[betas++]);
    }
    functions.push_back(function);
  }
  return functions;
}

}  // namespace jb::host
