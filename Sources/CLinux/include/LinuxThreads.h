// Threads, heap and log of the C library, as far as Swift cannot import them.
#pragma once
#include <stddef.h>
#include <stdint.h>

// Starts a thread with a name, of which 15 bytes are kept, with all signals blocked but those for its own faults, and with the
// processors and the policy of the process's first thread. Gives its pthread_t, or the negated error number as pthread_create(3)
// tells it.
int linux_start_thread(
    const unsigned char *name, size_t stack_bytes, void (*body)(void *), void *argument, uint64_t *thread);
int linux_join_thread(uint64_t thread);
int linux_detach_thread(uint64_t thread);

// The calling thread's number.
int linux_thread(void);

// Ties the calling thread to a processor. 0 or a negated error number.
int linux_tie_thread(unsigned processor);

// Gives a thread (0: the calling one) the policy SCHED_IDLE of sched(7), or SCHED_OTHER. 0 or a negated error number.
int linux_set_idle(int thread, int is_idle);

// Whether a thread may become idle and ordinary again, for which it needs CAP_SYS_NICE or an RLIMIT_NICE of 20.
int linux_may_be_idle(void);

// Allocations up to this size come from the heap, which keeps four times as much at its end when that is free.
void linux_keep_heap(int bytes);

// Gives pages of the heap in which nothing is used back to the kernel.
void linux_trim_heap(void);

// Has a line logged by the system's log with a priority of syslog(3).
void linux_syslog(int priority, const unsigned char *line);

// Makes the calling thread alone an ordinary user, without any capability: for tests of a daemon without privileges.
int linux_set_user_of_thread(uint32_t user);
