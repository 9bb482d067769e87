// What several programs need.
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

// In seconds, from a moment of its own.
static inline double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

// Ends the program with the reason of a call that failed.
static inline void fail(const char *what) {
  perror(what);
  exit(1);
}
