/* Preloaded into a daemon. Of its calls on files below EBBFS_PARTIAL_PATH one in three is interrupted (EINTR), and one in
   three reads or writes no more than half of what it was asked for. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_uint calls;

static int is_below(int descriptor) {
  char link[64], path[PATH_MAX];
  const char *below = getenv("EBBFS_PARTIAL_PATH");
  if (!below) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strncmp(path, below, strlen(below)) == 0;
}

#define TRANSFER(name, buffer_type)                                                        \
  ssize_t name(int descriptor, buffer_type buffer, size_t count, off_t offset) {           \
    unsigned turn = is_below(descriptor) ? ++calls % 3 : 0;                                \
    if (turn == 1) return errno = EINTR, -1;                                               \
    if (turn == 2 && count > 1) count /= 2;                                                \
    return ((ssize_t (*)(int, buffer_type, size_t, off_t))dlsym(RTLD_NEXT, #name))(        \
        descriptor, buffer, count, offset);                                                \
  }

TRANSFER(pread, void *)
TRANSFER(pwrite, const void *)
TRANSFER(pread64, void *)
TRANSFER(pwrite64, const void *)

#define INTERRUPTED(name)                                                                  \
  int name(int descriptor) {                                                               \
    if (is_below(descriptor) && ++calls % 3 == 1) return errno = EINTR, -1;                \
    return ((int (*)(int))dlsym(RTLD_NEXT, #name))(descriptor);                            \
  }

INTERRUPTED(fsync)
INTERRUPTED(fdatasync)
INTERRUPTED(syncfs)

#define RESIZED(name)                                                                      \
  int name(int descriptor, off_t size) {                                                   \
    if (is_below(descriptor) && ++calls % 3 == 1) return errno = EINTR, -1;                \
    return ((int (*)(int, off_t))dlsym(RTLD_NEXT, #name))(descriptor, size);               \
  }

RESIZED(ftruncate)
RESIZED(ftruncate64)
