#!/usr/bin/env bash
# Lists the skipped tests of a CTest run with their reasons and compares them with the list of those
# that may be: ci/skips.sh JUNIT.xml [LIST], LIST by default tests/skips.txt. Exit 1 when they differ
# or when a skip gives no reason.
set -euo pipefail
# shellcheck source=ci/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

(($# == 1 || $# == 2)) || die 2 "usage: ci/skips.sh JUNIT.xml [LIST]"
junit=$1
list=${2:-$repo_root/tests/skips.txt}
[[ -f $junit ]] || die 2 "no test report '$junit'; run ci/test.sh first"
[[ -f $list ]] || die 2 "no list '$list'"

# skipped_tests: "name<TAB>reason" for each test that did not run to an end by its own will. CTest
# marks a gtest skip as status notrun with a <skipped> element and a DISABLED_ test as disabled;
# gtest prints "file:line: Skipped" and the reason on the lines below it.
skipped_tests() {
  awk '
    function decode(s) {
      gsub(/&lt;/, "<", s); gsub(/&gt;/, ">", s); gsub(/&quot;/, "\"", s); gsub(/&apos;/, "\047", s)
      gsub(/&#10;/, " ", s); gsub(/&amp;/, "\\&", s)
      return s
    }
    /<testcase / {
      name = $0; sub(/.*<testcase name="/, "", name); sub(/".*/, "", name)
      sub(/ +# GetParam\(\) = .*/, "", name)  # bytes of the parameter, pointers among them
      skipped = 0; reason = ""; in_reason = 0
      if ($0 ~ /status="disabled"/) { skipped = 1; reason = "disabled in the source" }
    }
    /<skipped/ { if (!skipped) skipped = 1 }
    /^\[[ =A-Z-]*\]|<\/system-out>/ || (/^[[:space:]]*$/ && reason != "") { in_reason = 0 }
    in_reason && !/^[[:space:]]*$/ { reason = reason (reason == "" ? "" : " ") $0 }
    /: Skipped[[:space:]]*$/ { in_reason = reason == "" }
    /<\/testcase>/ { if (skipped) printf "%s\t%s\n", decode(name), decode(reason) }
  ' "$junit" | LC_ALL=C sort -u
}

# holds CONDITION: whether tests under this condition are to be skipped on this machine.
holds() {
  case $1 in
    always) return 0 ;;
    data) [[ -z ${JOULEBENCH_TEST_DATA:-} ]] ;;
    root) ((EUID == 0)) ;;
    *) die 2 "$list: unknown condition '$1'; it may be always, data or root" ;;
  esac
}

# expected_skips: the names of the list whose condition holds here.
expected_skips() {
  local line name condition
  while IFS= read -r line || [[ -n $line ]]; do
    [[ $line =~ ^[[:space:]]*(#|$) ]] && continue
    [[ $line =~ ^(.*[^[:space:]])[[:space:]]+#[[:space:]]*condition:[[:space:]]*([a-z]+) ]] ||
      die 2 "$list: '$line' is not 'test name  # condition: always|data|root'"
    name=${BASH_REMATCH[1]} condition=${BASH_REMATCH[2]}
    if holds "$condition"; then printf '%s\n' "$name"; fi
  done <"$list" | LC_ALL=C sort -u
}

find_test_data 2>/dev/null
actual=$(skipped_tests)
expected=$(expected_skips)
status=0
if [[ -z $actual ]]; then
  echo "skipped tests: none"
else
  echo "skipped tests: $(wc -l <<<"$actual")"
  while IFS=$'\t' read -r name reason; do
    printf '  %s: %s\n' "$name" "${reason:-(no reason given)}"
    [[ -n $reason ]] || status=1
  done <<<"$actual"
  ((status == 0)) || echo "every skip must give its reason: GTEST_SKIP() << \"why\""
fi

names=$(cut -f 1 <<<"$actual")
unlisted=$(LC_ALL=C comm -23 <(printf '%s\n' "$names") <(printf '%s\n' "$expected"))
ran=$(LC_ALL=C comm -13 <(printf '%s\n' "$names") <(printf '%s\n' "$expected"))
if [[ -n $unlisted ]]; then
  printf 'skipped, but %s does not allow it here:\n' "${list##*/}"
  printf '%s\n' "$unlisted" | sed 's/^/  /'
  status=1
fi
if [[ -n $ran ]]; then
  printf '%s says skipped here, but they ran or are gone:\n' "${list##*/}"
  printf '%s\n' "$ran" | sed 's/^/  /'
  status=1
fi
exit "$status"
