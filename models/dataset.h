#pragma once
// Image classification data: IDX files (MNIST and like) and a synthetic set made by the program.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "backends/core/matrix.h"

namespace jb::models {

/// Images as rows of pixels scaled to [0, 1], and their labels.
struct LabelledImages {
  Matrix<float> images;  ///< count x (height width)
  std::vector<std::uint8_t> labels;
  std::int64_t height = 0, width = 0;
};

struct Dataset {
  std::string name;  ///< "mnist" or "synthetic-digits"; named in every record
  int classes = 10;
  LabelledImages train, test;
  std::string content_hash;  ///< of pixels and labels; keys the weight cache
};

/// Reads one IDX pair (images: 0x00000803, labels: 0x00000801), gzip or not, sizes checked before
/// allocation. Usage error naming file and defect otherwise (truncated, wrong magic, counts
/// differ).
LabelledImages read_idx_pair(const std::filesystem::path& images,
                             const std::filesystem::path& labels);

/// {train,t10k}-{images-idx3,labels-idx1}-ubyte[.gz] in `dir`.
Dataset load_idx_dataset(const std::filesystem::path& dir, const std::string& name);

/// Deterministic handwriting-like 28x28 set, ten classes, 10,000 training and 2,000 test images:
/// strokes of each digit, deformed, with pen width, noise and clutter; the same on every machine.
Dataset synthetic_digits();

/// "synthetic-digits" (no folder needed) or a dataset in `dir`; usage error for an unknown name or
/// a dataset that needs a folder and got none.
Dataset load_dataset(const std::string& name, const std::filesystem::path& dir);
std::vector<std::string> dataset_names();

}  // namespace jb::models
