#!/usr/bin/env bash
# The C++ toolchain: Emscripten >= 4, Eigen 5, GoogleTest, CMake, Ninja and a native compiler.
#
#   tools/toolchain.sh prepare          make sure that there is one (idempotent, safe to interrupt)
#   tools/toolchain.sh run CMD ARG...   run a command with it, in the current directory
#   tools/toolchain.sh add PACKAGE...   add Debian packages to a prepared suite (used for the PyTorch fixtures)
#   tools/toolchain.sh where            say which toolchain is used and its versions
#
# An emcc on PATH that is new enough is used as it is, with Eigen 5 and GoogleTest from the system or from
# RQVAE_EIGEN_DIR and RQVAE_GTEST_DIR. Otherwise Debian's testing suite, which has all of them, is unpacked into a
# per-user cache folder and commands run inside it with chroot. The checkout is bind-mounted at its own path within a
# private mount namespace that ends with the command: no mount is left behind, and deleting the cache folder can never
# reach the checkout.
set -euo pipefail

SUITE=forky
RECIPE=1 # raise when the suite has to be made anew: it gets another folder, the old one stays for older checkouts
# A package that is added here is installed into a suite that is there already, by "prepare".
PACKAGES="emscripten libeigen3-dev googletest cmake ninja-build g++ clang-format clang-tidy cppcheck ca-certificates"
CACHE="${RQVAE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rqvae}"
ROOT="$CACHE/toolchain-$SUITE-$RECIPE"
CHECKOUT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"

