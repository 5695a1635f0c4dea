#!/usr/bin/env bash
# Sets up what a fresh clone needs, step by step. The Makefile calls it; it can be run by hand.
#
#   setup.sh python                 print the CPython 3.13 to use
#   setup.sh system build|test|fuzz install missing Debian packages (as root), or say which are missing
#   setup.sh venv                   make $BUILD/venv, with the build tools
#   setup.sh packages GROUP...      install extras of pyproject.toml, or complete lists (*.txt), into it
#   setup.sh install                build Whipsnake and install it into the venv, as `pip install .` does
#
# BUILD        build directory (default: build)
# PYTHON       interpreter to use, if it is a CPython 3.13
# WERROR       ON makes compiler warnings errors
# SELF_CHECKS  ON makes machine code that checks itself
# SANITIZE     sanitizers to build with, e.g. address;undefined
#
# Standard output carries results only; progress goes to standard error, the tools' chatter to $BUILD/log/.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
BUILD=${BUILD:-build}
mkdir -p "$BUILD/log"
BUILD=$(cd "$BUILD" && pwd)
venv=$BUILD/venv

say() { printf 'whipsnake: %s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# Runs a command with its output in a log file; shows the end of it if the command fails.
logged() {
  local log=$BUILD/log/$1.log
  shift
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 40 "$log" >&2
    return 1
  fi
}

# One setup at a time: calls from two shells would otherwise write the same environment.
lock() {
  if command -v flock >/dev/null; then
    exec 9>"$BUILD/.lock"
    flock 9
  fi
}

# ---- interpreter

# Prints the real path of $1 if it is a CPython 3.13 with a GIL and headers that can make venvs.
usable_python() {
  "$1" - 2>/dev/null <<'PY'
import os, sys, sysconfig
import ensurepip, venv
ok = (
    sys.implementation.name == "cpython"
    and sys.version_info[:2] == (3, 13)
    and not sysconfig.get_config_var("Py_GIL_DISABLED")
    and os.path.exists(os.path.join(sysconfig.get_path("include"), "internal", "pycore_frame.h"))
)
if not ok:
    sys.exit(1)
print(os.path.realpath(sys._base_executable))
PY
}

python_candidates() {
  if [[ -n ${PYTHON:-} ]]; then
    command -v "$PYTHON" || true
  fi
  type -aP python3.13 python3 python || true
  local pattern
  for pattern in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python3.13 \
                 "$HOME"/.local/share/uv/python/cpython-3.13*/bin/python3.13 \
                 /usr/bin/python3.13 /usr/local/bin/python3.13 /opt/*/bin/python3.13; do
    if [[ -x $pattern ]]; then
      printf '%s\n' "$pattern"
    fi
  done
}

find_python() {
  local candidate
  while IFS= read -r candidate; do
    # A pyenv shim exists for versions that are not selected, and then fails: only running one tells.
    if usable_python "$candidate"; then
      return 0
    fi
  done < <(python_candidates)
  return 1
}

require_python() {
  if find_python; then
    return 0
  fi
  if can_apt && apt_knows python3.13-dev; then
    apt_install python3.13-dev python3.13-venv
    find_python && return 0
  fi
  die "no CPython 3.13 with headers found: install one (python3.13-dev and python3.13-venv, or pyenv install 3.13)" \
      "and name it in PYTHON"
}

# ---- system packages

can_apt() { [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; }
apt_knows() { apt-cache show "$1" >/dev/null 2>&1; }
apt_get() { DEBIAN_FRONTEND=noninteractive apt-get -y -qq -o Dpkg::Use-Pty=0 "$@"; }

apt_install() {
  say "installing $* (apt-get)"
  if ! logged apt apt_get install --no-install-recommends "$@" 2>/dev/null; then
    # The package lists of a fresh image are empty or out of date.
    logged apt apt_get update || die "apt-get update failed; install these packages by hand: $*"
    logged apt apt_get install --no-install-recommends "$@" ||
      die "apt-get install failed; install these packages by hand: $*"
  fi
}

compiler() { command -v "${CXX:-}" || command -v g++ || command -v c++ || command -v clang++; }
has_header() { printf '#if !__has_include(<%s>)\n#error\n#endif\n' "$1" | "$(compiler)" -x c++ -E - >/dev/null 2>&1; }
has_library() {
  # The compiler gives the bare name back if it finds no such file.
  [[ $("$(compiler)" -print-file-name="lib$1.so") == */* || $("$(compiler)" -print-file-name="lib$1.a") == */* ]]
}

missing_packages() {
  if ! compiler >/dev/null; then
    printf '%s\n' g++
    if [[ ! -e /usr/include/xbyak/xbyak.h ]]; then
      printf '%s\n' libxbyak-dev
    fi
  elif ! has_header xbyak/xbyak.h; then
    printf '%s\n' libxbyak-dev
  fi
  if [[ $1 == test ]]; then
    if ! compiler >/dev/null || ! has_header vixl/aarch64/macro-assembler-aarch64.h || ! has_library vixl; then
      printf '%s\n' libvixl-dev
    fi
    if ! compiler >/dev/null || ! has_header gtest/gtest.h || ! has_library gtest; then
      printf '%s\n' libgtest-dev
    fi
    if ! command -v valgrind >/dev/null; then
      printf '%s\n' valgrind
    fi
  elif [[ $1 == fuzz ]] && ! compgen -G '/usr/bin/clang++-[0-9]*' >/dev/null; then
    printf '%s\n' clang-14 libclang-rt-14-dev
  fi
}

system() {
  local missing
  mapfile -t missing < <(missing_packages "$1")
  if [[ ${#missing[@]} == 0 ]]; then
    return 0
  fi
  if can_apt; then
    apt_install "${missing[@]}"
  elif [[ " ${missing[*]} " == *" g++ "* ]]; then
    die "missing system packages; please run: sudo apt-get install ${missing[*]}"
  else
    say "not installed: ${missing[*]} (to install: sudo apt-get install ${missing[*]}); CMake will fetch the sources" \
        "of libraries, and tests that need valgrind are skipped"
  fi
}

# ---- Python packages

pip() { "$venv/bin/python" -m pip --disable-pip-version-check --no-input -q "$@"; }

pip_install() {
  logged pip pip install "$@" ||
    die "pip cannot install $* (is the package index reachable? the whole output is in $BUILD/log/pip.log)"
}

make_venv() {
  local python
  python=$(require_python)
  if [[ -x $venv/bin/python && $("$venv/bin/python" -c 'import sys; print(sys._base_executable)' 2>/dev/null) != "$python" ]]; then
    rm -rf "$venv"
  fi
  if [[ ! -x $venv/bin/python ]]; then
    say "making a virtual environment with $python"
    logged venv "$python" -m venv "$venv" || die "cannot make a virtual environment with $python"
  fi
  mapfile -t requirements < <("$venv/bin/python" tools/setup/requirements.py build-system)
  # Always of our own: pyenv puts commands named cmake and ninja on PATH that fail.
  pip_install "${requirements[@]}" 'cmake>=3.25' 'ninja>=1.11'
}

packages() {
  local group requirements
  for group in "$@"; do
    say "installing Python packages: $group"
    if [[ $group == *.txt ]]; then
      pip_install --no-deps -r "$group"
    else
      mapfile -t requirements < <("$venv/bin/python" tools/setup/requirements.py "$group")
      pip_install "${requirements[@]}"
    fi
  done
}

# ---- Whipsnake itself

install_whipsnake() {
  say "building Whipsnake"
  # The command users run, in a build directory that stays, so that only what changed is compiled.
  if ! PATH=$venv/bin:$PATH pip install --no-deps --no-build-isolation --no-index --force-reinstall -v \
      -C build-dir="$BUILD/cmake" \
      -C cmake.build-type=RelWithDebInfo \
      ${WERROR:+-C cmake.define.WHIPSNAKE_WERROR="$WERROR"} \
      ${SELF_CHECKS:+-C cmake.define.WHIPSNAKE_SELF_CHECKS="$SELF_CHECKS"} \
      ${SANITIZE:+-C cmake.define.WHIPSNAKE_SANITIZE="$SANITIZE"} \
      . >"$BUILD/log/build.log" 2>&1 </dev/null; then
    grep -E -A12 'error|FAILED|CMake Error' "$BUILD/log/build.log" | head -n 80 >&2 || true
    die "the build failed; the whole output is in $BUILD/log/build.log"
  fi
}

step=${1:-}
shift || true
case $step in
  python) require_python ;;
  system) lock; system "${1:-build}" ;;
  venv) lock; make_venv ;;
  packages) lock; packages "$@" ;;
  install) lock; install_whipsnake ;;
  *) sed -n '2,15p' "$0" >&2; exit 2 ;;
esac
