# find in a tree that changes under it, with every kind of test.
mkdir -p tree/one/two/three tree/empty
for i in $(seq 300); do : > "tree/one/f$i.txt"; done
for i in $(seq 50); do echo "$i" > "tree/one/two/g$i.log"; done
ln -s ../one tree/link
find tree -type f | wc -l
find tree -type d | sort
find tree -name '*.txt' -size 0 | wc -l
find tree -empty | wc -l
find tree -newer tree/one/f1.txt -name '*.log' | wc -l
find -L tree -name 'g7.log' | sort
find tree -links +2 -type d | sort
find tree -name '*1*.txt' -exec sh -c 'echo x > "$1"' sh {} \;
find tree -size -2 -name '*.txt' ! -size 0 | wc -l
find tree -name '*.log' -delete
find tree -depth -name 'f2*' -print -delete | sort | md5sum
find tree | sort | md5sum
find tree -perm 644 | wc -l
grep -rl x tree | wc -l
du -a --apparent-size tree/one/two | wc -l
