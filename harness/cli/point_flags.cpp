#include "harness/cli/point_flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <limits>

#include "backends/core/error.h"
#include "backends/core/text.h"
#include "harness/cli/axes.h"
#include "harness/network_map.h"

namespace jb::harness::cli {

namespace {

constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();

std::int64_t whole_number(const std::string& flag, const std::string& text, std::int64_t least,
                          std::int64_t most) {
  std::int64_t value = 0;
  if (!parse_integer(text, value) || value < least || value > most) {
    fail_usage("{}: '{}' is not a whole number from {} to {}", flag, text, least, most);
  }
  return value;
}

double number(const std::string& flag, const std::string& text) {
  double value = 0;
  if (!parse_number(text, value)) fail_usage("{}: '{}' is not a finite number", flag, text);
  return value;
}

std::vector<std::int64_t> whole_numbers(const std::string& flag, const std::string& text) {
  std::vector<std::int64_t> numbers;
  // An axis cuts its values at commas, so 'x' separates sizes too: -a gemm=64x64x64,1x100x784.
  std::string pieces = text;
  std::replace(pieces.begin(), pieces.end(), 'x', ',');
  for (const std::string& piece : split_list(flag, pieces)) {
    numbers.push_back(whole_number(flag, piece, 0, kLargest));
  }
  return numbers;
}

void set_gemm(PointSpec& point, const std::string& text) {
  const std::vector<std::int64_t> sizes = whole_numbers("--gemm", text);
  if (sizes.size() != 3) {
    fail_usage("--gemm: '{}' is not m,n,k (C[m x n] = A[m x k] B[k x n])", text);
  }
  point.op = Op::gemm;
  point.shape_name.clear();
  point.gemm = {sizes[0], sizes[1], sizes[2]};
}

void set_conv(PointSpec& point, const std::string& text) {
  const std::vector<std::int64_t> sizes = whole_numbers("--conv", text);
  if (sizes.size() < 7 || sizes.size() > 11) {
    fail_usage("--conv: '{}' is not N,C,H,W,K,R,S[,stride,pad,dilation,groups]", text);
  }
  const auto or_else = [&sizes](std::size_t i, std::int64_t otherwise) {
    return i < sizes.size() ? sizes[i] : otherwise;
  };
  point.op = Op::conv2d;
  point.shape_name.clear();
  point.conv =
      ConvShape{sizes[0], sizes[1],      sizes[2],      sizes[3],      sizes[4],      sizes[5],
                sizes[6], or_else(7, 1), or_else(8, 0), or_else(9, 1), or_else(10, 1)};
}

void set_network(PointSpec& point, const std::string& text) {
  point.op = Op::network;
  point.network = text;
}

void set_onnx(PointSpec& point, const std::string& text) {
  if (text.empty()) fail_usage("--onnx: the name of a file is missing");
  point.op = Op::network;
  point.onnx = text;
}

void set_map(PointSpec& point, const std::string& text) {
  map_rules_from(text);
  point.map = text;
}

// m, n and k alone change one size of a product: useful as axes.
void set_size(PointSpec& point, const std::string& name, const std::string& text) {
  if (point.op != Op::gemm) {
    fail_usage("-a {}: only a product given with --gemm or --shape has this size", name);
  }
  const std::int64_t value = whole_number("-a " + name, text, 0, kLargest);
  point.shape_name.clear();
  (name == "m" ? point.gemm.m : name == "n" ? point.gemm.n : point.gemm.k) = value;
}

void set_precision(PointSpec& point, const std::string& text) {
  point.precision = element_type_from(text);
  if (point.precision) return;
  const std::vector<std::string> names = {"f64",    "f32",    "tf32", "bf16", "f16",
                                          "f8e4m3", "f8e5m2", "s8",   "u8s8"};
  fail_usage("--precision: unknown '{}'{} (there are: {})", text, did_you_mean(text, names),
             join(names));
}

void set_dynamic(PointSpec& point, const std::string& text) {
  point.dynamic = dynamic_policy_from(text);
}

void set_backend(PointSpec& point, const std::string& text) {
  point.backend = find_backend(text).info().id;
}

struct PointFlag {
  const char* name;  // without dashes
  const char* metavar;
  const char* group;
  const char* help;
  bool workload;  // names what is computed
  std::function<void(PointSpec&, const std::string&)> apply;
};

// In the order of application: a workload before what changes its parts.
const std::vector<PointFlag>& point_flag_table() {
  static const std::vector<PointFlag> flags = {
      {"backend", "ID[,ID]", "Machine",
       "backends to run on, or all; see 'joulebench list backends'", false, set_backend},
      {"device", "NAME|FILE", "Machine",
       "device preset, or a device file ending in .json; default: the backend's; all: each of "
       "the --backend's presets",
       false, [](PointSpec& p, const std::string& t) { p.device = t; }},
      {"gemm", "M,N,K", "Workload", "C[m x n] = A[m x k] B[k x n]", true, set_gemm},
      {"conv", "N,C,H,W,K,R,S[,...]", "Workload",
       "convolution; may go on with stride,pad,dilation,groups", true, set_conv},
      {"shape", "NAME", "Workload", "a named shape: gemm-1024, alexnet-conv1, ...", true,
       [](PointSpec& p, const std::string& t) { apply_named_shape(p, t); }},
      {"network", "NAME", "Workload", "a network; see 'joulebench list networks'", true,
       set_network},
      {"onnx", "FILE", "Workload", "a network in an ONNX file", true, set_onnx},
      {"data", "DIR", "Workload", "folder of IDX files (gzipped or not) for --dataset", false,
       [](PointSpec& p, const std::string& t) { p.data_dir = t; }},
      {"dataset", "NAME", "Workload",
       "data set of networks: mnist, synthetic-digits (default of mlp-...); without: drawn inputs",
       false, [](PointSpec& p, const std::string& t) { p.dataset = t; }},
      {"batch", "N", "Workload",
       "samples that a network takes at once; default 64 on a data set, 1 on drawn inputs", false,
       [](PointSpec& p, const std::string& t) {
         p.batch = whole_number("--batch", t, 1, kLargest);
       }},
      {"dist", "KIND", "Workload",
       "values of operands and drawn inputs: normal (default), uniform, relu, zeros, bits, "
       "sparse:P",
       false, [](PointSpec& p, const std::string& t) { p.dist = distribution_from(t); }},
      {"dynamic", "backend|digital", "Workload",
       "products: B changes with each one, loading it is counted (backend); networks: who "
       "multiplies two computed operands",
       false, set_dynamic},
      {"map", "PATTERN=ID,...", "Machine",
       "machines of a network's nodes by name or operator, as in 'conv*=crossbar,fc*=photonic:"
       "photonic-2025,*=onednn'",
       false, set_map},
      {"ptq", "max|percentile:P", "Machine",
       "networks: ranges of machines that quantise (s8, DACs, ADCs) from calibration samples, "
       "which "
       "are never test samples; default none (a range for each input vector, ADCs as in the device "
       "file)",
       false, [](PointSpec& p, const std::string& t) { p.ptq = t == "none" ? "" : t; }},
      {"calibration-samples", "N", "Machine", "samples for --ptq; default 512", false,
       [](PointSpec& p, const std::string& t) {
         p.calibration_samples = whole_number("--calibration-samples", t, 1, kLargest);
       }},
      {"precision", "TYPE", "Machine",
       "f64, f32, tf32, bf16, f16, f8e4m3, f8e5m2, s8, u8s8; default: the backend's first", false,
       set_precision},
      {"seed", "N", "Machine", "seed of operands and of the device's errors; default 1", false,
       [](PointSpec& p, const std::string& t) {
         p.seed = static_cast<std::uint64_t>(whole_number("--seed", t, 0, kLargest));
       }},
      {"age", "S", "Machine", "seconds since programming; default 0", false,
       [](PointSpec& p, const std::string& t) { p.age_s = number("--age", t); }},
      {"since-calibration", "S", "Machine",
       "seconds since the last calibration; default: calibrated just before the run", false,
       [](PointSpec& p, const std::string& t) {
         p.since_calibration_s = number("--since-calibration", t);
       }},
      {"calibrate", "METHOD", "Machine",
       "none, or a method of the device, once or as METHOD@every=S, METHOD@log=F or "
       "METHOD@error=E; default: the device's",
       false, [](PointSpec& p, const std::string& t) { p.calibration = t; }},
      {"temperature", "degC", "Machine", "of the device; default 25", false,
       [](PointSpec& p, const std::string& t) { p.temperature_C = number("--temperature", t); }},
      {"instances", "N", "Machine", "devices made from the preset (Monte Carlo); default 1", false,
       [](PointSpec& p, const std::string& t) {
         p.instances = whole_number("--instances", t, 1, kLargest);
       }},
      {"threads", "N", "Machine", "threads; default: every core", false,
       [](PointSpec& p, const std::string& t) {
         p.threads =
             static_cast<int>(whole_number("--threads", t, 1, std::numeric_limits<int>::max()));
       }},
  };
  return flags;
}

void add_override(PointSpec& point, const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    fail_usage("--set: '{}' is not key=value; see 'joulebench explain --device NAME' for the keys",
               text);
  }
  const std::string key = text.substr(0, equals);
  if (!point.set.emplace(key, text.substr(equals + 1)).second) {
    fail_usage("--set {} is given twice; keep one of them", key);
  }
}

// A flag's own text given twice would be a contradiction, so CLI11 refuses it; lists add up.
void add_list_flag(CLI::App& verb, const std::string& names, std::vector<std::string>& out,
                   const std::string& metavar, const std::string& help, const std::string& group) {
  verb.add_option(names, out, help)->type_name(metavar)->allow_extra_args(false)->group(group);
}

std::string workload_text(const PointSpec& point) {
  if (!point.shape_name.empty()) return point.shape_name;
  if (point.op == Op::network || point.op == Op::training) {
    const std::string name = point.onnx.empty() ? point.network : point.onnx;
    const std::string data = point.dataset.empty() ? "" : " " + point.dataset;
    return fmt::format("{}{}{} batch {}", point.op == Op::training ? "training " : "", name, data,
                       point.batch);
  }
  if (point.op == Op::gemm) {
    return fmt::format("gemm {},{},{}", point.gemm.m, point.gemm.n, point.gemm.k);
  }
  const ConvShape& c = point.conv;
  return fmt::format("conv2d {},{},{},{},{},{},{}", c.images, c.in_channels, c.height, c.width,
                     c.out_channels, c.kernel_h, c.kernel_w);
}

// What differs from the defaults, so that the points of a sweep can be told apart.
std::string settings_text(const PointSpec& point) {
  const PointSpec usual;
  std::string text;
  for (const auto& [key, value] : point.set) text += " " + key + "=" + value;
  const auto add = [&text](const char* name, const std::string& value) {
    text += std::string(" ") + name + "=" + value;
  };
  if (point.precision) add("precision", std::string(name_of(*point.precision)));
  if (point.dist.text() != usual.dist.text()) add("dist", point.dist.text());
  if (!point.ptq.empty()) {
    add("ptq", fmt::format("{}@{}", point.ptq, point.calibration_samples));
  }
  if (point.dynamic) add("dynamic", std::string(name_of(*point.dynamic)));
  if (point.seed != usual.seed) add("seed", fmt::format("{}", point.seed));
  if (point.age_s != usual.age_s) add("age", shortest(point.age_s));
  if (point.since_calibration_s) add("since-calibration", shortest(*point.since_calibration_s));
  if (point.calibration) add("calibrate", *point.calibration);
  if (point.temperature_C != usual.temperature_C) {
    add("temperature", shortest(point.temperature_C));
  }
  if (point.instances != usual.instances) add("instances", fmt::format("{}", point.instances));
  if (point.threads != usual.threads) add("threads", fmt::format("{}", point.threads));
  return text;
}

}  // namespace

