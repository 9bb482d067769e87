# Directories are moved with what is pending in them, over empty ones, into each other, back and forth.
mkdir -p a/b/c
for i in $(seq 30); do echo "$i" > "a/b/c/$i"; done
mv a/b moved
mkdir target
mv -T moved target
cat target/c/17
mkdir full; : > full/x
mv -T target full 2>&1 | sed 's/^mv: //'
mv target a/
mkdir -p deep/1/2/3/4/5
mv a/target deep/1/2/3/4/5/
mv deep/1/2 shallow
ls shallow/3/4/5/target/c | wc -l
mv shallow shallow/3 2>&1 | sed 's/^mv: //'
for i in 1 2 3 4 5; do mv shallow there; echo "$i" > there/mark; mv there shallow; done
cat shallow/mark
mv shallow/3/4/5/target/c/1 .
mv shallow/3/4/5/target/c/2 1
cat 1
mkdir x y; echo x > x/f; echo y > y/f
mv x tmp; mv y x; mv tmp y
cat x/f y/f
mkdir -p p/q; echo old > p/q/f; rm -r p; mkdir -p p/q; echo new > p/q/g
ls p/q
for i in $(seq 20); do mkdir "n$i"; echo "$i" > "n$i/f"; mv "n$i" "m$((i % 5))" ; done
find m? | sort
cp -a shallow copy; rm -r shallow; mv copy shallow
find . -type f | sort | xargs cat | md5sum
