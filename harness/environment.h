#pragma once
// What this program runs on: for run.json, `doctor` and memory checks. Host names are hashed.

#include <cstdint>
#include <string>
#include <vector>

#include "backends/core/json_file.h"

namespace jb::harness {

struct CacheInfo {
  int level = 0;
  std::string type;  ///< "Data", "Instruction" or "Unified"
  std::int64_t bytes = 0;
};

struct HostDescription {
  std::string host_hash;  ///< 16 hex digits of the host's name
  std::string system;     ///< kernel name and release
  std::string cpu_model;
  int logical_cpus = 0;           ///< online in the machine
  int usable_cpus = 0;            ///< this process may run on
  std::vector<CacheInfo> caches;  ///< of cpu0
  std::vector<std::string> isa;   ///< vector extensions that kernels care about
  std::string governor;           ///< scaling governor of cpu0; "" when the system does not tell
  std::string turbo;              ///< "on" or "off"; "" when the system does not tell
  std::string smt;                ///< threads sharing cores: likewise
  std::string aslr;               ///< random addresses: likewise
  bool virtualised = false;       ///< the processor says a hypervisor is present
  double load_1min = 0;           ///< load average at the time of asking; 0 when unknown
  std::int64_t memory_bytes = 0;  ///< 0 when unknown
};

HostDescription describe_host();
Json to_json(const HostDescription& host);

/// Versions of the libraries built in or linked ("eigen", "fmt", ...), name to version.
Json library_versions();

/// Version, compiler, build type and dispatched instruction set of this program.
Json build_description();

/// Version of joulebench, "0.1.0".
std::string program_version();

/// Memory that can be allocated without swapping, in bytes; 0 when the system does not tell.
std::int64_t available_memory_bytes();

/// Things that would spoil a measurement on this host, one sentence each, with the mend.
struct Finding {
  std::string
      id;  ///< "virtualised", "governor", "turbo", "smt", "load", "few-cores", "debug-build"
  std::string text;
  std::string mend;
};
std::vector<Finding> host_findings(const HostDescription& host);

}  // namespace jb::harness
