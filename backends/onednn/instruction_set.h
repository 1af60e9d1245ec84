#pragma once
// oneDNN's choice of instruction set, which it makes once in a process.

#include <string>

namespace jb::onednn {

/// Lets oneDNN use no more than `isa` (a name of isa_names()). Before its first use of the library
/// in this process that takes effect; later the same choice is accepted, and another one is a usage
/// error that names the one made.
void choose_isa(const std::string& isa);

}  // namespace jb::onednn
