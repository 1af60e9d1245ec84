#pragma once
// Short names of points, for tables and messages.

#include <string>

#include "backends/core/json_file.h"

namespace jb::results {

/// The workload of a record's point: "gemm 64,100,784", "conv2d alexnet-conv1", "mlp-784-100-10".
/// Only reads; a point that lacks fields gives a shorter label.
std::string workload_label(const Json& point);

/// Backend, device and workload: "crossbar pcm-hermes gemm 64,100,784".
std::string point_label(const Json& point);

/// A JSON value as plain text: strings without quotes, numbers as shortest decimals.
std::string plain_text(const Json& value);

/// The text of a point's field, "" when it is not there or null.
std::string point_text(const Json& point, const char* key);

/// The hardware that a run.json's `host` describes: "AMD EPYC 9Z74, 2 of 2 cores, 8 GiB"; ""
/// unknown.
std::string machine_text(const Json& host);

}  // namespace jb::results
