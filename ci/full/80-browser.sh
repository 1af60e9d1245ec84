#!/usr/bin/env bash
# HTML reports in headless Chromium: of the published records, of the gate's, of a fresh sweep and of
# records whose texts try to be markup. Nothing on the console, no request, figures without script;
# the screenshots (light, dark, phone, print) lie in build/ci/browser to be looked at.
set -euo pipefail
# shellcheck source=ci/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../common.sh"

command -v "${CHROMIUM:-chromium}" >/dev/null || die 2 "chromium is not installed (packages.txt, tier full)"
build_preset ci joulebench
program=$(joulebench_of ci)
folder=$build_root/ci/browser
rm -rf "$folder"
mkdir -p "$folder"

sweeps=$folder/sweeps
"$program" run -q -o "$sweeps/drift" --backend crossbar --gemm 64,100,784 \
  -a age=0,3600,86400,2592000,31536000 -a calibrate=none,gdc
"$program" run -q -o "$sweeps/photons" --backend photonic --gemm 64,100,784 -a 'n_mac=[log]=1:1e6:7'
declare -A inputs=(
  [gate]=$repo_root/results/baselines/gate
  [sweeps]=$sweeps
  [hostile]=$repo_root/ci/browser/hostile.jsonl
)
for part in iso-precision iso-accuracy drift; do
  inputs[$part]=$repo_root/results/published/energy-per-op/$part
done
reports=()
for name in "${!inputs[@]}"; do
  [[ -e ${inputs[$name]} ]] || continue
  "$program" report "${inputs[$name]}" --format html -o "$folder/$name.html"
  reports+=("$folder/$name.html")
done
python3 "$repo_root/ci/browser/check_report.py" "$folder" "${reports[@]}" >&2
