#!/usr/bin/env bash
# The whole suite built by clang, warnings as errors.
set -euo pipefail
# shellcheck source=ci/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../common.sh"

find_test_data
build_preset clang
test_preset clang
