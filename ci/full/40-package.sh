#!/usr/bin/env bash
# The Debian package, made from the release build and tried in a bare Debian 12; before it, every
# header compiled alone.
#
# Environment:
#   JOULEBENCH_DEBIAN_MIRROR  mirror for the bare system (default: the one apt uses here)
set -euo pipefail
# shellcheck source=ci/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../common.sh"

suite=bookworm
build_preset ci joulebench
say "each header alone"
cmake --build "$build_root/ci" --parallel "$jobs" --target package_headers >&2

command -v dpkg-shlibdeps >/dev/null || die 2 "dpkg-dev is not installed (packages.txt, tier full)"
packages=$build_root/ci/packages
rm -rf -- "$packages"
cpack --config "$build_root/ci/CPackConfig.cmake" -B "$packages" >&2
package=$(find "$packages" -maxdepth 1 -name 'joulebench_*.deb')
[[ -f $package ]] || die 1 "cpack left not one package in $packages"
dpkg-deb --field "$package" Package Version Architecture Depends Installed-Size

# The bare system: root only, because of chroot.
if ((EUID != 0)); then
  say "skipped: trying the package in a bare Debian 12 needs root (debootstrap, chroot)"
  exit 0
fi
if ! command -v debootstrap >/dev/null; then
  say "skipped: debootstrap is not installed (packages.txt, tier full)"
  exit 0
fi
mirror=${JOULEBENCH_DEBIAN_MIRROR:-$(apt-get indextargets --format "\$(REPO_URI)" \
  'Created-By: Packages' "Codename: $suite" 'Component: main' 2>/dev/null | head -n 1)}

folder=$(mktemp -d)
trap 'rm -rf --one-file-system -- "$folder"' EXIT
bare=$folder/root

# inside COMMAND...: runs it in the bare system; its /proc is gone with the command.
inside() {
  # shellcheck disable=SC2016  # $1 is for the inner shell
  unshare --mount -- bash -euc 'mount -t proc proc "$1/proc"; exec chroot "$@"' inside "$bare" \
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@" </dev/null
}

say "bare Debian 12"
# Without a mirror debootstrap takes its own default.
debootstrap --variant=minbase "$suite" "$bare" ${mirror:+"$mirror"} >"$packages/debootstrap.log" ||
  die 1 "debootstrap failed; see $packages/debootstrap.log"
cp -- "$package" "$bare/tmp/"
say "installing ${package##*/} there"
inside apt-get -qq update
inside apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends "/tmp/${package##*/}" \
  >"$packages/install.log" 2>&1 || die 1 "the package does not install; see $packages/install.log"

say "running it there, as a user who may write only to their own folder"
# as_user ARGUMENTS...: joulebench as a user without rights.
as_user() { inside setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/tmp/user joulebench "$@"; }
inside install -d -o nobody -g nogroup /tmp/user
as_user list backends
as_user run --backend reference,onednn,systolic,crossbar,photonic --gemm 32,32,32 --strict \
  -o /tmp/user/run
as_user validate /tmp/user/run
as_user estimate --backend crossbar --gemm 4096,4096,4096
say "removing it"
inside apt-get -qq -o Dpkg::Use-Pty=0 purge -y joulebench >"$packages/purge.log" 2>&1 ||
  die 1 "the package does not purge; see $packages/purge.log"
[[ ! -e $bare/usr/share/joulebench ]] || die 1 "purging left /usr/share/joulebench"
say "package: installs, runs and purges in a bare Debian 12"
