// What a process gives up for good, and the process that keeps it. Functions return 0 or more, or the
// negated error number; those that confine do so for the calling thread and all that it starts later.
#pragma once
#include <stddef.h>
#include <stdint.h>

// What paths are needed for.
enum linux_reach { linux_reach_list, linux_reach_read, linux_reach_write };

// No program that is started gains rights: prctl(PR_SET_NO_NEW_PRIVS).
int linux_forbid_new_privileges(void);
// No core dump has the memory's contents, and no other process of the same user may read it: prctl(PR_SET_DUMPABLE).
int linux_forbid_dumps(void);
// Drops all capabilities but those that work on a backing directory, from the bounding set too. capabilities(7)
int linux_drop_capabilities(void);
// The name of a capability that the calling thread has; `index` counts from 0, NULL ends them.
const char *linux_capability(int index);
// The seccomp filter: programs, mounts, modules, tracing, other namespaces, sockets but local ones and the like give EPERM.
int linux_forbid_calls(void);

// landlock(7): the version that the kernel has, -ENOSYS or -EOPNOTSUPP without it.
int linux_landlock_version(void);
int linux_landlock_begin(int version);
int linux_landlock_allow(int ruleset, int version, const unsigned char *path, enum linux_reach reach);
int linux_landlock_enforce(int ruleset);

// fork(2) with a socket between both. The child keeps nothing open but its end, and its standard descriptors are /dev/null.
int linux_fork_with_socket(const unsigned char *name, int *socket);
// One message, with a descriptor unless that is -1.
int linux_send_message(int socket, const void *bytes, size_t count, int descriptor);
// The bytes of the next message, 0 when the other side is gone; `descriptor` gets the one that came with it, or -1.
int linux_receive_message(int socket, void *bytes, size_t count, int *descriptor);
