/* Preloaded into a daemon. Of the calls that make files below EBBFS_LIAR_PATH stable, every EBBFS_LIAR_EVERY-th
   answers 0 and does nothing. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_int calls;

static int is_swallowed(int descriptor) {
  char link[64], path[PATH_MAX];
  const char *below = getenv("EBBFS_LIAR_PATH"), *every = getenv("EBBFS_LIAR_EVERY");
  if (!below || !every) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  if (strncmp(path, below, strlen(below)) != 0) return 0;
  return ++calls % atoi(every) == 0;
}

#define LIAR(name)                                                           \
  int name(int descriptor) {                                                 \
    if (is_swallowed(descriptor)) return 0;                                  \
    return ((int (*)(int))dlsym(RTLD_NEXT, #name))(descriptor);              \
  }

LIAR(fsync)
LIAR(fdatasync)
LIAR(syncfs)
