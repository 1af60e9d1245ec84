#!/usr/bin/env bash
# Format, shell and clang-tidy checks; uses the compile commands of the clang build.
set -euo pipefail
exec "$(dirname -- "${BASH_SOURCE[0]}")/../lint.sh" --tidy
