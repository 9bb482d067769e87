#!/bin/sh
# Fuzzes the journal's reader: Tests/Fuzz/run.sh SECONDS [CANARY]
# With CANARY the target has a planted bug, and the script fails unless it is found.
set -eu
seconds=${1:?usage: run.sh SECONDS [CANARY]}
canary=${2:-}
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d /tmp/ebbfs-fuzz.XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work"

mkdir CLinux
cp "$root/Sources/CLinux/include/CRC32C.h" CLinux/
echo 'module CLinux { header "CRC32C.h" export * }' > CLinux/module.modulemap
clang -O2 -c -I CLinux "$root/Sources/CLinux/CRC32C.c" -o crc32c.o

# Each module as in the package, with libFuzzer's instrumentation.
compile() {
  module=$1
  shift
  swiftc -O -parse-as-library -sanitize=fuzzer -swift-version 6 -strict-memory-safety -package-name ebbfs -I . -I CLinux \
    -module-name "$module" ${canary:+-D CANARY} "$@"
}
compile FilesystemModel -emit-module -emit-object -wmo -o FilesystemModel.o "$root"/Sources/FilesystemModel/*.swift
compile JournalFormat -emit-module -emit-object -wmo -o JournalFormat.o "$root"/Sources/JournalFormat/*.swift
compile JournalReader -o JournalReader "$root"/Tests/Fuzz/JournalReader/*.swift FilesystemModel.o JournalFormat.o crc32c.o

mkdir corpus
cp "$root"/Tests/Fuzz/JournalReader/Corpus/* corpus/
status=0
./JournalReader -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 corpus || status=$?
if [ -n "$canary" ]; then
  [ "$status" -ne 0 ] || { echo "the planted bug was not found" >&2; exit 1; }
  echo "the planted bug was found"
  exit 0
fi
if [ "$status" -ne 0 ]; then
  kept=$(mktemp -d /tmp/ebbfs-fuzz-found.XXXXXX)
  cp crash-* timeout-* oom-* "$kept" 2>/dev/null || true
  echo "what made it fail is in $kept" >&2
fi
exit "$status"
