#!/bin/sh
# Runs the file system stressors of Debian's stress-ng with verification on a mount: `stress.sh EBBFS [SECONDS [STRESSOR...]]`.
#
# As root; installs stress-ng if it is missing. Prints each stressor that fails on the mount, and whether it fails on the root
# file system too; at the end the backing directory must equal what the mount shows.
set -eu
ebbfs=$1
seconds=${2:-5}
[ $# -le 2 ] && set -- || shift 2
# xfstests, LTP and pjdfstest are not packaged for Debian 12; this is the largest suite that is.
command -v stress-ng > /dev/null || apt-get install -y -q --no-install-recommends stress-ng > /dev/null
[ $# -gt 0 ] || set -- access acl chdir chmod chown copy-file dentry dir dirdeep dirmany dup eventfd fallocate fault fcntl \
  file-ioctl filename flock fpunch fstat getdent handle hdd inotify io iomix link locka lockf lockofd mknod mmap mmapfixed open \
  readahead rename revio seek sendfile splice symlink sync-file touch truncate unlink utime xattr
here=$(cd "$(dirname "$0")" && pwd)
base=$(mktemp -d /tmp/ebbfs-stress-XXXXXX)
clean_up() {
  cd /
  umount -l "$base/mount" 2> /dev/null || true
  rm -rf --one-file-system "$base"
}
trap clean_up EXIT
mkdir "$base/backing" "$base/mount" "$base/plain"
"$ebbfs" "$base/backing" "$base/mount" -o "state=$base/state,writeback_delay=500ms"

stress() {
  # In a directory of its own, as stressors leave things behind when they fail.
  mkdir -p "$2/$1"
  timeout -s KILL $((seconds * 4 + 60)) stress-ng --"$1" 2 --timeout "$seconds" --verify --temp-path "$2/$1" > "$base/log" 2>&1
}
passed=0
failed=0
for stressor; do
  if stress "$stressor" "$base/mount"; then
    passed=$((passed + 1))
  else
    status=$?
    failed=$((failed + 1))
    grep -E 'fail|error' "$base/log" | head -n 5 | sed "s/^/  /" > "$base/reasons" || true
    if stress "$stressor" "$base/plain"; then where="not on the root file system"; else where="there too"; fi
    echo "FAILED $stressor, status $status, $where"
    cat "$base/reasons"
  fi
done
echo "$passed stressors passed, $failed failed"
manifest() { /usr/bin/python3 "$here/../Workloads/manifest.py" "$1"; }
manifest "$base/mount" > "$base/shown"
"$ebbfs" unmount "$base/mount"
manifest "$base/backing" > "$base/written"
cmp "$base/shown" "$base/written" && echo "the backing directory equals the mount ($(wc -l < "$base/shown") names)"
