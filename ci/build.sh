#!/usr/bin/env bash
# Installs what is missing and builds: ci/build.sh [--preset NAME] [TARGET...]
set -euo pipefail
# shellcheck source=ci/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

preset=release
while (($# > 0)); do
  case $1 in
    -h | --help) echo "usage: ci/build.sh [--preset release|debug|asan-ubsan|ci|clang] [TARGET...]" && exit 0 ;;
    --preset)
      (($# > 1)) || die 2 "--preset needs a name"
      preset=$2
      shift 2
      ;;
    -*) die 2 "unknown flag '$1'; see --help" ;;
    *) break ;;
  esac
done
install_packages build
build_preset "$preset" "$@"
