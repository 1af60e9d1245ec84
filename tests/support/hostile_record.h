#pragma once
// A record whose every text tries to be something else: markup, script, TeX, a formula.

#include "tests/support/table_records.h"

namespace jb::test {

inline constexpr const char* kHostile =
    "</script><script>alert('x')</script><img src=x onerror=alert(1)> \" ' & | `a` *b* _c_ "
    "\\input{x} "
    "$y$ #z %w {q} ~ ^ <!-- \xE2\x80\xA8 \xF0\x9F\x98\x80";

inline results::Record hostile_record() {
  Json point = gemm_point(4, 5, 6);
  point["dataset"] = kHostile;
  point["set"] = {{"=HYPERLINK(\"http://x\")", kHostile}};
  results::Record record = table_record(point, "=cmd|' /C calc'!A0", "@SUM(1+1)*2",
                                        {{1e-13, 2e-13, 3e-13}, 0.5, 1e12, 1e-2});
  record.run_id = "+1+1";
  record.repro = kHostile;
  record.reason = "-2+3";
  results::RecordRow row = sample_row(kHostile, Category::movement, Boundary::B1, 10, 1e-13);
  row.layer = "=1+1";
  row.source = kHostile;
  record.work.macs = 120;
  record.ledger = {row};
  return record;
}

}  // namespace jb::test
