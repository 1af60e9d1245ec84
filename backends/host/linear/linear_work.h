#pragma once
// What linear nodes cost beside their products, and how their products are cut: the same for
// running and for estimating.

#include <cstdint>
#include <vector>

#include "backends/core/linear_lowering.h"
#include "backends/core/shape_inference.h"
#include "backends/energy/periphery.h"

namespace jb::host {

/// Work of the digital side around the products: bias, activation, gates, additions of columns.
PeripheryWork work_around_products(const NodeView& node,
                                   const std::vector<const KnownValue*>& inputs,
                                   const std::vector<KnownValue>& outputs);
/// A product that the digital side forms.
PeripheryWork digital_product(const GemmShape& shape);

/// Products of `rows` rows each, `times` over.
struct RowBlock {
  std::int64_t rows = 0;
  std::int64_t times = 0;
};
/// The pieces that each product of a family is executed in: a convolution lowers bounded blocks of
/// rows, a transposed one image by image.
std::vector<RowBlock> row_blocks(const NodeView& node, const LinearProduct& product,
                                 std::int64_t images);

}  // namespace jb::host
