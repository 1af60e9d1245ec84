#include "backends/core/inference/resize.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

namespace jb::inference {
namespace {

struct Given {
  std::string mode, transformation, nearest, policy;
  bool antialias, exclude_outside;
  double cubic_a;
};

Given given(const NodeInputs& in) {
  const NodeView& node = in.node();
  Given g{named_string(node, "mode", "nearest"),
          named_string(node, "coordinate_transformation_mode", "half_pixel"),
          named_string(node, "nearest_mode", "round_prefer_floor"),
          named_string(node, "keep_aspect_ratio_policy", "stretch"),
          named_integer(node, "antialias", 0) != 0,
          named_integer(node, "exclude_outside", 0) != 0,
          static_cast<double>(named_float(node, "cubic_coeff_a", -0.75F))};
  return g;
}

void check_modes(const NodeInputs& in, const Given& g) {
  const auto one_of = [&](const std::string& value, std::initializer_list<const char*> known,
                          const char* what) {
    if (std::none_of(known.begin(), known.end(), [&](const char* k) { return value == k; })) {
      in.fail_unsupported("{} '{}' is not supported", what, value);
    }
  };
  one_of(g.mode, {"nearest", "linear", "cubic"}, "mode");
  one_of(g.transformation,
         {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
          "tf_crop_and_resize", "tf_half_pixel_for_nn"},
         "coordinate_transformation_mode");
  one_of(g.nearest, {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}, "nearest_mode");
  one_of(g.policy, {"stretch", "not_larger", "not_smaller"}, "keep_aspect_ratio_policy");
}

void set_sizes(const NodeInputs& in, const Given& g, const std::vector<std::int64_t>& axes,
               std::vector<ResizeAxis>& dims) {
  const std::vector<std::int64_t> sizes = in.integers(3, "the sizes");
  if (sizes.size() != axes.size()) in.fail("{} sizes for {} axes", sizes.size(), axes.size());
  double common = 0;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    ResizeAxis& dim = dims[static_cast<std::size_t>(axes[i])];
    if (sizes[i] < 0 || sizes[i] > (std::int64_t{1} << 46) || (dim.input == 0 && sizes[i] > 0)) {
      in.fail("{} elements cannot be resized to {}", dim.input, sizes[i]);
    }
    const double ratio =
        dim.input == 0 ? 1 : static_cast<double>(sizes[i]) / static_cast<double>(dim.input);
    if (i == 0) common = ratio;
    common = g.policy == "not_larger" ? std::min(common, ratio) : std::max(common, ratio);
    dim.output = sizes[i];
    dim.scale = ratio;
  }
  if (g.policy == "stretch") return;
  for (const std::int64_t axis : axes) {
    ResizeAxis& dim = dims[static_cast<std::size_t>(axis)];
    dim.scale = common;
    dim.output =
        static_cast<std::int64_t>(std::floor(common * static_cast<double>(dim.input) + 0.5));
  }
}

void set_scales(const NodeInputs& in, const std::vector<std::int64_t>& axes,
                std::vector<ResizeAxis>& dims) {
  const std::vector<double> scales = in.numbers(2, "the scales");
  if (scales.size() != axes.size()) in.fail("{} scales for {} axes", scales.size(), axes.size());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    ResizeAxis& dim = dims[static_cast<std::size_t>(axes[i])];
    dim.scale = scales[i];
    const double output = std::floor(static_cast<double>(dim.input) * scales[i]);
    if (!(scales[i] > 0) || output > 0x1p46) in.fail("a scale of {} makes no sense", scales[i]);
    dim.output = static_cast<std::int64_t>(output);
  }
}

double source_position(const std::string& mode, const ResizeAxis& axis, double x) {
  const auto input = static_cast<double>(axis.input);
  const auto output = static_cast<double>(axis.output);
  if (mode == "asymmetric") return x / axis.scale;
  if (mode == "align_corners") {
    const double length = input * axis.scale;  // not rounded: the operator's definition
    return length > 1 ? x * (input - 1) / (length - 1) : 0;
  }
  if (mode == "pytorch_half_pixel") return output > 1 ? (x + 0.5) / axis.scale - 0.5 : 0;
  if (mode == "tf_half_pixel_for_nn") return (x + 0.5) / axis.scale;
  if (mode == "tf_crop_and_resize") {
    if (output <= 1) return 0.5 * (axis.roi_begin + axis.roi_end) * (input - 1);
    return axis.roi_begin * (input - 1) +
           x * (axis.roi_end - axis.roi_begin) * (input - 1) / (output - 1);
  }
  if (mode == "half_pixel_symmetric") {
    const double adjustment = output / (axis.scale * input);
    return input / 2 * (1 - adjustment) + (x + 0.5) / axis.scale - 0.5;
  }
  return (x + 0.5) / axis.scale - 0.5;  // half_pixel
}

