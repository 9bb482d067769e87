# cp with everything: attributes, hard links, holes; dd with every way of writing; >> from several processes.
mkdir src; seq 60000 > src/data
seq 50000 > src/numbers
ln src/numbers src/again
ln -s numbers src/soft
chmod 2750 src/numbers
touch -d '1999-12-31 23:59:59.5' src/numbers
setfattr -n user.note -v kept src/numbers
truncate -s 20M src/sparse
printf middle | dd of=src/sparse bs=1 seek=10000000 conv=notrunc status=none
cp -a src copy
stat -c '%a %h %Y %y %s' copy/numbers copy/again
getfattr --only-values -n user.note copy/numbers; echo
cp --sparse=always src/sparse always; cp --sparse=never src/numbers never; cp --reflink=auto src/sparse auto
cmp src/sparse always && cmp src/sparse auto && cmp src/numbers never && echo same
[ $(($(stat -c %b always) * 512)) -lt 2000000 ] && echo sparse
cp -al src linked; stat -c %h linked/data
cp -u src/numbers copy/numbers; cp -b src/soft copy/data; ls copy
diff -r src linked && echo equal
for flag in direct sync dsync nonblock; do
  dd if=src/numbers of="dd.$flag" bs=4096 oflag="$flag" status=none 2>&1 || dd if=src/numbers of="dd.$flag" bs=4096 status=none
  cmp src/numbers "dd.$flag" && echo "$flag"
done
dd if=src/numbers of=dd.fsync bs=777 conv=fsync status=none
dd if=src/numbers of=dd.seek bs=1000 seek=5 skip=3 count=7 conv=notrunc status=none
dd if=dd.seek of=dd.back iflag=direct bs=4096 status=none; cmp dd.seek dd.back && echo back
for p in 1 2 3 4; do ( for i in $(seq 50); do echo "$p $i" >> log; done ) & done
wait
sort -k1,1n -k2,2n log | md5sum; wc -l < log; rm log
: > log; for i in 1 2 3; do echo "$i" >> log; done; cat log
truncate -s 2 log; echo x >> log; od -c log
split -b 10000 -d src/numbers part.; cat part.* | cmp - src/numbers && echo joined
tee teed < src/numbers | md5sum
shred -u -n 1 never
