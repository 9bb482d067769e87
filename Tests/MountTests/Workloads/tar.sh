# tar in and out with hard links, symlinks, fifos, devices, owners, times, extended attributes and ACLs.
mkdir "$SCRATCH/tree"
( cd "$SCRATCH/tree"
  mkdir -p d/e
  for i in $(seq 80); do seq "$i" > "d/$i"; done
  ln d/1 d/e/hard; ln -s ../1 d/e/soft; mkfifo d/pipe; mknod d/null c 1 3; mknod d/disk b 7 99
  chmod 6755 d/2; chmod 1777 d/e; chown 100:200 d/3; chown -h 5:6 d/e/soft
  touch -d '2010-10-10 10:10:10.101010101' d/4 d/e
  setfattr -n user.x -v y d/5; setfacl -m u:99:rwx d/6
  truncate -s 3M d/sparse; echo end >> d/sparse
  chmod 555 d/e; chmod 000 d/7
  find . -newermt 2020-01-01 -exec touch -h -d '2020-02-02 02:02:02.020202' {} + )
tar -C "$SCRATCH/tree" --format=pax --xattrs --acls -cSf "$SCRATCH/in.tar" d
tar --xattrs --acls --xattrs-include='*' --same-owner -xpf "$SCRATCH/in.tar"
tar --diff -f "$SCRATCH/in.tar" && echo identical
stat -c '%a %u:%g %h %s %y %n' d/1 d/2 d/3 d/4 d/6 d/7 d/e d/e/hard d/pipe d/null d/disk
tar --format=pax --xattrs --acls --sort=name -cSf "$SCRATCH/out.tar" d
mkdir "$SCRATCH/back"
tar -C "$SCRATCH/back" --xattrs --acls --xattrs-include='*' -xpf "$SCRATCH/out.tar"
diff -r --no-dereference "$SCRATCH/tree/d/e" "$SCRATCH/back/d/e" && echo round
# Again over what is there.
tar -xpf "$SCRATCH/in.tar" && tar --overwrite -xpf "$SCRATCH/in.tar" && echo again
tar --diff -f "$SCRATCH/in.tar" 2>&1 | sort
chmod 755 d/e
