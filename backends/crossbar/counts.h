#pragma once
// The price list of a crossbar and the one place that counts its actions: estimate and execute both
// count here, from shapes and operand statistics alone.

#include <array>
#include <cstdint>
#include <optional>

#include "backends/core/operand_statistics.h"
#include "backends/core/shape.h"
#include "backends/crossbar/config.h"
#include "backends/energy/activity.h"
#include "backends/energy/price_table.h"

namespace jb::crossbar {

/// Actions of a product; each also exists under the category `calibration`.
enum class Action : std::uint8_t {
  core_mvm,      ///< a tile's whole product (undivided figures)
  dac,           ///< an input line driven once
  cell_read,     ///< a cell at g_max with a full-scale input, read once
  adc,           ///< a conversion
  sample_hold,   ///< an output sampled
  shift_add,     ///< a digital correction of a conversion
  buffer_read,   ///< a bit
  buffer_write,  ///< a bit
  partial_sum,   ///< an addition across tiles
  array_cycle,   ///< one reading of a tile's cells, all together (undivided array figures)
  periphery,     ///< one reading's worth of a tile's buffers, buses and digital units, together
};
inline constexpr std::size_t kActions = 11;

/// Prices of a device; actions that its file does not price do not exist and are not counted.
struct Catalogue {
  PriceTable table;
  std::array<std::optional<ActionId>, kActions> product;
  std::array<std::optional<ActionId>, kActions> calibration;
  std::optional<ActionId> program;
  std::optional<ActionId> core_update;   ///< an outer product on a tile
  std::optional<ActionId> update_pulse;  ///< a coincidence at a weight
  std::optional<ActionId> static_power;
};

/// Usage error when an undivided figure stands beside figures that it includes.
[[nodiscard]] Catalogue catalogue_from(const DeviceSpec& spec);

/// A k x n operand cut into tiles; `transposed` swaps which side is driven.
struct Layout {
  Partition inputs;   ///< of the driven side
  Partition outputs;  ///< of the converted side
  [[nodiscard]] std::int64_t tiles() const noexcept { return inputs.tiles * outputs.tiles; }
};
[[nodiscard]] Layout layout_of(const Config& config, std::int64_t k, std::int64_t n,
                               bool transposed);

/// Counts of one machine's work; k and n are those of the stored operand everywhere.
class Counter {
 public:
  Counter(const Config& config, const Catalogue& catalogue)
      : config_(&config), catalogue_(&catalogue) {}

  /// One execute of m rows; `reloaded` adds programming the operand.
  [[nodiscard]] Activity execute(std::int64_t m, std::int64_t k, std::int64_t n, bool transposed,
                                 bool reloaded, const OperandStatistics& statistics) const;
  /// Programming all cells of a k x n operand once.
  [[nodiscard]] Activity program(std::int64_t k, std::int64_t n) const;
  /// Reading calibration vectors through every tile of a k x n operand. Static power is left to the
  /// caller: operands in tiles of their own are read at the same time.
  [[nodiscard]] Activity calibrate(std::int64_t k, std::int64_t n, const OperandMoments& b) const;
  /// An execute of m known vectors, counted as calibration; its static power left to the caller.
  [[nodiscard]] Activity probe(std::int64_t m, std::int64_t k, std::int64_t n,
                               const OperandStatistics& statistics) const;
  /// Setup of a resident operand: programming, and the reference reading where the device's default
  /// calibration needs one.
  [[nodiscard]] Activity setup(std::int64_t k, std::int64_t n, const OperandMoments& b) const;

  /// Outer products of that many samples on a k x n operand, with the coincidences they came to.
  [[nodiscard]] Activity update_outer(std::int64_t samples, std::int64_t k, std::int64_t n,
                                      double coincidences) const;

  /// Time of one product of a tile: readings as fast as cells settle and converters follow.
  [[nodiscard]] double product_time_s() const noexcept;
  /// Static power over `seconds`, where the device file has any.
  void add_static(Activity& activity, double seconds) const;

 private:
  /// Times that a tile is read for one product.
  [[nodiscard]] double readings() const noexcept;
  /// Conversions of one output of a tile in one product.
  [[nodiscard]] double conversions() const noexcept;
  /// Outputs and the unit columns of their tiles.
  [[nodiscard]] double columns(std::int64_t outputs, const Partition& tiles,
                               bool transposed) const noexcept;
  void add_time(Activity& activity, double seconds) const;
  [[nodiscard]] double cells_of_tiles(std::int64_t k, std::int64_t n) const noexcept;
  [[nodiscard]] double rounds(std::int64_t tiles) const noexcept;
  [[nodiscard]] double input_square(const OperandMoments& a) const noexcept;
  [[nodiscard]] double driven_level(const OperandStatistics& statistics) const noexcept;
  [[nodiscard]] double conductance_sum(double mean_level) const noexcept;

  const Config* config_;
  const Catalogue* catalogue_;
};

}  // namespace jb::crossbar
