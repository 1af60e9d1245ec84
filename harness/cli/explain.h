#pragma once
// Texts of `joulebench explain`.

#include <string>

#include "backends/backend.h"
#include "results/record.h"

namespace jb::harness::cli {

/// A record row by row: counts, constants with their sources, sums with their formulas, times.
/// Lines of at most `width` columns.
std::string explain_record(const results::Record& record, int width);

/// The table of layers that a network's record holds; "" when it holds none. `folder` is where the
/// record lies: the whole table is taken from the file that the record names there, if it can be
/// read.
std::string explain_layers(const results::Record& record, const std::string& folder, int width);

/// Which sizes amortise the modulation and the readouts of a photonic product; "" for others.
std::string amortisation_lines(const results::Record& record, int width);

/// A device's parameters and prices, with units, classes and sources.
std::string explain_device(const Backend& backend, const DeviceSpec& spec, int width);

/// The same as JSON: device_json with its prices.
Json device_with_prices_json(const Backend& backend, const DeviceSpec& spec);

}  // namespace jb::harness::cli
