// A deterministic handwriting-like data set. Every image is a function of its index alone: raw
// words of the counter-based generator, then +, -, *, / and square root in double (correctly
// rounded by IEEE 754, and this file is compiled without contraction to fused operations), then
// 8-bit pixels. No sine, exponential or normal deviate from a library is used, so the bytes are the
// same everywhere.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "backends/core/random.h"
#include "backends/core/threads.h"
#include "models/content_hash.h"
#include "models/dataset.h"
#include "models/digit_strokes.h"

namespace jb::models {
namespace {

constexpr std::int64_t kTrainImages = 10000;
constexpr std::int64_t kTestImages = 2000;
constexpr int kSide = 28;
constexpr std::uint64_t kSeed = 20;
/// The body of a digit fits a box of this many pixels, as in MNIST.
constexpr double kBody = 20;
constexpr int kCurveSteps = 8;   // straight pieces per span of a curve
constexpr int kWobbleCells = 3;  // the elastic field has kWobbleCells + 1 knots a side

/// Random numbers of one image in the order they are asked for.
class Draws {
 public:
  Draws(const RandomStream& stream, std::int64_t image)
      : stream_(stream), row_(static_cast<std::uint64_t>(image)) {}

  /// In [0, 1), a multiple of 2^-32: exact.
  double uniform() {
    if (used_ == 4) {
      words_ = stream_.words(block_++, row_, 0);
      used_ = 0;
    }
    return static_cast<double>(words_[used_++]) * 0x1p-32;
  }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  bool chance(double p) { return uniform() < p; }
  /// Bell-shaped with mean 0 and variance 1: the sum of four uniforms (each of variance 1/12).
  double bell() {
    const double sum = (uniform() + uniform()) + (uniform() + uniform());
    return (sum - 2.0) * 1.7320508075688772;
  }

 private:
  const RandomStream& stream_;
  std::uint64_t row_;
  std::uint32_t block_ = 0;
  std::size_t used_ = 4;
  std::array<std::uint32_t, 4> words_{};
};

using Path = std::vector<PenPoint>;

/// The uniform Catmull-Rom curve through `p` (Catmull and Rom, 1974), cut into straight pieces.
Path flatten(const Stroke& stroke) {
  const Path& p = stroke.points;
  Path path;
  for (std::size_t i = 0; i + 1 < p.size(); ++i) {
    const PenPoint a = p[i == 0 ? 0 : i - 1];
    const PenPoint b = p[i];
    const PenPoint c = p[i + 1];
    const PenPoint d = p[i + 2 < p.size() ? i + 2 : i + 1];
    for (int s = 0; s < kCurveSteps; ++s) {
      const double t = static_cast<double>(s) / kCurveSteps;
      if (!stroke.smooth) {
        path.push_back({b.x + t * (c.x - b.x), b.y + t * (c.y - b.y)});
        continue;
      }
      const double wa = ((2 - t) * t - 1) * t / 2;
      const double wb = ((3 * t - 5) * t * t + 2) / 2;
      const double wc = ((4 - 3 * t) * t + 1) * t / 2;
      const double wd = (t - 1) * t * t / 2;
      path.push_back(
          {wa * a.x + wb * b.x + wc * c.x + wd * d.x, wa * a.y + wb * b.y + wc * c.y + wd * d.y});
    }
  }
  path.push_back(p.back());
  return path;
}

/// Smooth random displacement of the unit square: random knots on a grid, blended by smoothstep.
class Wobble {
 public:
  Wobble(Draws& draws, double strength) {
    for (PenPoint& knot : knots_) knot = {strength * draws.bell(), strength * draws.bell()};
  }
  [[nodiscard]] PenPoint moved(PenPoint p) const {
    const Cell x = cell(p.x);
    const Cell y = cell(p.y);
    PenPoint shift;
    for (int dy = 0; dy < 2; ++dy) {
      for (int dx = 0; dx < 2; ++dx) {
        const double weight = (dx == 1 ? x.blend : 1 - x.blend) * (dy == 1 ? y.blend : 1 - y.blend);
        const PenPoint& knot =
            knots_[static_cast<std::size_t>((y.index + dy) * (kWobbleCells + 1) + x.index + dx)];
        shift.x += weight * knot.x;
        shift.y += weight * knot.y;
      }
    }
    return {p.x + shift.x, p.y + shift.y};
  }

