#include "models/onnx/external_data.h"

#include <algorithm>
#include <fstream>
#include <system_error>

#include "backends/core/error.h"
#include "backends/core/text.h"
#include "models/onnx/messages.h"

namespace jb::models::onnx_io {
namespace {

namespace fs = std::filesystem;

std::uint64_t number_from(const ::onnx::StringStringEntryProto& entry, const std::string& what) {
  std::int64_t value = 0;
  if (!parse_integer(entry.value(), value) || value < 0) {
    fail_usage("{}: the {} '{}' of its external data is no size", what, shown(entry.key()),
               shown(entry.value()));
  }
  return static_cast<std::uint64_t>(value);
}

/// `location` inside `folder`, with every link followed.
fs::path resolve(const std::string& location, const fs::path& folder, const std::string& what) {
  const fs::path relative(location);
  const bool climbs = std::find(relative.begin(), relative.end(), "..") != relative.end();
  if (location.empty() || has_control_characters(location) || relative.is_absolute() || climbs) {
    fail_usage("{}: its external data lie at '{}'; a path inside the model's folder is needed",
               what, shown(location));
  }
  std::error_code error;
  const fs::path root = fs::canonical(folder.empty() ? fs::path(".") : folder, error);
  const fs::path path = error ? fs::path() : fs::canonical(root / relative, error);
  if (error || !fs::is_regular_file(path, error)) {
    fail_usage("{}: the file '{}' of its external data is not there", what, shown(location));
  }
  const auto [end, unused] = std::mismatch(root.begin(), root.end(), path.begin(), path.end());
  if (end != root.end()) {
    fail_usage("{}: its external data '{}' lead out of the model's folder", what, shown(location));
  }
  return path;
}

}  // namespace

ExternalData find_external(const ::onnx::TensorProto& proto, const fs::path& folder,
                           std::uint64_t bytes, const std::string& what) {
  std::string location;
  ExternalData data;
  data.what = what;
  data.length = bytes;
  for (const ::onnx::StringStringEntryProto& entry : proto.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") data.offset = number_from(entry, what);
    if (entry.key() == "length") data.length = number_from(entry, what);
  }
  data.path = resolve(location, folder, what);
  const std::uint64_t held = fs::file_size(data.path);
  if (data.offset > held || data.length > held - data.offset) {
    fail_usage("{}: its external data are cut off, '{}' has {} bytes", what, shown(location), held);
  }
  return data;
}

void read_external(const ExternalData& data, void* out) {
  std::ifstream file(data.path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(data.offset));
  file.read(static_cast<char*>(out), static_cast<std::streamsize>(data.length));
  if (!file)
    fail_usage("{}: its external data in '{}' cannot be read", data.what, data.path.string());
}

}  // namespace jb::models::onnx_io
