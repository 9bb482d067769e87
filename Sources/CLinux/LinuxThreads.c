#define _GNU_SOURCE
#include "LinuxThreads.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <syslog.h>
#include <unistd.h>

#define NAME_BYTES 16

struct start {
  char name[NAME_BYTES];
  void (*body)(void *);
  void *argument;
};

static void *run(void *pointer) {
  struct start start = *(struct start *)pointer;
  free(pointer);
  pthread_setname_np(pthread_self(), start.name);
  start.body(start.argument);
  return NULL;
}

// Signals that tell of a fault of the thread itself: a crash must still be reported.
static const int own_faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS};

// As the process's first thread is: whoever starts a thread may be tied to a processor, or idle for a while.
static int be_as_first_thread(pthread_attr_t *attributes) {
  cpu_set_t processors;
  int result = 0;
  if (sched_getaffinity(getpid(), sizeof processors, &processors) == 0)
    result = pthread_attr_setaffinity_np(attributes, sizeof processors, &processors);
  if (result == 0 && sched_getscheduler(0) != sched_getscheduler(getpid()))
    result = pthread_attr_setinheritsched(attributes, PTHREAD_EXPLICIT_SCHED);
  return result;
}

// A thread inherits the mask of its maker: signals are blocked around pthread_create, so that there is no moment without.
static int create(pthread_t *thread, size_t stack_bytes, struct start *start) {
  pthread_attr_t attributes;
  int result = pthread_attr_init(&attributes);
  if (result != 0) return result;
  result = pthread_attr_setstacksize(&attributes, stack_bytes);
  if (result == 0) result = be_as_first_thread(&attributes);
  if (result == 0) {
    sigset_t all, before;
    sigfillset(&all);
    for (size_t index = 0; index < sizeof own_faults / sizeof *own_faults; index++) sigdelset(&all, own_faults[index]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    result = pthread_create(thread, &attributes, run, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
  }
  pthread_attr_destroy(&attributes);
  return result;
}

int linux_start_thread(
    const unsigned char *name, size_t stack_bytes, void (*body)(void *), void *argument, uint64_t *thread) {
  struct start *start = calloc(1, sizeof *start);
  if (start == NULL) return -ENOMEM;
  strncpy(start->name, (const char *)name, NAME_BYTES - 1);
  start->body = body;
  start->argument = argument;
  pthread_t made;
  int result = create(&made, stack_bytes, start);
  if (result != 0) {
    free(start);
    return -result;
  }
  *thread = (uint64_t)made;
  return 0;
}

int linux_join_thread(uint64_t thread) { return -pthread_join((pthread_t)thread, NULL); }

int linux_detach_thread(uint64_t thread) { return -pthread_detach((pthread_t)thread); }

int linux_thread(void) { return gettid(); }

int linux_tie_thread(unsigned processor) {
  cpu_set_t *processors = CPU_ALLOC(processor + 1);
  if (processors == NULL) return -ENOMEM;
  size_t bytes = CPU_ALLOC_SIZE(processor + 1);
  CPU_ZERO_S(bytes, processors);
  CPU_SET_S(processor, bytes, processors);
  int result = pthread_setaffinity_np(pthread_self(), bytes, processors);
  CPU_FREE(processors);
  return -result;
}

int linux_set_idle(int thread, int is_idle) {
  const struct sched_param none = {0};
  return sched_setscheduler(thread, is_idle ? SCHED_IDLE : SCHED_OTHER, &none) != 0 ? -errno : 0;
}

static void *try_to_be_idle(void *may) {
  *(int *)may = sched_getscheduler(0) == SCHED_OTHER && linux_set_idle(0, 1) == 0 && linux_set_idle(0, 0) == 0;
  return NULL;
}

// On a thread of its own, which may not get back.
int linux_may_be_idle(void) {
  int may = 0;
  pthread_t thread;
  return pthread_create(&thread, NULL, try_to_be_idle, &may) == 0 && pthread_join(thread, NULL) == 0 && may;
}

// The system calls themselves: the C library's functions change all threads.
int linux_set_user_of_thread(uint32_t user) {
  if (syscall(SYS_setgroups, 0, NULL) != 0) return -errno;
  if (syscall(SYS_setresgid, user, user, user) != 0) return -errno;
  return syscall(SYS_setresuid, user, user, user) != 0 ? -errno : 0;
}

void linux_syslog(int priority, const unsigned char *line) {
  openlog("ebbfs", LOG_PID, LOG_DAEMON);
  syslog(priority, "%s", (const char *)line);
}

void linux_keep_heap(int bytes) {
  mallopt(M_MMAP_THRESHOLD, bytes);
  mallopt(M_TRIM_THRESHOLD, 4 * bytes);
}

void linux_trim_heap(void) { malloc_trim(0); }
