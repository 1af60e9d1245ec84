#pragma once
// Plans that can show what their machine holds, beside the Plan interface: for `--dump`.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "backends/core/matrix.h"

namespace jb {

/// Memory that a plan holds between executes, in bytes.
struct HeldMemory {
  std::int64_t devices = 0;      ///< physical devices that it stands for
  std::size_t conductances = 0;  ///< states of devices, and what is drawn once for their life
  std::size_t effective = 0;     ///< what columns see, laid out for products
  std::size_t workspace = 0;
};

class Inspectable {
 public:
  /// Receives a matrix and its name, which can be that of a file.
  using Sink = std::function<void(const std::string& name, MatrixView<const double> matrix)>;

  virtual ~Inspectable() = default;
  /// Shows everything at the device's present age.
  virtual void inspect(const Sink& sink) const = 0;
  [[nodiscard]] virtual HeldMemory memory() const = 0;
};

}  // namespace jb
