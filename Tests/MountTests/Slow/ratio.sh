#!/bin/sh
# How much faster small files are made through ebbfs than directly, with a backing directory whose every operation takes 20 ms:
# `ratio.sh EBBFS [COUNT]`. As root; prints both times and the ratio.
set -eu
ebbfs=$1
count=${2:-1000}
here=$(cd "$(dirname "$0")" && pwd)
base=$(mktemp -d /tmp/ebbfs-ratio-XXXXXX)
clean_up() {
  umount -l "$base/mount" 2>/dev/null || true
  umount -l "$base/slow" 2>/dev/null || true
  rm -rf --one-file-system "$base"
}
trap clean_up EXIT
mkdir "$base/source" "$base/slow" "$base/mount" "$base/control"
echo 20 > "$base/control/delay"
/usr/bin/python3 "$here/slowfs.py" "$base/source" "$base/slow" "$base/control" &
for _ in $(seq 100); do mountpoint -q "$base/slow" && break; sleep 0.1; done
"$ebbfs" "$base/slow" "$base/mount" -o "state=$base/state"

seconds() {
  start=$(date +%s.%N)
  sh "$here/small-files.sh" "$1" "$count"
  echo "$(date +%s.%N) $start" | awk '{ printf "%.3f", $1 - $2 }'
}
through=$(seconds "$base/mount/through")
echo "through ebbfs: $through s for $count files"
start=$(date +%s.%N)
"$ebbfs" flush "$base/mount"
echo "$(date +%s.%N) $start" | awk '{ printf "written back:  %.3f s more\n", $1 - $2 }'
direct=$(seconds "$base/slow/direct")
echo "directly:      $direct s"
echo "$direct $through" | awk '{ printf "ratio:         %.0f\n", $1 / $2 }'
diff -r "$base/source/through" "$base/source/direct" && echo "both are equal in the backing directory"
"$ebbfs" unmount "$base/mount"
