#!/usr/bin/env bash
# Installs missing packages, builds with warnings as errors, runs all tests. With --full also the
# slow tiers: every ci/full/*.sh in order of name. A later tier (browser, LaTeX, Slurm) is one more
# file there, and its packages are lines of tier `full` in packages.txt.
set -euo pipefail
# shellcheck source=ci/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

full=false
for argument in "$@"; do
  case $argument in
    -h | --help) echo "usage: ci/test.sh [--full]" && exit 0 ;;
    --full) full=true ;;
    *) die 2 "unknown argument '$argument'; see --help" ;;
  esac
done

tiers=(build)
if $full; then tiers+=(full); fi
install_packages "${tiers[@]}"
find_test_data
build_preset ci
status=0
test_preset ci || status=1

if $full; then
  failed=()
  for tier in "$repo_root"/ci/full/*.sh; do
    say "tier ${tier##*/}"
    "$tier" || failed+=("${tier##*/}")
  done
  if ((${#failed[@]} > 0)); then
    say "failed tiers: ${failed[*]}"
    status=1
  else
    say "all tiers passed"
  fi
fi
exit "$status"
