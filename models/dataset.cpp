#include "models/dataset.h"

#include <string_view>
#include <system_error>

#include "backends/core/error.h"
#include "backends/core/text.h"
#include "models/content_hash.h"

namespace jb::models {
namespace {

namespace fs = std::filesystem;

/// `stem` or `stem`.gz in `dir`, the plain file first.
fs::path find_idx_file(const fs::path& dir, const std::string& stem) {
  for (const std::string_view suffix : {"", ".gz"}) {
    const fs::path candidate = dir / (stem + std::string(suffix));
    std::error_code ignored;
    if (fs::exists(candidate, ignored)) return candidate;
  }
  fail_usage("'{}' holds neither {} nor {}.gz: give the folder with the four IDX files by --data",
             dir.string(), stem, stem);
}

LabelledImages load_part(const fs::path& dir, const std::string& prefix) {
  const fs::path images = find_idx_file(dir, prefix + "-images-idx3-ubyte");
  const fs::path labels = find_idx_file(dir, prefix + "-labels-idx1-ubyte");
  return read_idx_pair(images, labels);
}

}  // namespace

Dataset load_idx_dataset(const fs::path& dir, const std::string& name) {
  std::error_code error;
  if (!fs::is_directory(dir, error)) {
    fail_usage("'{}' is no folder: give the folder with the IDX files of {} by --data",
               dir.string(), name);
  }
  Dataset data;
  data.name = name;
  data.train = load_part(dir, "train");
  data.test = load_part(dir, "t10k");
  if (data.train.height != data.test.height || data.train.width != data.test.width) {
    fail_usage("'{}' has training images of {}x{} and test images of {}x{}: they must be equal",
               dir.string(), data.train.height, data.train.width, data.test.height,
               data.test.width);
  }
  data.content_hash = content_hash_of(data.train, data.test);
  return data;
}

std::vector<std::string> dataset_names() { return {"synthetic-digits", "mnist"}; }

Dataset load_dataset(const std::string& name, const fs::path& dir) {
  if (name == "synthetic-digits") return synthetic_digits();
  if (name == "mnist") {
    if (dir.empty()) {
      fail_usage("dataset 'mnist' needs the folder with its four IDX files: give it by --data DIR");
    }
    return load_idx_dataset(dir, name);
  }
  const std::vector<std::string> names = dataset_names();
  fail_usage("unknown dataset '{}'{} (known: {})", name, did_you_mean(name, names), join(names));
}

}  // namespace jb::models