std::int64_t nearest_of(const std::string& mode, double x) {
  double at = 0;
  if (mode == "round_prefer_floor") at = std::ceil(x - 0.5);
  if (mode == "round_prefer_ceil") at = std::floor(x + 0.5);
  if (mode == "floor") at = std::floor(x);
  if (mode == "ceil") at = std::ceil(x);
  return static_cast<std::int64_t>(at);
}

/// Keys' cubic convolution kernel with free parameter a (IEEE TASSP 29(6), 1981, Eq. (15) for a =
/// -1/2).
double cubic(double distance, double a) {
  const double d = std::abs(distance);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return 0;
}

double filter(const Given& g, double distance) {
  return g.mode == "cubic" ? cubic(distance, g.cubic_a) : std::max(0.0, 1 - std::abs(distance));
}

}  // namespace

std::vector<ResizeAxis> resize_axes(const NodeInputs& in) {
  in.expect_inputs(1, 4);
  in.expect_number(0);
  const Given g = given(in);
  check_modes(in, g);
  const Dims& x = in.dims(0);
  std::vector<ResizeAxis> dims(x.size());
  for (std::size_t d = 0; d < x.size(); ++d) dims[d] = {x[d], x[d], 1, 0, 1, false};
  std::vector<std::int64_t> axes = named_integers(in.node(), "axes");
  if (axes.empty()) {
    axes.resize(x.size());
    std::iota(axes.begin(), axes.end(), 0);
  }
  axes = in.axes(axes, in.rank(0));
  const auto holds = [&](std::size_t i) { return in.has(i) && in.dims(i) != Dims{0}; };
  if (holds(2) == holds(3)) in.fail("either scales or sizes are needed");
  if (holds(3)) {
    set_sizes(in, g, axes, dims);
  } else {
    set_scales(in, axes, dims);
  }
  if (g.transformation == "tf_crop_and_resize") {
    if (!holds(1)) in.fail("tf_crop_and_resize needs a region of interest");
    const std::vector<double> roi = in.numbers(1, "the region of interest");
    if (roi.size() != 2 * axes.size()) in.fail("{} limits for {} axes", roi.size(), axes.size());
    for (std::size_t i = 0; i < axes.size(); ++i) {
      dims[static_cast<std::size_t>(axes[i])].roi_begin = roi[i];
      dims[static_cast<std::size_t>(axes[i])].roi_end = roi[i + axes.size()];
    }
  }
  const bool crops = g.transformation == "tf_crop_and_resize";
  for (ResizeAxis& dim : dims) {
    dim.resized = dim.output != dim.input || dim.scale != 1 ||
                  (crops && (dim.roi_begin != 0 || dim.roi_end != 1));
  }
  return dims;
}

ResizeTaps resize_taps(const NodeInputs& in, const ResizeAxis& axis, std::int64_t position) {
  const Given g = given(in);
  ResizeTaps taps;
  const double x = source_position(g.transformation, axis, static_cast<double>(position));
  taps.outside = g.transformation == "tf_crop_and_resize" &&
                 (x < 0 || x > static_cast<double>(axis.input - 1));
  const auto inside = [&](std::int64_t i) {
    return std::clamp<std::int64_t>(i, 0, axis.input - 1);
  };
  if (g.mode == "nearest") {
    taps.index = {inside(nearest_of(g.nearest, x))};
    taps.weight = {1};
    return taps;
  }
  // Antialiasing widens the filter where the image shrinks.
  const double shrink = g.antialias ? std::min(axis.scale, 1.0) : 1.0;
  const double radius = (g.mode == "cubic" ? 2.0 : 1.0) / shrink;
  const auto first = static_cast<std::int64_t>(std::floor(x - radius)) + 1;
  const auto last = static_cast<std::int64_t>(std::ceil(x + radius)) - 1;
  double sum = 0;
  for (std::int64_t i = first; i <= last; ++i) {
    double weight = filter(g, (static_cast<double>(i) - x) * shrink);
    if (g.exclude_outside && i != inside(i)) weight = 0;
    if (weight == 0) continue;
    taps.index.push_back(inside(i));
    taps.weight.push_back(weight);
    sum += weight;
  }
  if (g.antialias || g.exclude_outside) {
    for (double& weight : taps.weight) weight /= sum;
  }
  return taps;
}

}  // namespace jb::inference
