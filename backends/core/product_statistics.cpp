#include "backends/core/product_statistics.h"

#include <algorithm>
#include <utility>

namespace jb {
namespace {

/// The statistics of two entries as one, weighted by their products.
void absorb(LayerStatistics& into, const LayerStatistics& more) {
  StatisticsMean mean;
  mean.add(into.mean, into.products);
  mean.add(more.mean, more.products);
  const double events = into.events * into.products + more.events * more.products;
  into.products += more.products;
  into.mean = mean.mean();
  into.events = events / into.products;
}

}  // namespace

ProductFamily& ProductLog::family(std::uint32_t layer, std::size_t part, const GemmShape& shape) {
  // Products follow one another layer by layer, so the last families are the likely ones.
  const auto found =
      std::find_if(families_.rbegin(), families_.rend(), [&](const ProductFamily& f) {
        return f.layer == layer && f.part == part && f.shape == shape;
      });
  if (found != families_.rend()) return *found;
  families_.push_back({layer, part, shape, {}, 0});
  return families_.back();
}

void ProductLog::add(std::uint32_t layer, std::size_t part, const GemmShape& shape,
                     const OperandStatistics& statistics, double events) {
  ProductFamily& own = family(layer, part, shape);
  own.statistics.add(statistics);
  own.events += events;
}

void ProductLog::add(const ProductLog& other) {
  if (families_.empty()) {
    families_ = other.families_;
    return;
  }
  for (const ProductFamily& more : other.families_) {
    ProductFamily& own = family(more.layer, more.part, more.shape);
    own.statistics.add(more.statistics);
    own.events += more.events;
  }
}

void ProductLog::relabel(std::uint32_t layer) noexcept {
  for (ProductFamily& family : families_) family.layer = layer;
}

NetworkStatistics::NetworkStatistics(const ProductLog& log,
                                     const std::vector<std::string>& layer_names) {
  for (const ProductFamily& family : log.families()) {
    const double products = family.statistics.products();
    entries_.push_back({family.layer > 0 ? layer_names.at(family.layer - 1) : "", family.part,
                        family.shape, products, family.statistics.mean(),
                        family.events / products});
  }
}

NetworkStatistics NetworkStatistics::merged() const {
  NetworkStatistics all;
  for (LayerStatistics entry : entries_) {
    entry.layer.clear();
    entry.part = 0;
    const auto found =
        std::find_if(all.entries_.begin(), all.entries_.end(),
                     [&](const LayerStatistics& known) { return known.shape == entry.shape; });
    if (found == all.entries_.end()) {
      all.entries_.push_back(std::move(entry));
    } else {
      absorb(*found, entry);
    }
  }
  return all;
}

void NetworkStatistics::merge(const NetworkStatistics& other) {
  for (const LayerStatistics& entry : other.entries_) {
    const auto found =
        std::find_if(entries_.begin(), entries_.end(), [&](const LayerStatistics& known) {
          return known.layer == entry.layer && known.part == entry.part &&
                 known.shape == entry.shape;
        });
    if (found == entries_.end()) {
      entries_.push_back(entry);
    } else {
      absorb(*found, entry);
    }
  }
}

const LayerStatistics* NetworkStatistics::find(std::string_view layer, std::size_t part,
                                               const GemmShape& shape) const {
  const LayerStatistics* near = nullptr;  // of another number of rows
  for (const LayerStatistics& entry : entries_) {
    const bool own = entry.layer.empty() || (entry.layer == layer && entry.part == part);
    if (!own || entry.shape.n != shape.n || entry.shape.k != shape.k) continue;
    if (entry.shape.m == shape.m) return &entry;
    if (near == nullptr || entry.products > near->products) near = &entry;
  }
  return near;
}

}  // namespace jb
