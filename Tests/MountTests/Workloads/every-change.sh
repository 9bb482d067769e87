# One of every change, on files that were there and on new ones.
set -e
echo new > created; mkdir -p made/deep/er; ln -s target soft; mkfifo pipe; mknod device c 1 3
ln old/1 hard; ln old/2 made/hard; mv old/3 moved; mv old/4 old/5; mv old/sub made/deep/
rm old/6; rmdir made/deep/er; mv old newname; mkdir old; mv newname/7 old/7
printf more >> newname/8; truncate -s 10 newname/9; truncate -s 100000 newname/10
printf middle | dd of=newname/11 bs=1 seek=100 conv=notrunc status=none
fallocate -p -o 10 -l 200 newname/12; fallocate -l 50000 newname/13; fallocate -z -o 5 -l 50 newname/14
chmod 4710 newname/15; chown 12:34 newname/16; touch -d '2001-01-01 01:01:01.01' newname/17
setfattr -n user.a -v b newname/18; setfattr -n user.c -v d created; setfattr -x user.c created
setfacl -m u:9:rw newname/19; setfacl -d -m g:9:rx made; mkdir made/inherits; echo x > made/inherits/f
echo version1 > doc; echo version2 > doc.tmp; mv doc.tmp doc
mkdir temporary; for i in 1 2 3; do echo "$i" > temporary/$i; done; rm -r temporary
mv --exchange created moved 2> /dev/null || { mv created t; mv moved created; mv t moved; }
touch -h -d '2002-02-02 02:02:02.02' soft; chown -h 5:6 soft
head -c 3000000 /dev/zero > large; printf end >> large; cp --sparse=always large sparse
touch -d '2003-03-03 03:03:03.03' made old newname
