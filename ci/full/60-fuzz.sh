#!/usr/bin/env bash
# A minute of fuzzing for each reader of files from outside (ONNX, .npy, IDX, JSON), under address and
# undefined-behaviour sanitizers. What is found lies in build/fuzz/found; mended, it joins
# tests/fuzz/corpus, which the normal tests replay.
#
# Environment:
#   JOULEBENCH_FUZZ_SECONDS  for each target (default: 60)
set -euo pipefail
# shellcheck source=ci/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../common.sh"

seconds=${JOULEBENCH_FUZZ_SECONDS:-60}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || die 2 "JOULEBENCH_FUZZ_SECONDS is '$seconds'; give a whole number from 1 up"

build_preset fuzz fuzz_programs
status=0
for target in onnx npy idx json; do
  say "fuzzing $target for $seconds s"
  corpus=$build_root/fuzz/corpus/$target
  found=$build_root/fuzz/found
  mkdir -p "$corpus" "$found"
  # New inputs go to the first folder; an input of a few kB must not ask for hundreds of MB.
  "$build_root/fuzz/tests/fuzz/fuzz_$target" -max_total_time="$seconds" -max_len=8192 -timeout=20 \
    -rss_limit_mb=2048 -malloc_limit_mb=256 -print_final_stats=1 -verbosity=0 \
    -artifact_prefix="$found/$target-" "$corpus" "$repo_root/tests/fuzz/corpus/$target" >&2 || {
    say "$target: an input was not answered; see $found"
    status=1
  }
done
exit "$status"
