// What the machine can do at best.
//
// floors memory                  MiB copied a second, in pieces of 1 MiB from a range of 256 MiB
// floors commit FILE SECONDS N   4 KiB overwritten in place and synced by N threads that share syncs: times a second
// floors write FILE SECONDS      4 KiB written (to a null FUSE filesystem): times a second
// floors stat FILE SECONDS       fstat: times a second
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
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

static struct {
  pthread_mutex_t mutex;
  pthread_cond_t synced;
  double end;
  int file, is_syncing;
  long written, durable;
} group = {.mutex = PTHREAD_MUTEX_INITIALIZER, .synced = PTHREAD_COND_INITIALIZER};

static void *commit(void *unused) {
  char data[4096] = "floor";
  pthread_mutex_lock(&group.mutex);
  while (now() < group.end) {
    if (pwrite(group.file, data, sizeof data, (group.written % 4096) * 4096) < 0) fail("pwrite");
    long own = ++group.written;
    while (group.durable < own) {
      if (group.is_syncing) {
        pthread_cond_wait(&group.synced, &group.mutex);
        continue;
      }
      long through = group.written;
      group.is_syncing = 1;
      pthread_mutex_unlock(&group.mutex);
      if (fdatasync(group.file)) fail("fdatasync");
      pthread_mutex_lock(&group.mutex);
      group.is_syncing = 0;
      group.durable = through;
      pthread_cond_broadcast(&group.synced);
    }
  }
  pthread_mutex_unlock(&group.mutex);
  return unused;
}

static void commits(const char *path, double seconds, int writers) {
  pthread_t threads[64];
  char data[4096] = "floor";
  if (writers < 1 || writers > 64) exit(2);
  group.file = open(path, O_RDWR | O_CREAT, 0644);
  if (group.file < 0) fail(path);
  for (int i = 0; i < 4096; i++) if (write(group.file, data, sizeof data) < 0) fail("write");
  if (fsync(group.file)) fail("fsync");
  double begun = now();
  group.end = begun + seconds;
  for (int i = 0; i < writers; i++) if (pthread_create(&threads[i], NULL, commit, NULL)) fail("pthread_create");
  for (int i = 0; i < writers; i++) pthread_join(threads[i], NULL);
  printf("%.3f\n", group.durable / (now() - begun));
}

int main(int count, char **words) {
  if (count == 2 && !strcmp(words[1], "memory")) return memory(), 0;
  if (count == 5 && !strcmp(words[1], "commit")) return commits(words[2], atof(words[3]), atoi(words[4])), 0;
  if (count != 4) return 2;
  char data[4096] = "floor";
  int stats = !strcmp(words[1], "stat");
  int file = open(words[2], O_RDWR | O_CREAT, 0644);
  if (file < 0) fail(words[2]);
  double begun = now(), end = begun + atof(words[3]);
  long done = 0;
  struct stat attributes;
  for (; now() < end; done++)
    if (stats ? fstat(file, &attributes) : pwrite(file, data, sizeof data, (done % 4096) * 4096) < 0) fail(words[1]);
  printf("%.3f\n", done / (now() - begun));
}
