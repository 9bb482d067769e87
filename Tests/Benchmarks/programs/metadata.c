// Work on names: prints, for each phase, the seconds it took.
//
// metadata DIRECTORY FILES PHASE...
//   create   empty files, 1,000 in each directory (the directories are made before)
//   stat, readdir, rename (within the directory), unlink
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common.h"

enum { FILES_PER_DIRECTORY = 1000 };

static const char *root;
static long files;

static const char *path_of(const char *prefix, long file) {
  static char paths[2][4096];
  static int turn;
  char *path = paths[turn ^= 1];
  snprintf(path, sizeof paths[0], "%s/d%ld/%s%ld", root, file / FILES_PER_DIRECTORY, prefix, file);
  return path;
}

static void make_directories(void) {
  char path[4096];
  for (long i = 0; i * FILES_PER_DIRECTORY < files; i++) {
    snprintf(path, sizeof path, "%s/d%ld", root, i);
    if (mkdir(path, 0755) && errno != EEXIST) fail(path);
  }
}

static void list(void) {
  long found = 0;
  for (long i = 0; i * FILES_PER_DIRECTORY < files; i++) {
    char path[4096];
    snprintf(path, sizeof path, "%s/d%ld", root, i);
    DIR *stream = opendir(path);
    if (!stream) fail(path);
    for (struct dirent *entry; (entry = readdir(stream));) found += entry->d_name[0] != '.';
    closedir(stream);
  }
  if (found != files) { fprintf(stderr, "%ld files were listed, not %ld\n", found, files); exit(1); }
}

static void each(const char *phase, const char *prefix) {
  struct stat attributes;
  for (long i = 0; i < files; i++) {
    const char *path = path_of(prefix, i);
    int status = 0;
    if (!strcmp(phase, "create")) {
      int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
      status = file < 0 ? -1 : close(file);
    } else if (!strcmp(phase, "stat")) status = stat(path, &attributes);
    else if (!strcmp(phase, "rename")) status = rename(path, path_of("renamed", i));
    else if (!strcmp(phase, "unlink")) status = unlink(path);
    else exit(2);
    if (status) fail(path);
  }
}

int main(int count, char **words) {
  if (count < 4) return 2;
  root = words[1], files = atol(words[2]);
  make_directories();
  const char *prefix = "file";
  for (int i = 3; i < count; i++) {
    double begun = now();
    if (strcmp(words[i], "readdir")) each(words[i], prefix); else list();
    if (!strcmp(words[i], "rename")) prefix = "renamed";
    printf("%s %.6f\n", words[i], now() - begun);
    fflush(stdout);
  }
}
