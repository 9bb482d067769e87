#!/bin/sh
# Records a golden journal with a release's own binary, once per version of the format: `record.sh EBBFS VERSION` (as root).
#
# VERSION.tar.gz has the disk's backing directory and the state directory as `kill -9` left them, VERSION.manifest what the mount
# showed right before. The journal names the disk by its UUID and the backing directory by its path: the test makes both again.
set -eu
ebbfs=$1 version=$2
golden=$(cd "$(dirname "$0")" && pwd)
place=/tmp/ebbfs-golden
work=$(mktemp -d)
mkdir "$place" "$work/mount"
trap 'umount -l "$work/mount" 2>/dev/null || true; umount "$place"; rmdir "$place"; rm -rf --one-file-system "$work"' EXIT
truncate -s 64M "$work/disk"
mkfs.ext4 -q -m 0 -U ebbf5000-0000-4000-8000-000000000001 "$work/disk"
mount -o loop "$work/disk" "$place"
rmdir "$place/lost+found"

cd "$work/mount"
mkdir -p "$place/old/sub"
for i in $(seq 20); do seq "$i" 500 >"$place/old/$i"; done
echo x >"$place/old/sub/x"
"$ebbfs" "$place" "$work/mount" -o "state=$work/state,journal_size=32M,writeback_delay=1m,writeback_deadline=2m"
cd "$work/mount"
# What is written back leaves a checkpoint and bindings; then one of every change waits.
mkdir earlier
echo first >earlier/file
cd /
"$ebbfs" flush "$work/mount"
(cd "$work/mount" && echo second >>earlier/file && mv earlier later && sh "$golden/../Workloads/every-change.sh")
python3 "$golden/../Workloads/manifest.py" --times "$work/mount" >"$golden/version-$version.manifest"
kill -9 "$(cat "$work/state/lock")"
while ! mount | grep -q "$work/mount" || ls "$work/mount" >/dev/null 2>&1; do sleep 0.1; done
umount -l "$work/mount"
rm -f "$work/state/messages" "$work/state/control"
tar -C "$work" --sparse --xattrs --xattrs-include='*' --acls -czf "$golden/version-$version.tar.gz" state -C /tmp ebbfs-golden
ls -l "$golden"