 private:
  struct Cell {
    int index = 0;
    double blend = 0;
  };
  static Cell cell(double u) {
    const double scaled = std::clamp(u, 0.0, 1.0) * kWobbleCells;
    const int index = std::min(static_cast<int>(scaled), kWobbleCells - 1);
    const double t = scaled - index;
    return {index, t * t * (3 - 2 * t)};
  }
  std::array<PenPoint, static_cast<std::size_t>((kWobbleCells + 1) * (kWobbleCells + 1))> knots_;
};

/// Rotation, slant and aspect about the centre of the unit square.
class Tilt {
 public:
  explicit Tilt(Draws& draws) {
    const double h = 0.055 * draws.bell();  // tangent of half the angle: sigma is 6.3 degrees
    const double cosine = (1 - h * h) / (1 + h * h);
    const double sine = 2 * h / (1 + h * h);
    const double slant = -0.14 + 0.14 * draws.bell();
    const double aspect = draws.uniform(0.80, 1.12);
    xx_ = aspect * cosine;
    xy_ = aspect * slant * cosine - sine;
    yx_ = aspect * sine;
    yy_ = aspect * slant * sine + cosine;
  }
  [[nodiscard]] PenPoint moved(PenPoint p) const {
    const double x = p.x - 0.5;
    const double y = p.y - 0.5;
    return {xx_ * x + xy_ * y, yx_ * x + yy_ * y};
  }

 private:
  double xx_ = 1, xy_ = 0, yx_ = 0, yy_ = 1;
};

/// Scales and shifts the strokes so that their larger side fills the body box, nearly centred.
void fit_to_frame(std::vector<Path>& paths, Draws& draws, double pen) {
  double x0 = 1e9, x1 = -1e9, y0 = 1e9, y1 = -1e9;
  for (const Path& path : paths) {
    for (const PenPoint& p : path) {
      x0 = std::min(x0, p.x);
      x1 = std::max(x1, p.x);
      y0 = std::min(y0, p.y);
      y1 = std::max(y1, p.y);
    }
  }
  const double side = std::max({x1 - x0, y1 - y0, 0.2});
  const double scale = (kBody - 2 * pen) * draws.uniform(0.90, 1.06) / side;
  const double shift_x = kSide / 2.0 + 0.5 * draws.bell();
  const double shift_y = kSide / 2.0 + 0.5 * draws.bell();
  for (Path& path : paths) {
    for (PenPoint& p : path) {
      p = {(p.x - (x0 + x1) / 2) * scale + shift_x, (p.y - (y0 + y1) / 2) * scale + shift_y};
    }
  }
}

/// Ink of one image, 0 to 1 per pixel.
class Canvas {
 public:
  /// A piece of a stroke: pixels within `radius` of it are inked, with an edge `soft` pixels wide.
  void draw(PenPoint a, PenPoint b, double radius, double soft, double ink) {
    const double reach = radius + soft;
    const int x0 = first_pixel(std::min(a.x, b.x) - reach);
    const int x1 = last_pixel(std::max(a.x, b.x) + reach);
    const int y0 = first_pixel(std::min(a.y, b.y) - reach);
    const int y1 = last_pixel(std::max(a.y, b.y) + reach);
    const double dx = b.x - a.x;
    const double dy = b.y - a.y;
    const double length2 = dx * dx + dy * dy;
    for (int y = y0; y <= y1; ++y) {
      for (int x = x0; x <= x1; ++x) {
        const double px = x + 0.5 - a.x;  // pixel centres
        const double py = y + 0.5 - a.y;
        const double t = length2 > 0 ? std::clamp((px * dx + py * dy) / length2, 0.0, 1.0) : 0.0;
        const double ex = px - t * dx;
        const double ey = py - t * dy;
        const double distance = std::sqrt(ex * ex + ey * ey);
        const double covered = std::clamp((radius - distance) / soft + 0.5, 0.0, 1.0);
        double& pixel = at(x, y);
        pixel = std::max(pixel, covered * ink);
      }
    }
  }
  double& at(int x, int y) { return ink_[static_cast<std::size_t>(y * kSide + x)]; }
  std::array<double, static_cast<std::size_t>(kSide* kSide)>& pixels() { return ink_; }

