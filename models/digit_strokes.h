#pragma once
// Skeletons of the ten digits: the strokes a pen makes, in several ways of writing.

#include <vector>

namespace jb::models {

/// Position in the unit square that holds a digit's body; x to the right, y down.
struct PenPoint {
  double x = 0;
  double y = 0;
};

struct Stroke {
  bool smooth = true;            ///< curve through the points, or straight lines between them
  std::vector<PenPoint> points;  ///< at least two
};

/// One way of writing a digit.
using DigitStyle = std::vector<Stroke>;

/// The ways of writing `digit`, 0 to 9; at least two each.
const std::vector<DigitStyle>& digit_styles(int digit);

}  // namespace jb::models
