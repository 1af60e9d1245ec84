#!/usr/bin/env bash
# Compares the modelled numbers of a small fixed suite with the baseline in the repository:
#   ci/gate.sh [--preset NAME] [--update]
# Without --update: exit 1 when a number moved while model, preset and table versions did not.
# With --update: prints the difference and rewrites results/baselines/gate/records.jsonl.
set -euo pipefail
# shellcheck source=ci/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

preset=release
update=false
while (($# > 0)); do
  case $1 in
    -h | --help) echo "usage: ci/gate.sh [--preset NAME] [--update]" && exit 0 ;;
    --preset)
      (($# > 1)) || die 2 "--preset needs a name"
      preset=$2
      shift
      ;;
    --update) update=true ;;
    *) die 2 "unknown argument '$1'; see --help" ;;
  esac
  shift
done

suite=$repo_root/harness/suites/gate.json
baseline=$repo_root/results/baselines/gate
[[ -f $suite ]] || die 2 "the suite harness/suites/gate.json is missing"
install_packages build
build_preset "$preset" joulebench
program=$(joulebench_of "$preset")

fresh=$(mktemp -d)
trap 'rm -rf -- "$fresh"' EXIT
"$program" run "$suite" -o "$fresh/run" --quiet >&2 </dev/null
[[ -s $fresh/run/records.jsonl ]] || die 1 "the suite wrote no records"

if ! $update; then
  [[ -s $baseline/records.jsonl ]] ||
    die 2 "no baseline yet; make one with ci/gate.sh --update and commit it"
  status=0
  "$program" compare "$baseline" "$fresh/run" --gate pin || status=$?
  ((status != 1)) || say "gate: modelled numbers moved or points are gone; if that is meant, raise" \
    "the version of the model, preset or table, then ci/gate.sh --update and commit"
  exit "$status"
fi

if [[ -s $baseline/records.jsonl ]]; then
  # An old baseline that cannot be read or compared is no reason to keep it.
  "$program" compare "$baseline" "$fresh/run" --gate none ||
    say "the old baseline could not be compared; replacing it"
else
  say "no baseline before this one"
fi
mkdir -p "$baseline"
cp -- "$fresh/run/records.jsonl" "$baseline/records.jsonl.new"
mv -- "$baseline/records.jsonl.new" "$baseline/records.jsonl"
say "wrote results/baselines/gate/records.jsonl ($(wc -l <"$baseline/records.jsonl") records)"
