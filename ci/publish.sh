#!/usr/bin/env bash
# Makes results/published/energy-per-op again: runs its suites, renders the tables from the new
# records and puts the summary into README. A few minutes on two cores.
#
#   ci/publish.sh            runs and renders
#   ci/publish.sh --tables   renders only, from the records that are there
set -euo pipefail
# shellcheck source=ci/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

only_tables=false
for argument in "$@"; do
  case $argument in
    -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0" && exit 0 ;;
    --tables) only_tables=true ;;
    *) die 2 "unknown argument '$argument'; see --help" ;;
  esac
done

published=results/published/energy-per-op
cd "$repo_root"
if [[ -n ${JOULEBENCH_PROGRAM:-} ]]; then
  program=$JOULEBENCH_PROGRAM
else
  build_preset release joulebench
  program=$(joulebench_of release)
fi
# run.json keeps the command: no path of this machine in it.
program=$(realpath --relative-to=. "$program")

if ! $only_tables; then
  scratch=$build_root/publish
  rm -rf "$scratch"
  mkdir -p "$scratch"
  for part in iso-precision iso-accuracy drift; do
    say "running $part"
    JOULEBENCH_COMMIT=$(git rev-parse HEAD 2>/dev/null || true) \
      "$program" run "$published/$part.json" -q -o "$(realpath --relative-to=. "$scratch")/$part" ||
      (($? == 3)) || die 1 "the run of $part failed"
    mkdir -p "$published/$part"
    cp "$scratch/$part/records.jsonl" "$scratch/$part/run.json" "$published/$part/"
  done
fi

# Each line of tables.txt: a file and the arguments of `joulebench report` that make it.
while read -r file arguments; do
  [[ -n $file && $file != \#* ]] || continue
  # shellcheck disable=SC2086  # arguments are words
  (cd "$published" && "$repo_root/$program" report $arguments -o "$file" --force)
  say "made $published/$file"
done <"$published/tables.txt"

# README: what stands between the two markers is the summary.
awk -v table="$published/summary.md" '
  $0 == "<!-- published table -->" {
    print
    inside = !inside
    if (inside) { while ((getline line < table) > 0) print line }
    next
  }
  !inside { print }' README.md >README.md.new
mv README.md.new README.md
say "README and $published are up to date"
