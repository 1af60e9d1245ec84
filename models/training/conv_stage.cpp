#include "models/training/conv_stage.h"

#include <algorithm>

#include "backends/core/threads.h"

namespace jb::models {
namespace {

constexpr double kFloatBytes = 4;

/// `operations` of each kind on values that are read and written once.
PeripheryWork moved(double read, double written) noexcept {
  PeripheryWork work;
  work.bytes = kFloatBytes * (read + written);
  return work;
}

}  // namespace

void ConvStage::lower(MatrixView<const float> images, MatrixView<float> rows) const {
  const std::int64_t each = positions();
  parallel_for(images.rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t s = begin; s < end; ++s) {
      const ConvLowering<float> lowering(shape_, &images(s, 0), 0);
      lowering.gather(0, rows.block(s * each, 0, each, rows.cols));
    }
  });
}

void ConvStage::raise(MatrixView<const float> rows, MatrixView<float> images) const {
  const std::int64_t each = positions();
  const ConvShape& c = shape_;
  parallel_for(images.rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t s = begin; s < end; ++s) {
      float* const image = &images(s, 0);
      std::fill_n(image, input_size(), 0.0F);
      for (std::int64_t p = 0; p < each; ++p) {
        const float* from = &rows(s * each + p, 0);
        const std::int64_t top = p / c.out_w() * c.stride - c.pad;
        const std::int64_t left = p % c.out_w() * c.stride - c.pad;
        for (std::int64_t channel = 0; channel < c.in_channels; ++channel) {
          float* const plane = image + channel * c.height * c.width;
          for (std::int64_t r = 0; r < c.kernel_h; ++r) {
            const std::int64_t y = top + r * c.dilation;
            for (std::int64_t t = 0; t < c.kernel_w; ++t, ++from) {
              const std::int64_t x = left + t * c.dilation;
              if (y < 0 || y >= c.height || x < 0 || x >= c.width) continue;
              plane[y * c.width + x] += *from;
            }
          }
        }
      }
    }
  });
}

void ConvStage::to_maps(MatrixView<const float> rows, MatrixView<float> maps) const {
  const std::int64_t each = positions();
  parallel_for(maps.rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t s = begin; s < end; ++s) {
      for (std::int64_t p = 0; p < each; ++p) {
        for (std::int64_t k = 0; k < rows.cols; ++k) maps(s, k * each + p) = rows(s * each + p, k);
      }
    }
  });
}

void ConvStage::to_rows(MatrixView<const float> maps, MatrixView<float> rows) const {
  const std::int64_t each = positions();
  parallel_for(maps.rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t s = begin; s < end; ++s) {
      for (std::int64_t p = 0; p < each; ++p) {
        for (std::int64_t k = 0; k < rows.cols; ++k) rows(s * each + p, k) = maps(s, k * each + p);
      }
    }
  });
}

template <class Body>
void ConvStage::each_plane(std::int64_t samples, Body body) const {
  const std::int64_t pooled = pooled_h() * pooled_w();
  parallel_for(samples, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t s = begin; s < end; ++s) {
      for (std::int64_t k = 0; k < shape_.out_channels; ++k) {
        for (std::int64_t o = 0; o < pooled; ++o) {
          const std::int64_t top = o / pooled_w() * pooling_.stride;
          const std::int64_t left = o % pooled_w() * pooling_.stride;
          body(s, k * pooled + o, k * positions() + top * shape_.out_w() + left);
        }
      }
    }
  });
}

void ConvStage::pool(MatrixView<const float> maps, MatrixView<float> pooled) const {
  const std::int64_t size = pooling_.kernel;
  const std::int64_t width = shape_.out_w();
  each_plane(maps.rows, [&](std::int64_t s, std::int64_t out, std::int64_t corner) {
    float sum = 0;
    float largest = maps(s, corner);
    for (std::int64_t r = 0; r < size; ++r) {
      for (std::int64_t t = 0; t < size; ++t) {
        const float value = maps(s, corner + r * width + t);
        sum += value;
        largest = std::max(largest, value);
      }
    }
    pooled(s, out) = pooling_.average ? sum / static_cast<float>(size * size) : largest;
  });
}

void ConvStage::unpool(MatrixView<const float> pooled, MatrixView<const float> maps,
                       MatrixView<float> gradient) const {
  const std::int64_t size = pooling_.kernel;
  const std::int64_t width = shape_.out_w();
  for (std::int64_t s = 0; s < gradient.rows; ++s) std::fill_n(&gradient(s, 0), map_size(), 0.0F);
  each_plane(maps.rows, [&](std::int64_t s, std::int64_t out, std::int64_t corner) {
    if (pooling_.average) {
      const float share = pooled(s, out) / static_cast<float>(size * size);
      for (std::int64_t r = 0; r < size; ++r) {
        for (std::int64_t t = 0; t < size; ++t) gradient(s, corner + r * width + t) += share;
      }
      return;
    }
    std::int64_t at = corner;
    for (std::int64_t r = 0; r < size; ++r) {
      for (std::int64_t t = 0; t < size; ++t) {
        const std::int64_t here = corner + r * width + t;
        if (maps(s, here) > maps(s, at)) at = here;
      }
    }
    gradient(s, at) += pooled(s, out);
  });
}

PeripheryWork ConvStage::pool_work(double samples) const noexcept {
  const double out = samples * static_cast<double>(output_size());
  const double others = static_cast<double>(pooling_.kernel * pooling_.kernel - 1);
  PeripheryWork work = moved(samples * static_cast<double>(map_size()), out);
  work.adds = pooling_.average ? out * others : 0;
  work.multiplies = pooling_.average ? out : 0;
  work.comparisons = pooling_.average ? 0 : out * others;
  return work;
}

PeripheryWork ConvStage::unpool_work(double samples) const noexcept {
  const double out = samples * static_cast<double>(output_size());
  const double all = static_cast<double>(pooling_.kernel * pooling_.kernel);
  const double maps = samples * static_cast<double>(map_size());
  // The largest of a window is looked for again.
  PeripheryWork work = moved(out + (pooling_.average ? 0 : maps), maps);
  work.adds = pooling_.average ? out * all : out;
  work.multiplies = pooling_.average ? out : 0;
  work.comparisons = pooling_.average ? 0 : out * (all - 1);
  return work;
}

PeripheryWork ConvStage::raise_work(double samples) const noexcept {
  const double lowered = samples * static_cast<double>(positions() * shape_.gemm().k);
  PeripheryWork work = moved(lowered, samples * static_cast<double>(input_size()));
  work.adds = lowered;
  return work;
}

}  // namespace jb::models
