// System calls on files. Each returns a result of 0 or more, or the negated error number, taken right after the call;
// calls that a signal interrupted are made again. Paths and names are bytes ended by NUL.
#pragma once
#include <stddef.h>
#include <stdint.h>

// Flags whose values differ between architectures or need _GNU_SOURCE. All opening functions add O_CLOEXEC.
extern const int linux_o_read_only;
extern const int linux_o_read_write;
extern const int linux_o_create;
extern const int linux_o_exclusive;
extern const int linux_o_directory;
extern const int linux_o_no_follow;
extern const int linux_o_non_block;
extern const int linux_o_no_access_time;
extern const int linux_o_path;

// stat(2) and the birth time, as far as they are used here.
struct linux_status {
  uint32_t mode;
  uint32_t owner;
  uint32_t group;
  uint32_t links;
  uint64_t inode;
  uint64_t device;
  uint64_t special_device;
  uint64_t mount;
  int64_t size;
  int64_t blocks512;
  int64_t accessed_seconds;
  int64_t modified_seconds;
  int64_t changed_seconds;
  int64_t born_seconds;
  uint32_t accessed_nanoseconds;
  uint32_t modified_nanoseconds;
  uint32_t changed_nanoseconds;
  uint32_t born_nanoseconds;
  int has_born;
};

struct linux_filesystem {
  int64_t block_bytes;
  int64_t fragment_bytes;
  uint64_t blocks;
  uint64_t blocks_free;
  uint64_t blocks_available;
  uint64_t files;
  uint64_t files_free;
  int64_t name_bytes_max;
};

// A time for linux_set_times; an absent one is left as it is.
struct linux_time {
  int is_present;
  int64_t seconds;
  int64_t nanoseconds;
};

int linux_open(const unsigned char *path, int flags);
int linux_open_at(int directory, const unsigned char *name, int flags, uint32_t mode);
// openat2(2), RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS.
int linux_open_beneath(int directory, const unsigned char *path, int flags);
// Opens again, with other flags, what an O_PATH descriptor refers to: through /proc/self/fd.
int linux_reopen(int descriptor, int flags);
// Lets `descriptor` refer, from one moment to the next, to what `other` does: dup3(2).
int linux_replace(int descriptor, int other);
// Not repeated after a signal: the descriptor is gone in any case.
void linux_close(int descriptor);
int linux_has_proc(void);

/// inotify_init1(2), blocking.
int linux_open_watch(void);
/// inotify_add_watch(2) of an open directory, for all changes of its entries; the watch's number, or -errno. Needs /proc.
int linux_watch_directory(int watch, int directory);
/// One event of what read(2) has given.
typedef struct {
  int watch;
  /// Bytes from this event to the next.
  uint32_t bytes;
  int is_overflow;
  int is_end;
  /// Where the name begins, relative to the event; 0 when there is none. It ends with a NUL.
  uint32_t name_offset;
} linux_event;
linux_event linux_event_at(const unsigned char *buffer);

int64_t linux_read_at(int descriptor, void *buffer, size_t count, int64_t offset);
int64_t linux_write_at(int descriptor, const void *buffer, size_t count, int64_t offset);
int64_t linux_read(int descriptor, void *buffer, size_t count);
// posix_fadvise(2) with POSIX_FADV_RANDOM and POSIX_FADV_WILLNEED.
int linux_fetch_nothing_ahead(int descriptor);
int linux_fetch_ahead(int descriptor, int64_t offset, int64_t count);
int linux_resize(int descriptor, int64_t size);
int linux_punch_hole(int descriptor, int64_t offset, int64_t count);
int linux_allocate(int descriptor, int64_t count);
int64_t linux_seek_data(int descriptor, int64_t offset);
int64_t linux_seek_hole(int descriptor, int64_t offset);
int linux_synchronize(int descriptor);
int linux_synchronize_data(int descriptor);
int linux_synchronize_filesystem(int descriptor);
int linux_lock_exclusively(int descriptor);

// `name` may be empty: the descriptor itself. Never follows a symbolic link at the end.
int linux_status_at(int directory, const unsigned char *name, struct linux_status *status);
// Follows symbolic links.
int linux_status_of_path(const unsigned char *path, struct linux_status *status);
int linux_filesystem_of(int descriptor, struct linux_filesystem *filesystem);
// The UUID of the file's filesystem, which is mounted from the device `source`, as text: what the kernel tells (6.9 and later),
// else what udev does. The length, or -ENOENT.
int linux_filesystem_uuid(int descriptor, const unsigned char *source, unsigned char *text, size_t count);
// getdents64(2).
int64_t linux_read_entries(int descriptor, void *buffer, size_t count);
int64_t linux_read_link(int descriptor, void *buffer, size_t count);
int64_t linux_path_of_descriptor(int descriptor, void *buffer, size_t count);

int linux_make_directory(int directory, const unsigned char *name, uint32_t mode);
int linux_make_symlink(const unsigned char *target, int directory, const unsigned char *name);
int linux_make_node(int directory, const unsigned char *name, uint32_t mode, uint64_t device);
int linux_link(int from_directory, const unsigned char *from, int to_directory, const unsigned char *to);
int linux_remove_file(int directory, const unsigned char *name);
int linux_remove_directory(int directory, const unsigned char *name);
int linux_rename(int from_directory, const unsigned char *from, int to_directory, const unsigned char *to);
int linux_rename_no_replace(int from_directory, const unsigned char *from, int to_directory, const unsigned char *to);

// On any descriptor, O_PATH included. An owner or group of UINT32_MAX is left as it is.
int linux_set_owner(int descriptor, uint32_t owner, uint32_t group);
int linux_set_times(int descriptor, struct linux_time accessed, struct linux_time modified);
// How a call reaches the file that a descriptor refers to. One opened with O_PATH cannot be used directly.
enum linux_way {
  // fchmod and the f*xattr calls: for descriptors opened without O_PATH.
  linux_way_direct,
  // Through /proc/self/fd.
  linux_way_proc,
  // For modes alone: fchmodat2 (Linux 6.6). The *xattrat calls of Linux 6.13 do not take O_PATH descriptors.
  linux_way_new_call
};
int linux_set_mode(int descriptor, enum linux_way way, uint32_t mode);
int64_t linux_list_attributes(int descriptor, enum linux_way way, void *buffer, size_t count);
int64_t linux_get_attribute(int descriptor, enum linux_way way, const unsigned char *name, void *buffer, size_t count);
int linux_set_attribute(int descriptor, enum linux_way way, const unsigned char *name, const void *value, size_t count);
int linux_remove_attribute(int descriptor, enum linux_way way, const unsigned char *name);

uint32_t linux_effective_user(void);
int linux_process(void);
// Whether there is such a process, ours or not.
int linux_is_running(int process);
uint64_t linux_random(void);
// CLOCK_REALTIME in seconds and nanoseconds.
void linux_time_of_day(int64_t *seconds, uint32_t *nanoseconds);
// CLOCK_MONOTONIC.
int64_t linux_uptime_nanoseconds(void);
void linux_sleep(int64_t milliseconds);
// strerror_r(3): the message of an error number.
void linux_error_text(int number, unsigned char *buffer, size_t count);
// Bytes that this process may make a file long (RLIMIT_FSIZE), INT64_MAX without a limit.
int64_t linux_file_bytes_limit(void);
