#include "CBuildCommit.h"

// The Makefile says it: see Package.swift.
#ifndef EBBFS_COMMIT
#define EBBFS_COMMIT "unknown"
#endif

const char *build_commit(void) { return EBBFS_COMMIT; }
