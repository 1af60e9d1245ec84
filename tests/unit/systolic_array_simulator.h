#pragma once
// A systolic array stepped cycle by cycle, element by element: what the closed forms of
// backends/systolic are held against. Registers of all elements are written out; nothing here knows
// a formula of folds.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "backends/core/matrix.h"
#include "backends/core/shape.h"

namespace jb::systolic_test {

/// What was seen to happen.
struct Seen {
  std::int64_t cycles = 0;
  std::int64_t macs = 0;           ///< of elements of the product, not of padding
  std::int64_t slots = 0;          ///< element cycles in which a vector of the product passes by
  std::int64_t streamed_hops = 0;  ///< operands that moved from one element into the next
  std::int64_t sum_moves = 0;      ///< sums handed on, or rewritten in place
  std::int64_t a_reads = 0;
  std::int64_t b_reads = 0;
  std::int64_t c_writes = 0;
  std::int64_t c_reads = 0;
  std::int64_t accumulator_accesses = 0;
};

/// One array of R x C elements. T: operands, S: sums.
template <class T, class S>
class ArraySimulator {
 public:
  ArraySimulator(std::int64_t rows, std::int64_t cols) : rows_(rows), cols_(cols) {}

  /// Weights (depth x across of `b`) stay, rows of `a` stream; fill, stream and drain of one fold
  /// after the other; partial sums of folds of k are read back and added.
  Seen weight_stationary(MatrixView<const T> a, MatrixView<const T> b, MatrixView<S> c) {
    Seen seen;
    stationary(a, b, c, seen);
    return seen;
  }

  /// The input stays: the same with A and B changing places, C^T = B^T A^T.
  Seen input_stationary(MatrixView<const T> a, MatrixView<const T> b, MatrixView<S> c) {
    Seen seen;
    stationary(b.transposed(), a.transposed(), c.transposed(), seen);
    std::swap(seen.a_reads, seen.b_reads);
    return seen;
  }

  /// Sums stay: A enters the rows from the left, B the columns from above, both skewed.
  Seen output_stationary(MatrixView<const T> a, MatrixView<const T> b, MatrixView<S> c) {
    Seen seen;
    for (std::int64_t i0 = 0; i0 < a.rows; i0 += rows_) {
      for (std::int64_t j0 = 0; j0 < b.cols; j0 += cols_) output_fold(a, b, c, i0, j0, seen);
    }
    return seen;
  }

  /// TPUv1: the next weights shift in behind the running pass, which lasts as long as that takes;
  /// sums build up in accumulators that hold `pass` rows.
  Seen double_buffered(MatrixView<const T> a, MatrixView<const T> b, MatrixView<S> c,
                       std::int64_t pass) {
    Seen seen;
    Matrix<S> accumulators(pass, c.cols);
    seen.cycles = rows_;  // the first tile shifts in, a row a cycle
    for (std::int64_t i0 = 0; i0 < a.rows; i0 += pass) {
      const std::int64_t rows = std::min(pass, a.rows - i0);
      for (std::int64_t j0 = 0; j0 < b.cols; j0 += cols_) {
        for (std::int64_t p0 = 0; p0 < b.rows; p0 += rows_) {
          const Tile tile = load(b, p0, j0, seen);
          std::int64_t entered = 0;
          std::int64_t shifted = 0;  // rows of the next tile
          std::int64_t slot = 0;
          for (; entered < rows || shifted < rows_; ++slot) {
            entered += entered < rows ? 1 : 0;
            shifted += shifted < rows_ ? 1 : 0;
          }
          seen.cycles += slot;
          // What the pass computes: its vectors one after the other through the elements, each a
          // cycle behind the last. The skew overlaps with the next pass and is paid at the end.
          stream(a.block(i0, p0, rows, tile.depth), tile, seen,
                 [&](std::int64_t i, std::int64_t j, S sum) {
                   S& held = accumulators(i, j0 + j);
                   seen.accumulator_accesses += p0 == 0 ? 1 : 2;
                   held = p0 == 0 ? sum : held + sum;
                 });
        }
        for (std::int64_t i = 0; i < rows; ++i) {
          for (std::int64_t j = j0; j < std::min(b.cols, j0 + cols_); ++j) {
            c(i0 + i, j) = accumulators(i, j);
            ++seen.c_writes;
          }
        }
      }
    }
    seen.cycles += rows_ + cols_ - 2;  // the last vector leaves the last element
    return seen;
  }

 private:
  struct Tile {
    Matrix<T> weights;  // rows_ x cols_, zeros beyond
    std::int64_t depth = 0, across = 0;
  };

  Tile load(MatrixView<const T> b, std::int64_t p0, std::int64_t j0, Seen& seen) {
    Tile tile{Matrix<T>(rows_, cols_), std::min(rows_, b.rows - p0), std::min(cols_, b.cols - j0)};
    // Row by row from above: the last row goes in first and every cycle all rows move down by one.
    for (std::int64_t cycle = 0; cycle < rows_; ++cycle) {
      for (std::int64_t r = rows_ - 1; r > 0; --r) {
        for (std::int64_t s = 0; s < cols_; ++s) tile.weights(r, s) = tile.weights(r - 1, s);
      }
      const std::int64_t p = rows_ - 1 - cycle;
      for (std::int64_t s = 0; s < cols_; ++s) {
        const bool real = p < tile.depth && s < tile.across;
        tile.weights(0, s) = real ? b(p0 + p, j0 + s) : T{};
        seen.b_reads += real ? 1 : 0;
      }
    }
    return tile;
  }

