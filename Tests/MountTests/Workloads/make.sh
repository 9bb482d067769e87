# A small C project: built, rebuilt without work, rebuilt after a change, run.
export LC_ALL=C
# `make test` may be above us.
unset MAKEFLAGS MFLAGS MAKELEVEL
for i in $(seq 12); do
  printf '#include "all.h"\nint part%s(int x) { return x * %s + LIMIT; }\n' "$i" "$i" > "part$i.c"
done
{ echo '#define LIMIT 7'; for i in $(seq 12); do echo "int part$i(int);"; done; } > all.h
{ echo '#include "all.h"'; echo '#include <stdio.h>'; echo 'int main(void) { int sum = 0;'
  for i in $(seq 12); do echo "sum += part$i($i);"; done; printf '%s\n' 'printf("%d\n", sum); return 0; }'; } > main.c
cat > Makefile <<'END'
CFLAGS = -O1 -Wall -g0
OBJECTS = $(patsubst %.c,%.o,$(sort $(wildcard *.c)))
program: libparts.a main.o
	@$(CC) -o $@ main.o libparts.a
	@echo linked
libparts.a: $(filter part%,$(OBJECTS))
	@ar rcsD $@ $^
%.o: %.c all.h
	@$(CC) $(CFLAGS) -c -o $@ $<
	@echo compiled $<
END
make -j2 > first.log 2>&1; echo "status $?"
sort first.log
make 2>&1
./program
sleep 0.02
sed -i 's/LIMIT 7/LIMIT 8/' all.h
make -j2 > second.log 2>&1
sort -o second.log second.log
sort -o first.log first.log
cat second.log
make -q; echo "up to date: $?"
./program
mkdir -p installed/bin
install -m 755 program installed/bin/
installed/bin/program
touch part3.c
make -n | grep -c 'compiled'
# Debug paths and build ids name the directory.
rm -f ./*.o program libparts.a installed/bin/program
