#include "results/label.h"

#include <fmt/core.h>

#include <cmath>

#include "backends/core/text.h"

namespace jb::results {

std::string plain_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) {
    const auto number = value.get<double>();
    return std::isfinite(number) ? shortest(number) : "not finite";
  }
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string point_text(const Json& point, const char* key) {
  if (!point.is_object()) return {};
  const auto it = point.find(key);
  return it == point.end() || it->is_null() ? std::string{} : plain_text(*it);
}

namespace {

// "N,C,H,W,..." of a convolution that the point describes as an object or as text.
std::string conv_text(const Json& point) {
  const auto it = point.find("conv");
  if (it == point.end()) return {};
  if (!it->is_object() && !it->is_array()) return plain_text(*it);
  std::string text;
  for (const auto& item : *it) text += (text.empty() ? "" : ",") + plain_text(item);
  return text;
}

}  // namespace

std::string workload_label(const Json& point) {
  const std::string op = point_text(point, "op");
  if (op == "network" || op == "training") {
    std::string label = point_text(point, "network");
    // Files of one graph name are told apart by their content.
    const std::string hash = point_text(point, "onnx_hash");
    if (!hash.empty()) label += " (onnx " + hash.substr(0, 8) + ")";
    if (op == "training") label = "training " + label;
    return label;
  }
  std::string size = point_text(point, "shape");
  if (size.empty() && op == "conv2d" && point.is_object()) size = conv_text(point);
  if (size.empty() && point.is_object() && point.contains("m")) {
    size = point_text(point, "m") + "," + point_text(point, "n") + "," + point_text(point, "k");
  }
  return size.empty() ? op : op + " " + size;
}

std::string point_label(const Json& point) {
  std::string label;
  for (const std::string& part :
       {point_text(point, "backend"), point_text(point, "device"), workload_label(point)}) {
    if (part.empty()) continue;
    if (!label.empty()) label += ' ';
    label += part;
  }
  return label;
}

std::string machine_text(const Json& host) {
  std::string text = point_text(host, "cpu_model");
  if (text.empty()) return {};
  const auto memory = host.find("memory_bytes");
  constexpr double kGiB = 1024.0 * 1024 * 1024;
  const double bytes = memory != host.end() && memory->is_number() ? memory->get<double>() : 0;
  return fmt::format("{}, {} of {} cores, {:.0f} GiB", text, point_text(host, "usable_cpus"),
                     point_text(host, "logical_cpus"), bytes / kGiB);
}

}  // namespace jb::results
