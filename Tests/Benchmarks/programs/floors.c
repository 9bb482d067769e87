// What the machine can do at best.
//
// floors memory                  MiB copied a second, in pieces of 1 MiB from a range of 256 MiB
// floors fdatasync FILE SECONDS  4 KiB overwritten in place and synced: times a second
// floors write FILE SECONDS      4 KiB written (to a null FUSE filesystem): times a second
// floors stat FILE SECONDS       fstat: times a second
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common.h"

static void memory(void) {
  enum { PIECE = 1 << 20, PIECES = 256 };
  char *from = malloc((size_t)PIECE * PIECES), *to = malloc(PIECE);
  if (!from || !to) abort();
  memset(from, 1, (size_t)PIECE * PIECES);
  double begun = now();
  long done = 0;
  for (; now() < begun + 1; done++) {
    memcpy(to, from + (size_t)(done % PIECES) * PIECE, PIECE);
    __asm__ volatile("" : : "r"(to) : "memory");
  }
  printf("%.3f\n", done / (now() - begun));
}

int main(int count, char **words) {
  if (count == 2 && !strcmp(words[1], "memory")) return memory(), 0;
  if (count != 4) return 2;
  char data[4096] = "floor";
  int syncs = !strcmp(words[1], "fdatasync"), stats = !strcmp(words[1], "stat");
  int file = open(words[2], O_RDWR | O_CREAT, 0644);
  if (file < 0) fail(words[2]);
  if (syncs) for (int i = 0; i < 4096; i++) if (write(file, data, sizeof data) < 0) fail("write");
  if (syncs && fsync(file)) fail("fsync");
  double begun = now(), end = begun + atof(words[3]);
  long done = 0;
  struct stat attributes;
  for (; now() < end; done++) {
    if (stats ? fstat(file, &attributes) : pwrite(file, data, sizeof data, (done % 4096) * 4096) < 0) fail(words[1]);
    if (syncs && fdatasync(file)) fail("fdatasync");
  }
  printf("%.3f\n", done / (now() - begun));
}
