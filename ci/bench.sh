#!/usr/bin/env bash
# From a bare Debian 12 to the table: installs missing packages, builds Release, runs the default
# suite. Arguments go to `joulebench run`. stdout carries the table, stderr everything else.
set -euo pipefail
# shellcheck source=ci/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

install_packages build
build_preset release joulebench
program=$(joulebench_of release)
say "running: $program run $*"
exec "$program" run "$@"
