#!/usr/bin/env bash
# Packs what a machine with an NVIDIA GPU and without network needs to build and measure:
#   ci/pack_gpu.sh [OUT.tar.gz]          default: joulebench-gpu.tar.gz
# The archive holds the committed sources, the libraries' packages as far as apt-get can download
# them, and run.sh. The GPU machine needs its own CUDA toolkit 12 or later, CMake 3.22 or later, a
# C++20 compiler, make or ninja, and a driver; compute-sanitizer is used when it is there.
# On that machine:  tar xzf joulebench-gpu.tar.gz && joulebench-gpu/run.sh
# What comes back:  joulebench-gpu/results.tar.gz (test report, sanitizer logs, records)
set -euo pipefail
# shellcheck source=ci/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

case ${1:-} in
  -h | --help) echo "usage: ci/pack_gpu.sh [OUT.tar.gz]" && exit 0 ;;
  -*) die 2 "unknown flag '$1'; see --help" ;;
esac
(($# <= 1)) || die 2 "usage: ci/pack_gpu.sh [OUT.tar.gz]"
out=$(realpath -m -- "${1:-joulebench-gpu.tar.gz}")
mkdir -p -- "$(dirname -- "$out")" || die 2 "cannot make the folder of '$out'"

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
top=$work/joulebench-gpu
mkdir -p "$top/debs"

[[ -z $(git -C "$repo_root" status --porcelain) ]] ||
  say "the tree has uncommitted changes; only what is committed is packed"
git -C "$repo_root" archive --format=tar.gz --prefix=source/ -o "$top/source.tar.gz" HEAD
git -C "$repo_root" rev-parse HEAD >"$top/COMMIT"

# libraries: the -dev packages of the build and the shared libraries they point to; compilers and
# tools belong to the machine, as does zlib, whose package points to an absolute path; oneDNN is left
# out (the CPU is not what is measured there).
libraries() {
  local package
  for package in $(packages_of build); do
    [[ $package == *-dev && $package != libdnnl-dev && $package != zlib1g-dev ]] || continue
    printf '%s\n' "$package"
    apt-cache depends --important "$package" |
      awk '$1 == "Depends:" && $2 ~ /^(lib|googletest)/ && $2 !~ /^libc6/ { print $2 }'
  done | sort -u
}
missing=()
names=$(libraries)
for package in $names; do
  (cd "$top/debs" && apt-get download "$package" >/dev/null 2>&1) || missing+=("$package")
done
((${#missing[@]} == 0)) ||
  say "could not download ${missing[*]}; the GPU machine must have them installed"

cat >"$top/run.sh" <<'RUN'
#!/usr/bin/env bash
# Builds joulebench with CUDA, tests it on the GPU and writes results.tar.gz beside this script.
#   JOULEBENCH_TEST_DATA=DIR  folder with MNIST, for the tests that need it
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
here=$PWD
results=$here/results
mkdir -p source prefix "$results"
tar xzf source.tar.gz
# The packages are unpacked beside this script and not installed.
for deb in debs/*.deb; do
  if [[ -e $deb ]]; then dpkg-deb -x "$deb" prefix; fi
done
shared=$here/prefix/usr/lib/x86_64-linux-gnu
export LD_LIBRARY_PATH=$shared${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}

{ cat COMMIT; nvidia-smi || true; nvcc --version || true; } >"$results/machine.txt" 2>&1
cmake -S source -B build -DCMAKE_BUILD_TYPE=Release -DJOULEBENCH_CUDA=ON -DJOULEBENCH_ONEDNN=OFF \
  -DCMAKE_PREFIX_PATH="$here/prefix/usr;$shared" -DCMAKE_BUILD_RPATH="$shared"
cmake --build build --parallel "$(nproc)"

status=0
echo "== tests"
ctest --test-dir build -R '[Cc]ublas|^conformance/' --output-on-failure --no-tests=error \
  --output-junit "$results/tests.xml" || status=1
if grep -q '<skipped' "$results/tests.xml"; then
  echo "some tests were skipped: see $results/tests.xml" >&2
  status=1
fi

device_test=build/tests/unit_cublas_device_test
if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck synccheck; do
    echo "== compute-sanitizer $tool"
    # One test asks for more memory than there is: an error of the API that is meant.
    compute-sanitizer --tool "$tool" --report-api-errors no --error-exitcode 1 "$device_test" \
      >"$results/$tool.txt" 2>&1 || { tail -n 20 "$results/$tool.txt" && status=1; }
  done
else
  echo "compute-sanitizer is not installed: not run" | tee "$results/memcheck.txt" >&2
fi

echo "== suite"
joulebench=build/harness/joulebench
# measure FOLDER FLAGS...: one run; what a GPU does not have (f8 before Hopper) says so in its record.
measure() {
  local folder=$1 code=0
  shift
  "$joulebench" run "$@" -o "$results/$folder" || code=$?
  ((code == 0)) || { echo "$folder: exit status $code" >&2 && status=1; }
}
measure default
for precision in f32 tf32 f16 bf16 f8e4m3 s8; do
  for n in 1024 2048 4096 8192; do
    measure "gemm-$n-$precision" --backend cublas --precision "$precision" --gemm "$n,$n,$n"
  done
  measure "mlp-$precision" --backend cublas --precision "$precision" \
    --network mlp-784-1000-1000-10 --batch 1000
done
"$joulebench" validate "$results"/*/ || status=1

tar czf results.tar.gz results
echo "results.tar.gz written; exit status $status"
exit "$status"
RUN
chmod +x "$top/run.sh"
tar czf "$out" -C "$work" joulebench-gpu
say "$out: $(du -h "$out" | cut -f 1), $(find "$top/debs" -name '*.deb' | wc -l) packages"
