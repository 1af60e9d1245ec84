#pragma once
// Images that a small network can learn: uniform pixels, labelled by a fixed random linear map.

#include <cstdint>

#include "backends/core/random.h"
#include "models/dataset.h"

namespace jb::test {

inline models::LabelledImages learnable_images(std::int64_t count, std::int64_t pixels,
                                               std::int64_t classes) {
  models::LabelledImages data;
  data.height = 1;
  data.width = pixels;
  data.images = Matrix<float>(count, pixels);
  const RandomStream values(11, 0, tag_of("test.values"), 0);
  const RandomStream map(11, 0, tag_of("test.map"), 0);
  for (std::int64_t i = 0; i < count; ++i) {
    int best = 0;
    double top = -1e30;
    for (std::int64_t j = 0; j < pixels; ++j) data.images(i, j) = values.uniform(i, j, 0);
    for (std::int64_t c = 0; c < classes; ++c) {
      double score = 0;
      for (std::int64_t j = 0; j < pixels; ++j) {
        score += static_cast<double>(data.images(i, j) * map.normal(c, j, 0));
      }
      if (score > top) {
        top = score;
        best = static_cast<int>(c);
      }
    }
    data.labels.push_back(static_cast<std::uint8_t>(best));
  }
  return data;
}

}  // namespace jb::test
