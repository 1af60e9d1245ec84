#pragma once
// Operand statistics of the products that a network's layers consist of: gathered by runs, recorded
// with them, and given to estimates.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/core/operand_statistics.h"
#include "backends/core/shape.h"

namespace jb {

/// Equal products of one layer.
struct ProductFamily {
  std::uint32_t layer = 0;  ///< as ActivityRow::layer
  std::size_t part = 0;     ///< index into products_of() its node
  GemmShape shape;          ///< as executed: m rows at a time
  StatisticsMean statistics;
  double events = 0;  ///< of a machine's data-dependent actions that no statistics decide
};

/// What the products of a run had, by layer, family and rows.
class ProductLog {
 public:
  void add(std::uint32_t layer, std::size_t part, const GemmShape& shape,
           const OperandStatistics& statistics, double events = 0);
  void add(const ProductLog& other);
  /// All of them as those of one layer.
  void relabel(std::uint32_t layer) noexcept;
  [[nodiscard]] const std::vector<ProductFamily>& families() const noexcept { return families_; }

 private:
  ProductFamily& family(std::uint32_t layer, std::size_t part, const GemmShape& shape);

  std::vector<ProductFamily> families_;
};

/// The same by the layers' names, as records hold it.
struct LayerStatistics {
  std::string layer;  ///< "" where those of all layers of a shape are one
  std::size_t part = 0;
  GemmShape shape;
  double products = 0;
  OperandStatistics mean;
  double events = 0;  ///< mean over the products
};

class NetworkStatistics {
 public:
  NetworkStatistics() = default;
  NetworkStatistics(const ProductLog& log, const std::vector<std::string>& layer_names);

  void add(LayerStatistics entry) { entries_.push_back(std::move(entry)); }
  [[nodiscard]] const std::vector<LayerStatistics>& entries() const noexcept { return entries_; }
  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
  /// Layers of equal shape as one: the sum over them stays, each one's own is lost.
  [[nodiscard]] NetworkStatistics merged() const;
  /// Entries of both, those of the same products as one (runs on several device instances).
  void merge(const NetworkStatistics& other);

  /// Those of a layer's products, of `shape.m` rows where such were executed, else of any number of
  /// rows; those of all layers of that shape where layers are one. Null: there are none.
  [[nodiscard]] const LayerStatistics* find(std::string_view layer, std::size_t part,
                                            const GemmShape& shape) const;

 private:
  std::vector<LayerStatistics> entries_;
};

}  // namespace jb