std::vector<std::string> point_flag_names() {
  std::vector<std::string> names;
  for (const PointFlag& flag : point_flag_table()) names.emplace_back(flag.name);
  return names;
}

void apply_flag(PointSpec& point, const std::string& flag, const std::string& text) {
  if (flag == "m" || flag == "n" || flag == "k") return set_size(point, flag, text);
  for (const PointFlag& known : point_flag_table()) {
    if (flag == known.name) return known.apply(point, text);
  }
  fail_internal("no point flag '{}'", flag);
}

namespace {

bool is_used(const PointFlag& flag, FlagUse use) {
  if (use == FlagUse::points || std::string(flag.group) != "Workload") return true;
  const std::string name = flag.name;
  if (use == FlagUse::one_gemm) return false;
  if (use == FlagUse::one_model) return name == "dynamic";
  return name == "network" || name == "data" || name == "dataset" || name == "batch";
}

}  // namespace

void add_point_flags(CLI::App& verb, PointFlags& flags, FlagUse use) {
  const auto add = [&verb, &flags, use](const char* group) {
    for (const PointFlag& flag : point_flag_table()) {
      const std::string name = flag.name;
      if (group != std::string(flag.group) || !is_used(flag, use)) continue;
      verb.add_option_function<std::string>(
              "--" + name, [&flags, name](const std::string& text) { flags.values[name] = text; },
              flag.help)
          ->type_name(use != FlagUse::points && name == "backend" ? "ID" : flag.metavar)
          ->group(group);
    }
  };
  add("Workload");
  add("Machine");
  add_list_flag(verb, "--set", flags.set, "KEY=VALUE", "changes a device parameter (repeatable)",
                "Machine");
  if (use != FlagUse::points) return;
  add_list_flag(verb, "-a,--axis", flags.axes, "NAME=VALUES",
                "sweep axis over a flag, m, n, k or a --set key: a,b,c or lo:hi:step, "
                "NAME[pow2]=lo:hi:step, NAME[log]=lo:hi:count (repeatable, crossed)",
                "Sweep");
  add_list_flag(verb, "--zip", flags.zips, "A,B", "axes that walk together", "Sweep");
  verb.add_option("--filter", flags.filter, "keep points whose 'backend device workload' matches")
      ->type_name("REGEX")
      ->group("Sweep");
  add_list_flag(verb, "--exclude", flags.excludes, "REGEX",
                "leave out points whose label matches, settings included (repeatable)", "Sweep");
}

PointSpec one_point(const PointFlags& flags) {
  PointSpec point;
  for (const PointFlag& flag : point_flag_table()) {
    const auto at = flags.values.find(flag.name);
    if (at != flags.values.end()) flag.apply(point, at->second);
  }
  for (const std::string& text : flags.set) add_override(point, text);
  return point;
}

bool names_workload(const PointFlags& flags) {
  std::vector<std::string> names;
  for (const auto& [name, text] : flags.values) names.push_back(name);
  for (const std::string& axis : flags.axes) names.push_back(axis_from(axis).name);
  return std::any_of(names.begin(), names.end(), [](const std::string& name) {
    const std::vector<PointFlag>& known = point_flag_table();
    return std::any_of(known.begin(), known.end(), [&name](const PointFlag& flag) {
      return flag.workload && name == flag.name;
    });
  });
}

std::string point_label(const PointSpec& point) {
  if (!point.map.empty()) {
    return fmt::format("{} {} {}", kHybridBackend, point.map, workload_text(point)) +
           settings_text(point);
  }
  const std::string device =
      point.device.empty() ? find_backend(point.backend).info().default_device : point.device;
  return point.backend + " " + device + " " + workload_text(point) + settings_text(point);
}

}  // namespace jb::harness::cli
