#pragma once
// What of a network point does not fit into its record: predictions and the whole table of layers.

#include <string>

#include "harness/outcome.h"

namespace jb::harness {

/// Puts the table of layers (made smaller where it must) into the outcome's measurement and the
/// predictions' hash into its verification. In a run folder the whole of both is kept, as
/// layers/<record id>.json and predictions/<record id>.u8 (.u16le, .u32le above 256 classes), which
/// the record names.
void keep_network_files(Outcome& outcome, const std::string& record_id,
                        const std::string& directory);

}  // namespace jb::harness
