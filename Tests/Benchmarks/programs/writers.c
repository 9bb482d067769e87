// Threads that write and sync for a time; prints how many times a second.
//
// writers DIRECTORY fdatasync|create THREADS SECONDS
//   fdatasync  each thread appends 4 KiB to a file of its own and calls fdatasync
//   create     each thread creates a file, writes 4 KiB, calls fsync and close, and goes on with the next
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common.h"

static const char *directory;
static int creates;
static double end;
static atomic_long done;

static int make(long thread, long number) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%ld/%ld", directory, thread, number);
  int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (file < 0) fail(path);
  return file;
}

static void *writer(void *argument) {
  long thread = (long)argument;
  char data[4096], path[4096];
  memset(data, 'a' + thread % 26, sizeof data);
  snprintf(path, sizeof path, "%s/%ld", directory, thread);
  if (mkdir(path, 0755)) fail(path);
  int file = creates ? -1 : make(thread, 0);
  for (long i = 1; now() < end; i++) {
    if (creates) file = make(thread, i);
    if (write(file, data, sizeof data) != sizeof data) fail("write");
    if (creates ? fsync(file) : fdatasync(file)) fail("sync");
    if (creates && close(file)) fail("close");
    atomic_fetch_add(&done, 1);
  }
  return NULL;
}

int main(int count, char **words) {
  if (count != 5) return 2;
  directory = words[1], creates = !strcmp(words[2], "create");
  int threads = atoi(words[3]);
  pthread_t ids[threads];
  double begun = now();
  end = begun + atof(words[4]);
  for (long i = 0; i < threads; i++) if (pthread_create(&ids[i], NULL, writer, (void *)i)) fail("thread");
  for (int i = 0; i < threads; i++) pthread_join(ids[i], NULL);
  printf("%.3f\n", done / (now() - begun));
}
