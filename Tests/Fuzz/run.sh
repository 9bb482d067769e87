#!/bin/sh
# Fuzzes what reads the bytes of others: Tests/Fuzz/run.sh TARGET SECONDS [canary|merge]
#
# A target is a folder here: its Swift files, its Corpus, libFuzzer's Flags and Dictionary, and in Modules what is compiled for it,
# a line for each module and its files in Sources; the module `target` is compiled together with the target's own files.
# canary: the target has a planted bug; fails unless that is found, and found by fuzzing, not by the corpus.
# merge: afterwards adds to the Corpus what reached code that it does not reach yet.
set -eu
usage='usage: run.sh TARGET SECONDS [canary|merge]'
target=${1:?$usage}
seconds=${2:?$usage}
mode=${3:-}
here=$(cd "$(dirname "$0")" && pwd)
sources=$here/../../Sources
[ -f "$here/$target/Modules" ] || { echo "there is no target $target; $usage" >&2; exit 2; }
case $mode in '' | canary | merge) ;; *) echo "$usage" >&2; exit 2 ;; esac
tools=$(dirname "$(command -v "${SWIFT:-swift}" || echo /opt/swift/usr/bin/swift)")
work=$(mktemp -d /tmp/ebbfs-fuzz.XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work"

mkdir CLinux corpus
cp "$here/$target/Corpus"/* corpus/
cp "$sources/CLinux/include/CRC32C.h" CLinux/
echo 'module CLinux { header "CRC32C.h" export * }' > CLinux/module.modulemap
"$tools/clang" -O2 -c -I CLinux "$sources/CLinux/CRC32C.c" -o CRC32C.o

compile() {
  "$tools/swiftc" -O -parse-as-library -sanitize=fuzzer -swift-version 6 -strict-memory-safety -warnings-as-errors \
    -package-name ebbfs -I . -I CLinux -D "$([ "$mode" = canary ] && echo CANARY || echo FUZZING)" "$@"
}
own=''
flags=$(cat "$here/$target/Flags")
dictionary=$here/$target/Dictionary
[ ! -f "$dictionary" ] || flags="$flags -dict=$dictionary"
[ "$mode" != merge ] || flags="$flags -max_len=192"
while read -r module files; do
  paths=$(cd "$sources" && for file in $files; do echo "$PWD/$file"; done)
  # shellcheck disable=SC2086 # one word for each file
  case $module in
  target) own=$paths ;;
  *) compile -module-name "$module" -emit-module -emit-object -wmo -o "$module.o" $paths ;;
  esac
done < "$here/$target/Modules"
# shellcheck disable=SC2086 # one word for each file or flag
compile -module-name FuzzTarget -wmo -o fuzz "$here/Entry.swift" "$here/$target"/*.swift $own ./*.o

# Not Swift's backtrace: libFuzzer takes the signal, and keeps the input.
export SWIFT_BACKTRACE=enable=no
# shellcheck disable=SC2086
fuzz() { ./fuzz $flags -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 "$@" >> output 2>&1; }
statistic() { sed -n "s/^stat::$1: *//p" output | tail -1; }
summary() {
  runs=$(statistic number_of_executed_units)
  echo "$target: $1 after ${runs:-0} runs${runs:+, $(statistic average_exec_per_sec) a second}"
}

if [ "$mode" = canary ]; then
  fuzz -runs=0 corpus || { echo "$target: the corpus alone fails with the planted bug" >&2; exit 1; }
  if fuzz -max_total_time="$seconds" corpus || ! grep -q 'the canary' output; then
    tail -40 output >&2
    summary 'the planted bug was not found' >&2
    exit 1
  fi
  summary 'the planted bug was found'
  exit 0
fi
if ! fuzz -max_total_time="$seconds" corpus; then
  kept=$(mktemp -d /tmp/ebbfs-fuzz-found.XXXXXX)
  cp crash-* timeout-* oom-* output "$kept" 2>/dev/null || true
  grep -h -a -e 'Fatal error' -e '^SUMMARY' output >&2 || true
  summary 'failed' >&2
  echo "what made it fail is in $kept: copy it to $here/$target/Corpus to try it again" >&2
  exit 1
fi
summary 'nothing was found'
[ "$mode" != merge ] || fuzz -set_cover_merge=1 -use_counters=0 "$here/$target/Corpus" corpus
