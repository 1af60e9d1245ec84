# shellcheck shell=bash
# What the scripts in ci/ share: messages, packages, configure and build. Sourced, never run.
#
# Environment:
#   JOULEBENCH_BUILD_ROOT  folder for build trees (default: build/ in the checkout)
#   JOULEBENCH_JOBS        parallel jobs (default: one for each core)
#   JOULEBENCH_TEST_DATA   folder with MNIST and the other large test data (default: ../shared/data
#                          beside the checkout, when that exists)

repo_root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
build_root=${JOULEBENCH_BUILD_ROOT:-$repo_root/build}
[[ $build_root == /* ]] || build_root=$PWD/$build_root
jobs=${JOULEBENCH_JOBS:-$(nproc)}

# Progress and messages go to stderr: stdout belongs to the results.
say() { printf '== %s\n' "$*" >&2; }

# die STATUS MESSAGE...: one sentence, then exit.
die() {
  local status=$1
  shift
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit "$status"
}

[[ $jobs =~ ^[1-9][0-9]*$ ]] || die 2 "JOULEBENCH_JOBS is '$jobs'; give a whole number from 1 up"

# packages_of TIER...: the names that packages.txt lists for these tiers.
packages_of() {
  awk -v tiers=" $* " '!/^[[:space:]]*(#|$)/ && index(tiers, " " $2 " ") { print $1 }' \
    "$repo_root/ci/packages.txt"
}

# missing_packages TIER...: those of them that are not installed.
missing_packages() {
  local package
  for package in $(packages_of "$@"); do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
      printf '%s\n' "$package"
  done
}

# install_packages TIER...: installs what is missing, as root or through sudo; without either it
# prints the one line to run and exits with 2.
install_packages() {
  if ! command -v dpkg-query >/dev/null; then
    say "no dpkg here; CMake will name what is missing of: $(packages_of "$@" | xargs)"
    return
  fi
  local names missing as_root=() line
  names=$(missing_packages "$@")
  if [[ -z $names ]]; then
    say "packages: all there"
    return
  fi
  mapfile -t missing <<<"$names"
  line="apt-get install -y --no-install-recommends ${missing[*]}"
  if ((EUID != 0)); then
    if ! may_sudo; then
      say "packages missing and neither root nor sudo at hand; run this as root, then start again:"
      printf 'apt-get update && %s\n' "$line" >&2
      exit 2
    fi
    as_root=(sudo)
  fi
  say "packages: installing ${missing[*]}"
  # A mirror of some third party that does not answer must not stop the install.
  apt_get "${as_root[@]}" -o APT::Update::Error-Mode=any update || say "apt-get update complained; trying with the lists there are"
  apt_get "${as_root[@]}" install -y --no-install-recommends "${missing[@]}" ||
    die 2 "apt-get could not install the packages; mend that, or install them by hand: $line"
}

# may_sudo: sudo works without a question, or a person sits at the terminal to answer it.
may_sudo() {
  command -v sudo >/dev/null || return 1
  sudo -n true 2>/dev/null && return 0
  [[ -z ${CI:-} && -t 0 && -t 2 ]] && sudo -v
}

# apt_get [sudo] ARGUMENTS...: apt-get that asks nothing and waits for another apt to finish; its
# output is shown only when it fails.
apt_get() {
  local as_root=() output
  if [[ $1 == sudo ]]; then
    as_root=(sudo)
    shift
  fi
  output=$("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -qq \
    -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 "$@" 2>&1 </dev/null) && return
  printf '%s\n' "$output" | tail -n 40 >&2
  return 1
}

# ccache would fail every compile where its folder cannot be written (no home folder in some CI).
prepare_ccache() {
  command -v ccache >/dev/null || return 0
  local folder
  folder=$(ccache --get-config cache_dir 2>/dev/null) || folder=
  if [[ -z $folder ]] || ! mkdir -p "$folder" 2>/dev/null || [[ ! -w $folder ]]; then
    export CCACHE_DIR=$build_root/ccache
  fi
}

# build_preset PRESET [TARGET...]: configures build/PRESET when needed and builds the targets (all
# when none is named).
build_preset() {
  local preset=$1 folder=$build_root/$1 targets=()
  shift
  (($# == 0)) || targets=(--target "$@")
  mkdir -p "$build_root" || die 2 "cannot write $build_root; set JOULEBENCH_BUILD_ROOT"
  prepare_ccache
  say "building preset $preset in $folder with $jobs jobs"
  # What configure finds is noise here (`joulebench list` says what is off); errors go to stderr.
  (cd "$repo_root" && cmake --preset "$preset" -B "$folder" --log-level=WARNING) >/dev/null
  cmake --build "$folder" --parallel "$jobs" "${targets[@]}" >&2
}

# joulebench_of PRESET: the program in that build tree.
joulebench_of() {
  local program=$build_root/$1/harness/joulebench
  [[ -x $program ]] || die 70 "the build left no program at $program"
  printf '%s\n' "$program"
}

# find_test_data: exports JOULEBENCH_TEST_DATA as an absolute path when the folder is there, unsets
# it otherwise, so that tests skip with a reason instead of failing on a path.
find_test_data() {
  local folder=${JOULEBENCH_TEST_DATA:-$repo_root/../shared/data}
  if [[ -d $folder ]]; then
    JOULEBENCH_TEST_DATA=$(cd -- "$folder" && pwd -P)
    export JOULEBENCH_TEST_DATA
    say "test data: $JOULEBENCH_TEST_DATA"
  elif [[ -n ${JOULEBENCH_TEST_DATA:-} ]]; then
    die 2 "JOULEBENCH_TEST_DATA names '$folder', which is no folder; correct or unset it"
  else
    unset JOULEBENCH_TEST_DATA
    say "test data: none (set JOULEBENCH_TEST_DATA); tests that need it are skipped"
  fi
}

# test_preset PRESET [CTEST ARGUMENTS...]: runs the tests of a build tree; leaves ctest.log and
# junit.xml in it.
test_preset() {
  local folder=$build_root/$1
  shift
  rm -f "$folder/ctest.log" "$folder/junit.xml"
  # Skip reasons are read from the output of passed tests, which CTest cuts at 1 KiB by default.
  ctest --test-dir "$folder" --parallel "$jobs" --output-on-failure --timeout 600 --no-tests=error \
    --test-output-size-passed 65536 --output-log "$folder/ctest.log" \
    --output-junit "$folder/junit.xml" "$@" </dev/null
}
