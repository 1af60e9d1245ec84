#!/usr/bin/env bash
# The whole suite under address and undefined-behaviour sanitizers.
set -euo pipefail
# shellcheck source=ci/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../common.sh"

find_test_data
build_preset asan-ubsan
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
test_preset asan-ubsan
