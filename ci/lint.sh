#!/usr/bin/env bash
# Reads the sources without running them: ci/lint.sh [--fix] [--tidy [FILE.cpp...]]
#   clang-format and shellcheck always; --fix rewrites the format; --tidy adds clang-tidy, over all
#   sources of the clang build or only the files named.
set -euo pipefail
# shellcheck source=ci/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

fix=false
tidy=false
chosen=()
for argument in "$@"; do
  case $argument in
    -h | --help) echo "usage: ci/lint.sh [--fix] [--tidy [FILE.cpp...]]" && exit 0 ;;
    --fix) fix=true ;;
    --tidy) tidy=true ;;
    -*) die 2 "unknown flag '$argument'; see --help" ;;
    *) chosen+=("$(realpath -- "$argument")") ;;
  esac
done
for tool in clang-format shellcheck; do
  command -v "$tool" >/dev/null || die 2 "$tool is not installed (packages.txt, tier full)"
done

cd "$repo_root"
status=0
files=$(find backends models results harness tests -type f \
  \( -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' \) | sort)
mapfile -t sources <<<"$files"
if $fix; then
  clang-format -i "${sources[@]}"
else
  say "clang-format over ${#sources[@]} files"
  clang-format --dry-run -Werror "${sources[@]}" || status=1
fi

say "shellcheck"
shellcheck -x .ci/run ci/*.sh ci/full/*.sh || status=1

if $tidy; then
  command -v clang-tidy >/dev/null || die 2 "clang-tidy is not installed (packages.txt, tier full)"
  # Some headers and the backend registry are generated, so the tree must be built first.
  build_preset clang
  if ((${#chosen[@]} == 0)); then
    files=$(find "$PWD/backends" "$PWD/models" "$PWD/results" "$PWD/harness" \
      -type f -name '*.cpp' | sort)
    mapfile -t chosen <<<"$files"
  fi
  say "clang-tidy over ${#chosen[@]} files"
  printf '%s\0' "${chosen[@]}" |
    xargs -0 -n 1 -P "$jobs" clang-tidy -p "$build_root/clang" --quiet --warnings-as-errors='*' \
      || status=1
fi
if ((status == 0)); then say "lint: clean"; else say "lint: findings above"; fi
exit "$status"
