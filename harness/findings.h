#pragma once
// What would spoil a measurement here, and the mend: of the host and of its meters.

#include "harness/environment.h"
#include "harness/meter/bench.h"

namespace jb::harness {

/// Host findings, and of meters (null: none were looked for) those that somebody could mend, those
/// that were rejected, and those that disagree.
std::vector<Finding> all_findings(const HostDescription& host, const meter::Bench* bench);

/// [{id, text, mend}], as in run.json and `doctor --json`.
Json findings_json(const HostDescription& host, const meter::Bench* bench);
/// Every kind of meter with its state; empty when none were looked for.
Json meters_json(const meter::Bench* bench);

}  // namespace jb::harness
