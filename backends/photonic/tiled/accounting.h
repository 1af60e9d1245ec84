#pragma once
// What a product costs on a machine of tiles: counts and prices.
//
// Per product of m x n x k with passes p per row (2 for signed rows of intensities, else 1),
// tn = ceil(n / outputs), tk = ceil(k / slots), tm = ceil(p m / samples):
//   core cycles         tm tn tk                activation symbols  p m k tn / window_sharing
//   readouts            p m n tk                partial-sum adds    m n (p tk - 1)
//   weights             converters x core cycles when they are driven in every cycle, and once per
//                       load of a tile; a load takes reload.time_s
//   laser               its power x core cycles / f: idle lanes of an active core burn light
// (core power as in the hardware model of H. Zhu et al., "Lightening-Transformer", HPCA 2024.)

#include <cstdint>
#include <optional>
#include <vector>

#include "backends/core/parameters.h"
#include "backends/core/shape.h"
#include "backends/energy/activity.h"
#include "backends/energy/price_table.h"
#include "backends/photonic/tiled/parameters.h"

namespace jb::photonic {

/// Tiles of a stationary operand, or of each operand that is sent.
struct Tiling {
  std::int64_t slots = 0;    ///< ceil(k / slots)
  std::int64_t outputs = 0;  ///< ceil(n / outputs)
  [[nodiscard]] std::int64_t count() const noexcept { return slots * outputs; }
};
Tiling tiling_of(const TiledParameters& p, std::int64_t k, std::int64_t n) noexcept;

/// How one execute meets the machine.
struct TiledUse {
  double signed_rows_frac = 1;  ///< rows of A with a negative element
  bool reloaded = false;        ///< the stationary operand is loaded in this execute
};

struct TiledCounts {
  double core_cycles = 0;
  double activation_symbols = 0;
  double weight_symbols = 0;  ///< read from memory
  double weight_conversions = 0;
  double weight_modulations = 0;
  double loaded_elements = 0;  ///< weight elements set
  double load_conversions = 0;
  double readouts = 0;
  double partial_sums = 0;
  double device_time_s = 0;
};

/// The counts that estimate and execute share; all zero when a size is zero.
TiledCounts count_tiled(const TiledParameters& p, const GemmShape& shape, const TiledUse& use);

/// Tuned rings of the whole machine (not of a mesh, which has none).
double tuned_rings(const DeviceSpec& spec, const TiledParameters& p);

class TiledAccounting {
 public:
  TiledAccounting(const DeviceSpec& spec, const TiledParameters& p);

  [[nodiscard]] const PriceTable& prices() const noexcept { return prices_; }
  /// Activity of one product.
  [[nodiscard]] Activity product(const GemmShape& shape, const TiledUse& use) const;
  /// Activity of loading B (k x n) for good.
  [[nodiscard]] Activity load(std::int64_t k, std::int64_t n) const;
  /// Activity of writing a changed B back to the memories it is sent from.
  [[nodiscard]] Activity rewrite(std::int64_t k, std::int64_t n) const;
  /// Activity of locking `tiles` tiles: every weight element read and set anew.
  [[nodiscard]] Activity lock(double tiles) const;

 private:
  enum Action : std::uint8_t {
    laser,
    dac_a,
    dac_b,
    modulator_a,
    modulator_b,
    detector,
    adc,
    sram_a,
    sram_b,
    sram_write_b,
    sram_c,
    partial_sum,
    dram_a,
    dram_b,
    dram_write_b,
    dram_c,
    load_dac,
    load_element,
    lock_laser,
    lock_dac,
    lock_detector,
    lock_adc,
    lock_element,
    idle_laser,
    rings,
    heaters,
    controls,
    kActions
  };
  void offer(Action action, Price price);
  void add_converters(const DeviceSpec& spec);
  void add_memories(const DeviceSpec& spec);
  void add_loads(const DeviceSpec& spec);
  void add_static(const DeviceSpec& spec);
  void note(Activity& activity, Action action, double count) const;
  void note_static(Activity& activity, double core_seconds_lit) const;

  TiledParameters p_;
  double rings_ = 0;     ///< tuned rings of the machine
  double shifters_ = 0;  ///< heated phase shifters of the machine
  PriceTable prices_;
  std::vector<std::optional<ActionId>> ids_;
  double bytes_a_ = 1;
  double bytes_b_ = 1;
  double bytes_c_ = 1;
};

}  // namespace jb::photonic
