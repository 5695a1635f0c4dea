#!/usr/bin/env bash
# Builds each CMake project below examples/ against the installed Whipsnake and runs its run.py (given the
# build directory). BUILD is the build directory; its venv has Whipsnake installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tools=$BUILD/venv/bin
package=$(cd / && "$tools/python" -c 'import importlib.util as u; print(*u.find_spec("whipsnake").submodule_search_locations)')

for project in examples/*/CMakeLists.txt; do
  if [[ ! -e $project ]]; then
    continue
  fi
  source=$(dirname "$project")
  out=$BUILD/$source
  "$tools/cmake" -S "$source" -B "$out" -G Ninja -DCMAKE_MAKE_PROGRAM="$tools/ninja" -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DPython_EXECUTABLE="$tools/python" -Dwhipsnake_DIR="$package/cmake" >"$BUILD/log/example.log" || {
    cat "$BUILD/log/example.log" >&2
    exit 1
  }
  "$tools/cmake" --build "$out" -- --quiet
  "$tools/python" "$source/run.py" "$out"
done