  /// Streams the rows of `a` (any number x depth) past a tile and hands each sum that leaves the
  /// bottom to `leave(row, column, sum)`. Returns the cycles from the first entry to the last exit.
  template <class Leave>
  std::int64_t stream(MatrixView<const T> a, const Tile& tile, Seen& seen, Leave leave) {
    struct Wire {
      T value{};
      std::int64_t row = -1;  // of A; -1: a bubble
    };
    struct Flow {
      S value{};
      std::int64_t row = -1;
    };
    std::vector<Wire> right(static_cast<std::size_t>(rows_ * cols_));
    std::vector<Flow> down(static_cast<std::size_t>(rows_ * cols_));
    const auto at = [&](std::int64_t r, std::int64_t s) {
      return static_cast<std::size_t>(r * cols_ + s);
    };
    const std::int64_t expected = a.rows;
    std::int64_t left = 0;  // sums that have left the last column
    std::int64_t cycle = 0;
    for (; left < expected; ++cycle) {
      // From the far corner back, so that every register still holds last cycle's value.
      for (std::int64_t r = rows_ - 1; r >= 0; --r) {
        for (std::int64_t s = cols_ - 1; s >= 0; --s) {
          Wire in;
          if (s > 0) {
            in = right[at(r, s - 1)];
          } else if (const std::int64_t row = cycle - r; row >= 0 && row < a.rows) {
            in.row = row;
            if (r < tile.depth) {
              in.value = a(row, r);
              ++seen.a_reads;
            }
          }
          Flow sum;
          sum.row = in.row;
          if (r > 0) sum.value = down[at(r - 1, s)].value;
          if (in.row >= 0) {
            ++seen.slots;
            sum.value += static_cast<S>(in.value) * static_cast<S>(tile.weights(r, s));
            if (r < tile.depth && s < tile.across) {
              ++seen.macs;
              ++seen.streamed_hops;
              ++seen.sum_moves;
            }
          }
          right[at(r, s)] = in;
          down[at(r, s)] = sum;
        }
      }
      for (std::int64_t s = 0; s < cols_; ++s) {
        const Flow& out = down[at(rows_ - 1, s)];
        if (out.row < 0) continue;
        if (s < tile.across) leave(out.row, s, out.value);
        left += s == cols_ - 1 ? 1 : 0;
      }
    }
    return cycle;
  }

  void stationary(MatrixView<const T> streamed, MatrixView<const T> held, MatrixView<S> c,
                  Seen& seen) {
    for (std::int64_t j0 = 0; j0 < held.cols; j0 += cols_) {
      for (std::int64_t p0 = 0; p0 < held.rows; p0 += rows_) {
        const Tile tile = load(held, p0, j0, seen);
        seen.cycles += rows_;
        seen.cycles += stream(streamed.block(0, p0, streamed.rows, tile.depth), tile, seen,
                              [&](std::int64_t i, std::int64_t j, S sum) {
                                S& out = c(i, j0 + j);
                                seen.c_reads += p0 == 0 ? 0 : 1;
                                ++seen.c_writes;
                                out = p0 == 0 ? sum : out + sum;
                              });
      }
    }
  }

  void output_fold(MatrixView<const T> a, MatrixView<const T> b, MatrixView<S> c, std::int64_t i0,
                   std::int64_t j0, Seen& seen) {
    const std::int64_t height = std::min(rows_, a.rows - i0);
    const std::int64_t width = std::min(cols_, b.cols - j0);
    struct Wire {
      T value{};
      std::int64_t step = -1;  // of k; -1: a bubble
    };
    std::vector<Wire> right(static_cast<std::size_t>(rows_ * cols_));
    std::vector<Wire> down(static_cast<std::size_t>(rows_ * cols_));
    std::vector<S> sums(static_cast<std::size_t>(rows_ * cols_));
    const auto at = [&](std::int64_t r, std::int64_t s) {
      return static_cast<std::size_t>(r * cols_ + s);
    };
    bool done = a.cols == 0;  // the far corner has taken its last product
    for (std::int64_t cycle = 0; !done; ++cycle, ++seen.cycles) {
      for (std::int64_t r = rows_ - 1; r >= 0; --r) {
        for (std::int64_t s = cols_ - 1; s >= 0; --s) {
          Wire from_left;
          if (s > 0) {
            from_left = right[at(r, s - 1)];
          } else if (const std::int64_t step = cycle - r; step >= 0 && step < a.cols) {
            from_left.step = step;
            if (r < height) {
              from_left.value = a(i0 + r, step);
              ++seen.a_reads;
            }
          }
          Wire from_above;
          if (r > 0) {
            from_above = down[at(r - 1, s)];
          } else if (const std::int64_t step = cycle - s; step >= 0 && step < b.rows) {
            from_above.step = step;
            if (s < width) {
              from_above.value = b(step, j0 + s);
              ++seen.b_reads;
            }
          }
          if (from_left.step >= 0) {
            ++seen.slots;
            sums[at(r, s)] += static_cast<S>(from_left.value) * static_cast<S>(from_above.value);
            if (r < height && s < width) {
              ++seen.macs;
              seen.streamed_hops += 2;
              ++seen.sum_moves;
            }
            const bool corner = r == rows_ - 1 && s == cols_ - 1;
            done = done || (corner && from_left.step == a.cols - 1);
          }
          right[at(r, s)] = from_left;
          down[at(r, s)] = from_above;
        }
      }
    }
    for (std::int64_t r = 0; r < height; ++r) {
      for (std::int64_t s = 0; s < width; ++s) {
        c(i0 + r, j0 + s) = sums[at(r, s)];
        ++seen.c_writes;
      }
    }
  }

  std::int64_t rows_;
  std::int64_t cols_;
};

}  // namespace jb::systolic_test
