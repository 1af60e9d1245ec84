#pragma once
// Figures as inline SVG: shapes, logarithmic axes, labels that keep out of each other's way.
// Colours are classes of the page's style sheet, so that one figure serves light, dark and print.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "results/report/view.h"

namespace jb::results {

/// Pixels of a figure's own coordinates; the page scales them.
struct Place {
  double x = 0, y = 0;
};

enum class Anchor { start, middle, end };

/// A logarithmic axis from `first` to `last` pixel.
class LogAxis {
 public:
  /// Covers the values with some air; one decade at least. Values must be above zero.
  LogAxis(double least, double most, double first, double last);
  [[nodiscard]] double at(double value) const;  ///< clamped to the axis
  struct Tick {
    double value = 0, at = 0;
    bool labelled = false;
  };
  /// Decades, labelled where they are not too close to read.
  [[nodiscard]] std::vector<Tick> ticks(double least_distance) const;
  /// A minute, an hour, a day, a month, a year.
  [[nodiscard]] std::vector<Tick> time_ticks() const;

 private:
  double low_, high_, first_, last_;
};

/// Builds one <svg> element. Every text that is given is escaped here.
class Svg {
 public:
  /// `title` is what a screen reader says.
  Svg(double width, double height, std::string_view title);

  void text(Place at, std::string_view text, std::string_view css, Anchor anchor = Anchor::start);
  void turned_text(Place at, std::string_view text, std::string_view css);  ///< upwards, middle
  void line(Place from, Place to, std::string_view css);
  void rect(Place at, double width, double height, std::string_view css,
            std::string_view hover = {}, int row = -1);
  void polyline(const std::vector<Place>& places, std::string_view css);
  /// The shape of a series, marked by provenance; `row` leads the script to the data.
  void mark(Place at, double radius, int series, Mark kind, std::string_view hover, int row = -1);
  void raw(std::string_view markup) { out_ += markup; }

  /// Ends the element.
  [[nodiscard]] std::string finish() &&;

 private:
  std::string out_;
};

/// A plot's frame: axes with grid, ticks and titles.
struct Frame {
  double left = 62, right = 390, top = 12, bottom = 262;
};
enum class Unit { joule, ratio, seconds, plain };
void draw_axes(Svg& svg, const Frame& frame, const LogAxis& x, Unit x_unit,
               std::string_view x_title, const LogAxis& y, Unit y_unit, std::string_view y_title);

/// Places labels beside marks where they cover neither marks nor each other.
class LabelPlacer {
 public:
  explicit LabelPlacer(const Frame& frame) : frame_(frame) {}
  void block(Place at, double radius);
  void block_line(const std::vector<Place>& places);
  /// Draws the text right, left, above or below of `at`; false when there is no room.
  bool place(Svg& svg, Place at, std::string_view text, std::string_view css);

 private:
  struct Box {
    double left, top, right, bottom;
  };
  [[nodiscard]] bool is_free(const Box& box) const;
  Frame frame_;
  std::vector<Box> taken_;
};

/// Colour and shape of a backend: the same in every figure.
int series_of(std::string_view backend) noexcept;

/// "10⁻³", "0.1", "1", "100".
std::string power_text(double value);

}  // namespace jb::results
