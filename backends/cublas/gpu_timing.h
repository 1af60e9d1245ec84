#pragma once
// Times work on a GPU by the GPU's own clock (events in the stream), after a warm-up.
//   warm  repetitions follow each other, so operands stay in the last-level cache as far as they
//   fit cold  before each repetition a buffer larger than the cache is written, outside the
//   interval;
//         the host enqueues the work meanwhile, so that launching it is not in the interval either

#include <functional>
#include <memory>

#include "backends/backend.h"
#include "backends/cublas/gpu_api.h"

namespace jb::cublas {

/// Runs `enqueue` (which puts the work into the stream and does not wait) again and again.
DeviceTimes time_by_events(const std::shared_ptr<Gpu>& gpu, const std::function<void()>& enqueue,
                           const DeviceTimingOptions& options);

}  // namespace jb::cublas
