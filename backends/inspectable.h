#pragma once
// Plans that can show what their machine holds, beside the Plan interface: for `--dump`.

#include <functional>
#include <string>

#include "backends/core/matrix.h"

namespace jb {

class Inspectable {
 public:
  /// Receives a matrix and its name, which can be that of a file.
  using Sink = std::function<void(const std::string& name, MatrixView<const double> matrix)>;

  virtual ~Inspectable() = default;
  /// Shows everything at the device's present age.
  virtual void inspect(const Sink& sink) const = 0;
};

}  // namespace jb
