#include "CFUSERing.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

// enum fuse_uring_cmd and struct fuse_uring_cmd_req.
enum { COMMAND_REGISTER = 1, COMMAND_COMMIT_AND_FETCH = 2 };
struct command {
  uint64_t flags;
  uint64_t commit;
  uint16_t queue;
  uint8_t padding[6];
};

// Since Linux 6.15: a wait is not counted as one for a disk. liburing 2.3 has no names for them.
enum { FEATURE_NO_IOWAIT = 1 << 17, ENTER_NO_IOWAIT = 1 << 7 };

struct fuse_ring {
  struct io_uring uring;
  int waker;
  uint64_t wakes;
};

// Nothing but these, whoever takes the daemon over: rings go around the filter of its system calls.
static int restrict_operations(struct io_uring *uring) {
  struct io_uring_restriction allowed[] = {
      {.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_URING_CMD},
      {.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_READ},
      {.opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_REGISTER_ENABLE_RINGS},
  };
  return io_uring_register_restrictions(uring, allowed, sizeof allowed / sizeof *allowed);
}

int fuse_ring_open(unsigned slots, struct fuse_ring **ring) {
  struct fuse_ring *made = calloc(1, sizeof *made);
  if (!made) return -ENOMEM;
  // One entry more for the waker.
  struct io_uring_params parameters = {
      .flags = IORING_SETUP_SQE128 | IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
               IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_R_DISABLED,
      .cq_entries = 2 * (slots + 1)};
  made->waker = eventfd(0, EFD_CLOEXEC);
  int result = made->waker < 0 ? -errno : io_uring_queue_init_params(slots + 1, &made->uring, &parameters);
  if (result == 0) {
    result = restrict_operations(&made->uring);
    if (result < 0) io_uring_queue_exit(&made->uring);
  }
  if (result < 0) {
    if (made->waker >= 0) close(made->waker);
    free(made);
    return result;
  }
  *ring = made;
  return 0;
}

void fuse_ring_close(struct fuse_ring *ring) {
  io_uring_queue_exit(&ring->uring);
  close(ring->waker);
  free(ring);
}

// There is one entry for each slot and one for the waker, and each has at most one command under way.
static struct io_uring_sqe *entry(struct fuse_ring *ring, int operation, int file, uint64_t slot) {
  struct io_uring_sqe *entry = io_uring_get_sqe(&ring->uring);
  memset(entry, 0, 2 * sizeof *entry);
  entry->opcode = (uint8_t)operation;
  entry->fd = file;
  entry->user_data = slot;
  return entry;
}

static struct io_uring_sqe *command(
    struct fuse_ring *ring, unsigned kind, int device, unsigned queue, uint64_t slot, uint64_t commit) {
  struct io_uring_sqe *made = entry(ring, IORING_OP_URING_CMD, device, slot);
  struct command command = {.commit = commit, .queue = (uint16_t)queue};
  made->cmd_op = kind;
  memcpy(made->cmd, &command, sizeof command);
  return made;
}

static void listen_for_waker(struct fuse_ring *ring) {
  struct io_uring_sqe *made = entry(ring, IORING_OP_READ, ring->waker, FUSE_RING_WOKEN);
  made->addr = (uint64_t)(uintptr_t)&ring->wakes;
  made->len = sizeof ring->wakes;
}

int fuse_ring_begin(struct fuse_ring *ring) {
  int result = io_uring_enable_rings(&ring->uring);
  if (result < 0) return result;
  listen_for_waker(ring);
  return 0;
}

void fuse_ring_offer(struct fuse_ring *ring, int device, unsigned queue, uint64_t slot, const struct iovec *pieces) {
  struct io_uring_sqe *made = command(ring, COMMAND_REGISTER, device, queue, slot, 0);
  made->addr = (uint64_t)(uintptr_t)pieces;
  made->len = 2;
}

void fuse_ring_answer(struct fuse_ring *ring, int device, unsigned queue, uint64_t slot, uint64_t commit) {
  command(ring, COMMAND_COMMIT_AND_FETCH, device, queue, slot, commit);
}

void fuse_ring_submit(struct fuse_ring *ring) { io_uring_submit(&ring->uring); }

int fuse_ring_has_work(const struct fuse_ring *ring) {
  unsigned flags = __atomic_load_n(ring->uring.sq.kflags, __ATOMIC_RELAXED);
  return io_uring_cq_ready(&ring->uring) != 0 || (flags & IORING_SQ_TASKRUN) != 0;
}

int fuse_ring_wait(struct fuse_ring *ring, uint64_t *slot, int *result) {
  struct io_uring_cqe *completion;
  if (io_uring_peek_cqe(&ring->uring, &completion) != 0) {
    int submitted = io_uring_submit(&ring->uring);
    if (submitted < 0) return submitted;
    // Or an idle mount would look like a processor that waits for a disk all the time.
    unsigned flags = IORING_ENTER_GETEVENTS | (ring->uring.features & FEATURE_NO_IOWAIT ? ENTER_NO_IOWAIT : 0);
    int waited = io_uring_enter((unsigned)ring->uring.ring_fd, 0, 1, flags, NULL);
    if (waited < 0) return waited;
    if (io_uring_peek_cqe(&ring->uring, &completion) != 0) return -EINTR;
  }
  *slot = completion->user_data;
  *result = completion->res;
  io_uring_cqe_seen(&ring->uring, completion);
  if (*slot == FUSE_RING_WOKEN) {
    *result = 0;
    listen_for_waker(ring);
  }
  return 0;
}

void fuse_ring_wake(const struct fuse_ring *ring) {
  uint64_t one = 1;
  // Fails only where as many wakes are not seen yet as a number can hold.
  (void)!write(ring->waker, &one, sizeof one);
}