say() { printf 'toolchain: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

have_local_toolchain() {
  [ "${RQVAE_TOOLCHAIN:-auto}" != suite ] || return 1
  command -v emcc >/dev/null 2>&1 || return 1
  local major
  major=$(emcc --version 2>/dev/null | sed -n '1s/.*) \([0-9][0-9]*\)\..*/\1/p')
  [ -n "$major" ] && [ "$major" -ge 4 ] || return 1
  local tool
  for tool in cmake ninja c++ clang-format; do command -v "$tool" >/dev/null || return 1; done
  local eigen="${RQVAE_EIGEN_DIR:-/usr/include/eigen3}" gtest="${RQVAE_GTEST_DIR:-/usr/src/googletest}"
  [ -f "$eigen/Eigen/Version" ] && [ -f "$gtest/CMakeLists.txt" ]
}

need_root() {
  [ "$(id -u)" = 0 ] || die "working in Debian's $SUITE suite needs root. Work as root, or put an emcc of version 4 or newer on PATH (emsdk) with Eigen 5 in RQVAE_EIGEN_DIR and GoogleTest in RQVAE_GTEST_DIR."
}

# Runs a command inside the suite at $1, in a mount namespace of its own.
inside() {
  local root="$1" here
  shift
  need_root
  # Only the checkout is visible inside; elsewhere there is nothing of this directory.
  here=$(pwd -P)
  case "$here/" in "$CHECKOUT"/*) ;; *) here=/ ;; esac
  mkdir -p "$root$CHECKOUT"
  RQVAE_INSIDE_ROOT="$root" RQVAE_INSIDE_CHECKOUT="$CHECKOUT" RQVAE_INSIDE_PWD="$here" \
    unshare --mount --propagation private bash -euc '
      mount -t proc proc "$RQVAE_INSIDE_ROOT/proc"
      mount --rbind /dev "$RQVAE_INSIDE_ROOT/dev"
      mount --bind "$RQVAE_INSIDE_CHECKOUT" "$RQVAE_INSIDE_ROOT$RQVAE_INSIDE_CHECKOUT"
      exec chroot "$RQVAE_INSIDE_ROOT" /usr/bin/env -i HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8 \
        PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin EM_CACHE=/var/cache/emscripten DEBIAN_FRONTEND=noninteractive \
        CI="${CI:-}" \
        bash -c '"'"'if [ "$1" != / ]; then cd "$1"; fi; shift; exec "$@"'"'"' inside "$RQVAE_INSIDE_PWD" "$@"
    ' inside "$@"
}

# Packages of this list that the suite has not got. Its file .ready names the ones that it was made with or given later.
missing_packages() {
  local package
  for package in $PACKAGES; do
    case " $(tr '\n' ' ' <"$ROOT/.ready") " in *" $package "*) ;; *) printf '%s ' "$package" ;; esac
  done
}

# Brings a suite that an older checkout made up to PACKAGES. Without a network the suite stays as it is: what it builds, it
# still builds, and tests skip a check whose program is missing.
extend_suite() {
  local missing
  [ -n "$(missing_packages)" ] || return 0
  need_root
  exec 9>"$CACHE/.lock"
  flock 9
  missing=$(missing_packages)
  if [ -n "$missing" ]; then
    say "installing ${missing}(once)"
    # shellcheck disable=SC2086
    if install_packages "$ROOT" $missing >"$CACHE/prepare.log" 2>&1; then
      printf '%s\n' $missing >>"$ROOT/.ready"
    else
      say "could not install ${missing% }; the end of $CACHE/prepare.log: $(tail -n 2 "$CACHE/prepare.log")"
    fi
  fi
  exec 9>&-
}

# Installs packages into the suite at $1.
install_packages() {
  local root="$1"
  shift
  inside "$root" dpkg --configure -a # what an interrupted run left
  # The lists that came with the suite first: a suite in development moves on, and its lists expire.
  inside "$root" apt-get install -y -q --no-install-recommends "$@" ||
    { inside "$root" apt-get update -q && inside "$root" apt-get install -y -q --no-install-recommends "$@"; }
}

prepare_suite() {
  [ -f "$ROOT/.ready" ] && return
  need_root
  command -v unshare >/dev/null || die "the command 'unshare' (package util-linux) is missing"
  mkdir -p "$CACHE"
  exec 9>"$CACHE/.lock"
  flock 9 # two clones may start at once: the second waits and finds the first one's work
  [ -f "$ROOT/.ready" ] && { exec 9>&-; return; }
  rm -rf --one-file-system "$ROOT" "$CACHE"/.staging-* # what an interrupted run left
  if ! command -v debootstrap >/dev/null; then
    say "installing debootstrap"
    apt-get install -y -q --no-install-recommends debootstrap >/dev/null 2>&1 ||
      { apt-get update -q >/dev/null && apt-get install -y -q --no-install-recommends debootstrap >/dev/null; } ||
      die "could not install debootstrap"
  fi
  local staging="$CACHE/.staging-$$" log="$CACHE/prepare.log" mirror script=sid
  # The mirror that this machine's apt uses, so that a local mirror or proxy serves here too.
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -E '/debian/?$' | head -n 1 || true)
  [ -e "/usr/share/debootstrap/scripts/$SUITE" ] && script=$SUITE
  say "unpacking Debian $SUITE into the cache folder (once; about a minute; log: $log)"
  # debootstrap mounts /proc in its target: in a namespace of its own, so that nothing stays mounted when interrupted.
  # Signatures are checked with the machine's Debian keyring.
  unshare --mount --propagation private \
    debootstrap --variant=minbase "$SUITE" "$staging" ${mirror:+"$mirror"} "/usr/share/debootstrap/scripts/$script" >"$log" 2>&1 ||
    die "debootstrap failed; the end of $log: $(tail -n 5 "$log")"
  cp /etc/resolv.conf "$staging/etc/resolv.conf" 2>/dev/null || true
  cp /etc/hosts "$staging/etc/hosts" 2>/dev/null || true
  cp /etc/apt/apt.conf.d/*proxy* "$staging/etc/apt/apt.conf.d/" 2>/dev/null || true
  say "installing $PACKAGES (once; about a minute)"
  # shellcheck disable=SC2086
  inside "$staging" apt-get install -y -q --no-install-recommends $PACKAGES >>"$log" 2>&1 ||
    die "apt-get failed in the suite; the end of $log: $(tail -n 5 "$log")"
  inside "$staging" apt-get clean
  # shellcheck disable=SC2086
  printf '%s\n' $PACKAGES >"$staging/.ready"
  mv "$staging" "$ROOT" # the one step that makes it visible
  exec 9>&-
}

case "${1:-}" in
  prepare)
    have_local_toolchain && exit
    prepare_suite
    extend_suite
    ;;
  run)
    shift
    if have_local_toolchain; then exec "$@"; fi
    prepare_suite
    inside "$ROOT" "$@"
    ;;
  add)
    shift
    have_local_toolchain && die "the toolchain on PATH is used: install $* yourself, or set RQVAE_TOOLCHAIN=suite"
    prepare_suite
    inside "$ROOT" dpkg -s "$@" >/dev/null 2>&1 && exit
    say "installing $*"
    install_packages "$ROOT" "$@"
    ;;
  where)
    if have_local_toolchain; then echo "on PATH: $(emcc --version | head -n 1)"; else prepare_suite; echo "suite: $ROOT"; inside "$ROOT" emcc --version | head -n 1; fi
    ;;
  *)
    sed -n '2,/^set -/p' "$0" | sed '$d; s/^# \{0,1\}//'
    exit 2
    ;;
esac
