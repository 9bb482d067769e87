# rsync with hard links, ACLs and extended attributes: in, changed, deleted, and out again.
mkdir "$SCRATCH/source"
cd "$SCRATCH/source"
mkdir -p a/b/c empty
for i in $(seq 100); do head -c $((i * 331)) /dev/zero | tr '\0' "$(printf '\\%o' $((65 + i % 26)))" > "a/file$i"; done
ln a/file1 a/b/hard
ln -s ../file2 a/b/soft
ln -s nowhere dangling
mkfifo a/pipe
mknod a/null c 1 3
touch -d '2001-02-03 04:05:06.789' a/file3
touch -h -d '2001-02-03 04:05:06.789' dangling
chmod 4751 a/file4
chmod 700 a/b/c
chown 12:34 a/file5
setfattr -n user.colour -v blue a/file6
setfacl -m u:1234:rw,g:5678:r a/file7
setfacl -d -m u:1234:rwx a/b
truncate -s 5M a/sparse
printf end >> a/sparse
cd "$OLDPWD"
rsync -aHAXS "$SCRATCH/source/" in/
rsync -anciHAXS --delete "$SCRATCH/source/" in/
printf changed >> "$SCRATCH/source/a/file10"
rm "$SCRATCH/source/a/file11"
mv "$SCRATCH/source/a/file12" "$SCRATCH/source/a/b/c/"
rsync -aHAXS --delete "$SCRATCH/source/" in/
rsync -anciHAXS --delete "$SCRATCH/source/" in/
rsync -aHAXS --inplace --no-whole-file "$SCRATCH/source/" in/
rsync -aHAXS in/ "$SCRATCH/out/"
rsync -anciHAXS --delete "$SCRATCH/source/" "$SCRATCH/out/"
rsync -a --link-dest=../in in/ linked/ && stat -c '%h %n' linked/a/file20
