#pragma once
// A machine of the host that multiplies in floating point and remembers what each family of
// products was given: how ranges are found for machines that quantise.

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "backends/backend.h"

namespace jb::harness {

/// What one family of products was given so far.
struct ProductHistory {
  double least = 0;          ///< of all elements of A, and 0
  double largest = 0;        ///< likewise
  double sum_of_ranges = 0;  ///< over the calls, each the magnitude that holds the share
  std::int64_t calls = 0;    ///< with elements that are not all zero
  std::int64_t rows_seen = 0;
  Matrix<float> rows;  ///< each row that came is as likely to be here as any other
  std::int64_t rows_kept = 0;
};

using ProductHistories = std::map<std::string, ProductHistory, std::less<>>;

/// Results are those of jb::gemm in the type of the operands; it counts nothing and has no prices.
/// `share` (0 .. 1): of each call's magnitudes that its range must hold. At most `most_rows` rows
/// of each family are kept. Histories grow as its plans execute.
std::unique_ptr<Device> make_product_recorder(double share, std::int64_t most_rows,
                                              std::shared_ptr<ProductHistories> histories);

}  // namespace jb::harness
