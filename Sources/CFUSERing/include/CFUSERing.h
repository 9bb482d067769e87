#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

// FUSE's requests over io_uring: what include/uapi/linux/fuse.h has since Linux 6.14. Debian 12 has the headers of 6.1.

// Of `flags2` of INIT: the kernel offers it, the daemon takes it.
enum { FUSE_RING_INIT_FLAG2 = 1 << 9 };
// The longest operation header that comes apart from the rest of a request.
enum { FUSE_RING_OPERATION_BYTES = 128 };

// What the kernel writes of a request into the first of a slot's two pieces, and reads of its answer; the rest is in the second.
struct fuse_ring_header {
  uint8_t in_out[128];  // struct fuse_in_header, then struct fuse_out_header
  uint8_t operation[FUSE_RING_OPERATION_BYTES];
  uint64_t flags;
  uint64_t commit;
  uint32_t payload_bytes;
  uint32_t padding;
  uint64_t reserved;
};

// The ring of one queue. Errors are negative numbers of errno.
struct fuse_ring;

// What `fuse_ring_wait` gives instead of a slot when another thread called `fuse_ring_wake`.
#define FUSE_RING_WOKEN UINT64_MAX

// Makes a ring that can do nothing but FUSE's commands, for so many requests at a time. No descriptor of it survives an exec.
int fuse_ring_open(unsigned slots, struct fuse_ring **ring);
void fuse_ring_close(struct fuse_ring *ring);
// Makes the calling thread the only one that uses the ring, but for waking.
int fuse_ring_begin(struct fuse_ring *ring);
// Offers a slot of two pieces to the kernel; takes effect with the next wait. Not more than the ring has slots for.
void fuse_ring_offer(struct fuse_ring *ring, int device, unsigned queue, uint64_t slot, const struct iovec *pieces);
// Gives the kernel the answer that is in the slot, and offers the slot again; takes effect with the next submit or wait.
void fuse_ring_answer(struct fuse_ring *ring, int device, unsigned queue, uint64_t slot, uint64_t commit);
// Whoever is answered goes on. What fails now is tried again by the next wait.
void fuse_ring_submit(struct fuse_ring *ring);
// Whether a request waits that `fuse_ring_wait` would give at once. From any thread.
int fuse_ring_has_work(const struct fuse_ring *ring);
// Waits for one request. `result` is 0, or why the kernel does not use the slot any more. -EINTR after a signal.
int fuse_ring_wait(struct fuse_ring *ring, uint64_t *slot, int *result);
// Ends the wait of the ring's thread. From any thread.
void fuse_ring_wake(const struct fuse_ring *ring);
