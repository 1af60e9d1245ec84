#!/usr/bin/env bash
# ci/slurm_array.sh on a real Slurm of one node, started here with a configuration of its own: a suite
# over three tasks equals the suite run at once, and a task that is cancelled goes on where it ended.
# Needs root (munged and slurmd), so it says so and ends where it is not.
set -euo pipefail
# shellcheck source=ci/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../common.sh"

((EUID == 0)) || die 2 "the Slurm tier starts slurmd and munged, which need root"
for program in munged slurmctld slurmd sbatch squeue; do
  command -v "$program" >/dev/null || PATH=$PATH:/usr/sbin:/sbin
  command -v "$program" >/dev/null || die 2 "$program is missing (packages.txt, tier full)"
done
build_preset release joulebench
joulebench=$(joulebench_of release)

work=$(mktemp -d)
pids=()
stop() {
  local pid
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf -- "$work"
}
trap stop EXIT
chmod 755 "$work"
mkdir -m 700 "$work/munge" "$work/state" "$work/spool"
mkdir -m 755 "$work/socket"

# wait_until SECONDS COMMAND...: until it succeeds.
wait_until() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || return 1
    sleep 0.2
  done
}

dd if=/dev/urandom of="$work/munge/key" bs=1 count=1024 status=none
chmod 400 "$work/munge/key"
munged --foreground --force --key-file="$work/munge/key" --socket="$work/socket/munge" \
  --pid-file="$work/munge/pid" --log-file="$work/munge/log" --seed-file="$work/munge/seed" \
  >"$work/munged.log" 2>&1 &
pids+=($!)
wait_until 10 test -S "$work/socket/munge" || die 1 "munged did not start: $(cat "$work/munged.log")"

host=$(hostname -s)
export SLURM_CONF=$work/slurm.conf
cat >"$SLURM_CONF" <<CONF
ClusterName=joulebench
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$work/socket/munge
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1
MpiDefault=none
KillWait=10
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=test Nodes=$host Default=YES MaxTime=10 State=UP
CONF
slurmctld -D >"$work/ctld.out" 2>&1 &
pids+=($!)
slurmd -D >"$work/slurmd.out" 2>&1 &
pids+=($!)
wait_until 30 sh -c 'sinfo -h -o %t | grep -q idle' ||
  die 1 "the node did not come up: $(tail -n 5 "$work"/slurmctld.log "$work"/slurmd.log 2>&1)"

queue_empty() { [[ -z $(squeue -h) ]]; }

cat >"$work/suite.json" <<'SUITE'
{ "schema": "joulebench/suite/1", "name": "slurm",
  "points": [
    { "op": "gemm", "axes": { "m": [1, 8, 64], "n": "=m", "k": [64, 100], "seed": [1, 2] },
      "exclude": [{ "backend": "crossbar", "seed": 2 }],
      "targets": [{ "backend": "systolic", "device": "tpu-v1" },
                  { "backend": "crossbar", "device": "pcm-hermes" },
                  { "backend": "photonic", "device": "photonic-2025" }] } ] }
SUITE
"$joulebench" run "$work/suite.json" -o "$work/alone" --quiet
points=$(wc -l <"$work/alone/records.jsonl")
say "suite of $points points over three tasks"
"$repo_root/ci/slurm_array.sh" "$joulebench" "$work/suite.json" "$work/array" 3
wait_until 120 queue_empty || die 1 "the array did not end: $(squeue)"
cat "$work/array/merge.log" >&2
[[ $(wc -l <"$work/array/whole/records.jsonl") == "$points" ]] || die 1 "the joined run lacks points"
for shard in 0 1 2; do
  [[ $(wc -l <"$work/array/shard-$shard/records.jsonl") == $((points / 3)) ]] ||
    die 1 "shard $shard is not a third of $points points"
done
"$joulebench" validate "$work/array/whole" >&2
"$joulebench" compare "$work/alone" "$work/array/whole" --gate pin --strict >&2

say "a task that is cancelled, then resumed"
cat >"$work/long.json" <<'SUITE'
{ "schema": "joulebench/suite/1", "name": "long",
  "points": [
    { "op": "gemm", "gemm": [[512, 512, 512]], "axes": { "seed": "1:400:1" },
      "targets": [{ "backend": "crossbar", "device": "pcm-hermes" }] } ] }
SUITE
"$repo_root/ci/slurm_array.sh" "$joulebench" "$work/long.json" "$work/long" 2
begun() { [[ -s $work/long/shard-0/records.jsonl ]]; }
wait_until 60 begun || die 1 "the long array did not begin: $(squeue)"
scancel --signal=TERM --batch "$(squeue -h -o %A -n joulebench | head -n 1)" || true
scancel -n joulebench --signal=TERM --batch || true
wait_until 120 queue_empty || die 1 "the long array did not end: $(squeue)"
before=$(cat "$work"/long/shard-*/records.jsonl | wc -l)
((before < 400)) || die 1 "the array was not interrupted"
grep -q '"status": "interrupted"' "$work"/long/shard-*/run.json || die 1 "no shard says that it was interrupted"
grep -q missing "$work/long/merge.log" || die 1 "the merge does not tell the holes"
say "interrupted after $before of 400 points"
"$repo_root/ci/slurm_array.sh" "$joulebench" "$work/long.json" "$work/long" 2
wait_until 300 queue_empty || die 1 "the resumed array did not end: $(squeue)"
[[ $(wc -l <"$work/long/whole/records.jsonl") == 400 ]] || die 1 "the resumed run lacks points"
[[ $(sort -u "$work"/long/whole/records.jsonl | wc -l) == 400 ]] || die 1 "a point stands twice"
"$joulebench" validate "$work/long/whole" >&2
say "slurm: all points, none twice"
