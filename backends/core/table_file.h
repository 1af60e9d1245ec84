#pragma once
// Tables of published constants: backends/energy/tables/<table>.json, schema joulebench/table/1.

#include <string>
#include <string_view>

#include "backends/core/parameters.h"

namespace jb {

/// One constant of a table.
struct TableEntry {
  double value = 0;
  std::string unit;
  std::string source;
  ConstantClass cls = ConstantClass::D;
};

/// The constant "table/entry", e.g. "ops-45nm/mul.int8". Usage error when there is none.
TableEntry table_entry(std::string_view table_and_entry);

/// Hash of all table files (in run.json and in record ids).
std::string tables_hash();

}  // namespace jb
