#!/usr/bin/env bash
# Unit and conformance tests under the thread sanitizer, threads by std::thread: GCC's OpenMP
# library is not instrumented, and every barrier of it would look like a race.
set -euo pipefail
# shellcheck source=ci/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../common.sh"

find_test_data
build_preset tsan tests_unit tests_conformance
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1 second_deadlock_stack=1}
test_preset tsan -L '^(unit|conformance)$'
