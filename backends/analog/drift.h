#pragma once
// Drift and low-frequency noise of analog memory, as processes of the time since programming.
//
//   [Nandakumar2019] S. R. Nandakumar et al., "Phase-change memory models for deep learning
//   training and inference", IEEE ICECS 2019: power-law drift and the growth of 1/f read noise.

#include <cstdint>

namespace jb::analog {

/// ln((age + t0) / t0): the clock of a power-law drift, G(t) = G_prog exp(-nu * log_time)
/// [Nandakumar2019]. `age_s` >= 0 since programming, `t0_s` > 0: first read after programming.
[[nodiscard]] double log_time(double age_s, double t0_s) noexcept;

/// sqrt(ln((t + t_read) / (2 t_read))): how far 1/f noise has grown t seconds after programming
/// (first read included) when one read takes t_read [Nandakumar2019]; 0 before t = t_read.
[[nodiscard]] double flicker_growth(double t_s, double t_read_s) noexcept;

struct Moments {
  double mean = 0;
  double std = 0;
};

/// Mean and deviation of g exp(-nu L) for Gaussian nu ~ N(mu, sigma): log-normal moments,
/// mean = g exp(-mu L + sigma^2 L^2 / 2), (std / mean)^2 = exp(sigma^2 L^2) - 1.
[[nodiscard]] Moments drifted_moments(double g, double nu_mean, double nu_std, double l) noexcept;

/// Key (below 2^48) of the random numbers of an age: noise that is correlated over an epoch is
/// drawn from it, so that an age visited again, alone or inside a sweep, sees the same noise.
[[nodiscard]] std::uint64_t epoch_key(double age_s) noexcept;

}  // namespace jb::analog
