#!/usr/bin/env bash
# Lines of our own sources that the tests execute; the report lies in build/coverage/coverage.txt.
set -euo pipefail
# shellcheck source=ci/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../common.sh"

command -v gcovr >/dev/null || die 2 "gcovr is not installed (packages.txt, tier full)"
find_test_data
build_preset coverage
folder=$build_root/coverage
find "$folder" -name '*.gcda' -delete
test_preset coverage -LE package
gcovr --root "$repo_root" --object-directory "$folder" -j "$jobs" \
  --filter "$repo_root/(backends|models|results|harness)/" \
  --gcov-ignore-parse-errors --txt "$folder/coverage.txt" --print-summary "$folder"
