#pragma once
// Many small jobs on several threads, their results taken in the order of the jobs.

#include <cstddef>
#include <functional>
#include <vector>

#include "results/record.h"

namespace jb::harness {

/// Makes the record of job i; called on several threads at once, never twice for one i.
using RecordJob = std::function<results::Record(std::size_t job)>;
/// Takes results that are ready, in order and on the calling thread; false: begin no more jobs.
using TakeRecords = std::function<bool(std::vector<results::Record>&& ready)>;

/// Runs jobs 0 ... count - 1, each on one thread, `threads` at once. At most a few jobs per thread
/// are ahead of the last record taken, so that memory does not grow with their number. When told to
/// stop, jobs that have begun are finished and handed over. The first exception of a job or of
/// `take` is rethrown after all threads have ended.
void run_in_order(std::size_t count, int threads, const RecordJob& job, const TakeRecords& take);

}  // namespace jb::harness
