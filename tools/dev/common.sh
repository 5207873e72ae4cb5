# Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Shared by the scripts of this folder; sourced, never run. Every script prints one line per step on stderr and
# keeps the chatter of the tools it calls in build/log/, shown only when the step fails.

fathom_root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
fathom_log_dir=$fathom_root/build/log
fathom_start=$(date +%s)

# say MESSAGE...: a line for the reader, with the seconds since the script began.
say() {
  printf '[%4ds] %s\n' "$(($(date +%s) - fathom_start))" "$*" >&2
}

# fail MESSAGE...: ends the script with status 1.
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# step NAME TITLE COMMAND...: runs COMMAND with its output in build/log/NAME.log. On failure shows the errors it
# holds and its end, and ends the script with the command's status.
step() {
  step_log=$fathom_log_dir/$1.log
  step_title=$2
  shift 2
  mkdir -p "$fathom_log_dir"
  say "$step_title"
  step_status=0
  "$@" >"$step_log" 2>&1 </dev/null || step_status=$?
  if [ "$step_status" -ne 0 ]; then
    printf 'error: %s failed with status %s; the end of %s:\n' "$step_title" "$step_status" "$step_log" >&2
    grep -nE '(^|[^-[:alpha:]])(error|Error|FAILED):' "$step_log" | head -n 20 >&2 || true
    echo '---' >&2
    tail -n 40 "$step_log" >&2
    exit "$step_status"
  fi
}

# build_preset PRESET TARGET...: configures build/PRESET and builds the targets (all of them when none is named).
build_preset() {
  preset=$1
  shift
  cd "$fathom_root" || exit
  # A build folder of a tree that has moved holds paths that no longer exist; CMake refuses it.
  cache=build/$preset/CMakeCache.txt
  if [ -f "$cache" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$fathom_root" "$cache"; then
    say "remove build/$preset: it belongs to another folder"
    rm -rf "build/$preset"
  fi
  step "configure-$preset" "configure ($preset)" cmake --preset "$preset"
  if [ $# -gt 0 ]; then
    step "build-$preset" "build ($preset: $*)" cmake --build --preset "$preset" --target "$@"
  else
    step "build-$preset" "build ($preset)" cmake --build --preset "$preset"
  fi
}
