#pragma once
// Work that makes a machine draw power, for self-tests.

#include <atomic>
#include <functional>
#include <string>

#include "harness/meter/meter.h"

namespace jb::harness::meter {

struct Load {
  /// Works until told to stop; calls started() once the machine draws power. Null: there is none.
  std::function<void(const std::atomic<bool>& stop, const std::function<void()>& started)> run;
  std::string reason;  ///< why there is none
};

/// cpu: multiply-adds on every usable core. gpu: products on the cublas backend.
Load load_of(Machine machine);

}  // namespace jb::harness::meter