 private:
  static int first_pixel(double v) { return static_cast<int>(std::clamp(v, 0.0, kSide - 1.0)); }
  static int last_pixel(double v) { return static_cast<int>(std::clamp(v, 0.0, kSide - 1.0)); }
  std::array<double, static_cast<std::size_t>(kSide* kSide)> ink_{};
};

/// One of the digit's styles with displaced points, bent, slanted and placed.
std::vector<Path> write_digit(int digit, Draws& draws, double pen) {
  const std::vector<DigitStyle>& styles = digit_styles(digit);
  const auto choice =
      static_cast<std::size_t>(draws.uniform() * static_cast<double>(styles.size()));
  DigitStyle style = styles[choice];
  for (Stroke& stroke : style) {
    for (PenPoint& p : stroke.points) {
      p.x += 0.032 * draws.bell();
      p.y += 0.032 * draws.bell();
    }
  }
  const Wobble wobble(draws, 0.055);
  const Tilt tilt(draws);
  std::vector<Path> paths;
  for (const Stroke& stroke : style) {
    Path path = flatten(stroke);
    for (PenPoint& p : path) p = tilt.moved(wobble.moved(p));
    paths.push_back(std::move(path));
  }
  fit_to_frame(paths, draws, pen);
  return paths;
}

/// A short stray line, as from a neighbouring character or the paper.
void add_clutter(Canvas& canvas, Draws& draws) {
  const PenPoint a{draws.uniform(1, kSide - 1), draws.uniform(1, kSide - 1)};
  const PenPoint b{a.x + draws.uniform(-6, 6), a.y + draws.uniform(-6, 6)};
  const double radius = draws.uniform(0.3, 0.9);
  const double ink = draws.uniform(0.3, 0.9);
  canvas.draw(a, b, radius, 1.0, ink);
}

void render(std::int64_t index, int digit, const RandomStream& stream, float* out) {
  Draws draws(stream, index);
  const double pen = draws.uniform(0.85, 1.75);  // radius in pixels
  const double soft = draws.uniform(0.8, 1.5);
  const double ink = draws.uniform(0.75, 1.0);
  Canvas canvas;
  for (const Path& path : write_digit(digit, draws, pen)) {
    const double start = pen * draws.uniform(0.8, 1.15);
    const double end = pen * draws.uniform(0.7, 1.15);
    const double pieces = static_cast<double>(path.size() - 1);
    for (std::size_t i = 0; i + 1 < path.size(); ++i) {
      const double t = static_cast<double>(i) / pieces;
      canvas.draw(path[i], path[i + 1], start + (end - start) * t, soft, ink);
    }
  }
  if (draws.chance(0.15)) add_clutter(canvas, draws);
  const double grain = draws.uniform(0.0, 0.25);                            // uneven ink
  const double haze = draws.chance(0.3) ? draws.uniform(0.02, 0.12) : 0.0;  // uneven paper
  std::array<double, static_cast<std::size_t>(kSide * kSide)>& pixels = canvas.pixels();
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const double noise = draws.uniform();
    const double value = pixels[i] * (1 - grain * noise) + haze * noise * noise;
    const double level = std::floor(std::clamp(value, 0.0, 1.0) * 255 + 0.5);
    out[i] = static_cast<float>(level) / 255.0F;
  }
}

LabelledImages make_part(std::int64_t count, std::uint64_t scope) {
  LabelledImages part;
  part.height = kSide;
  part.width = kSide;
  part.images = Matrix<float>(count, kSide * kSide);
  part.labels.resize(static_cast<std::size_t>(count));
  const RandomStream stream(kSeed, 0, tag_of("synthetic-digits"), scope);
  parallel_for(count, 100, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      // Every ten images hold each digit once: any prefix of the set is balanced.
      const int digit = static_cast<int>(i % 10);
      part.labels[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(digit);
      render(i, digit, stream, &part.images(i, 0));
    }
  });
  return part;
}

}  // namespace

Dataset synthetic_digits() {
  Dataset data;
  data.name = "synthetic-digits";
  data.train = make_part(kTrainImages, tag_of("train"));
  data.test = make_part(kTestImages, tag_of("test"));
  data.content_hash = content_hash_of(data.train, data.test);
  return data;
}

}  // namespace jb::models
