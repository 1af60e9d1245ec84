#!/usr/bin/env bash
# Runs a suite as a Slurm job array, a shard a task, then joins the shards:
#   ci/slurm_array.sh PROGRAM SUITE DIR [TASKS] [SBATCH OPTION...]
# PROGRAM is joulebench, DIR a folder that all nodes see; TASKS is 4 by default. DIR/shard-N are the
# shards, DIR/whole the joined run. Started again over an interrupted DIR it resumes every shard. A
# task that is cancelled (time limit, preemption) ends cleanly: the next start goes on from there.
set -euo pipefail

if [[ ${1:-} == --task ]]; then
  # One task of the array.
  program=$2
  suite=$3
  folder=$4/shard-$SLURM_ARRAY_TASK_ID
  # A folder without run.json is of a task that ended before it began.
  if [[ -s $folder/run.json ]]; then
    exec "$program" run "$suite" --shard auto --resume "$folder" --quiet
  fi
  exec "$program" run "$suite" --shard auto -o "$folder" --quiet
fi
if [[ ${1:-} == --merge ]]; then
  program=$2
  folder=$3
  tasks=$4
  shards=()
  for ((task = 0; task < tasks; ++task)); do
    # A suite with fewer points than tasks leaves shards without records.
    [[ ! -s $folder/shard-$task/records.jsonl ]] || shards+=("$folder/shard-$task")
  done
  exec "$program" merge "${shards[@]}" -o "$folder/whole" --force
fi

if (($# < 3)); then
  sed -n '2,7s/^# \{0,1\}//p' "$0"
  exit 2
fi
program=$(realpath -- "$1")
suite=$2
[[ $suite != *.json ]] || suite=$(realpath -- "$suite")
mkdir -p -- "$3"
folder=$(realpath -- "$3")
tasks=${4:-4}
[[ $tasks =~ ^[1-9][0-9]*$ ]] || {
  echo "slurm_array.sh: TASKS is '$tasks'; give a whole number from 1 up" >&2
  exit 2
}
shift $(($# < 4 ? 3 : 4))
self=$(realpath -- "$0")

# SIGTERM half a minute before the limit: time to finish a point and the journal.
array=$(sbatch --parsable --array="0-$((tasks - 1))" --signal=B:TERM@30 --job-name=joulebench \
  --output="$folder/shard-%a.log" "$@" --wrap \
  "exec $(printf '%q ' "$self" --task "$program" "$suite" "$folder")")
# Also after tasks that failed: the merge tells what is missing.
merge=$(sbatch --parsable --dependency="afterany:$array" --job-name=joulebench-merge \
  --output="$folder/merge.log" "$@" --wrap \
  "exec $(printf '%q ' "$self" --merge "$program" "$folder" "$tasks")")
echo "array $array, merge $merge; the joined run will be $folder/whole, its report $folder/merge.log"
