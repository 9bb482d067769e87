#define _GNU_SOURCE
#include "LinuxFiles.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include <linux/magic.h>

// The same number on all architectures but alpha; newer than the C library of Debian 12.
#define NUMBER_FCHMODAT2 452

#define PROC_PATH_BYTES 32

// The value of the call, made again while a signal interrupts it, or the negated error number.
#define RESULT_OF(call)                      \
  ({                                         \
    int64_t outcome;                         \
    do {                                     \
      outcome = (call);                      \
    } while (outcome < 0 && errno == EINTR); \
    outcome < 0 ? -(int64_t)errno : outcome; \
  })

const int linux_o_read_only = O_RDONLY;
const int linux_o_read_write = O_RDWR;
const int linux_o_create = O_CREAT;
const int linux_o_exclusive = O_EXCL;
const int linux_o_directory = O_DIRECTORY;
const int linux_o_no_follow = O_NOFOLLOW;
const int linux_o_non_block = O_NONBLOCK;
const int linux_o_no_access_time = O_NOATIME;
const int linux_o_path = O_PATH;

static const char *text(const unsigned char *bytes) { return (const char *)bytes; }

static const char *proc_path(int descriptor, char path[PROC_PATH_BYTES]) {
  snprintf(path, PROC_PATH_BYTES, "/proc/self/fd/%d", descriptor);
  return path;
}

int linux_open(const unsigned char *path, int flags) { return RESULT_OF(open(text(path), flags | O_CLOEXEC)); }

int linux_open_at(int directory, const unsigned char *name, int flags, uint32_t mode) {
  return RESULT_OF(openat(directory, text(name), flags | O_CLOEXEC, mode));
}

int linux_open_beneath(int directory, const unsigned char *path, int flags) {
  struct open_how how = {
      .flags = flags | O_CLOEXEC,
      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
  };
  return RESULT_OF(syscall(SYS_openat2, directory, path, &how, sizeof how));
}

int linux_reopen(int descriptor, int flags) {
  char path[PROC_PATH_BYTES];
  return RESULT_OF(open(proc_path(descriptor, path), flags | O_CLOEXEC));
}

int linux_replace(int descriptor, int other) { return RESULT_OF(dup3(other, descriptor, O_CLOEXEC)); }

void linux_close(int descriptor) { close(descriptor); }

int linux_has_proc(void) {
  struct statfs filesystem;
  return statfs("/proc/self/fd", &filesystem) == 0 && filesystem.f_type == PROC_SUPER_MAGIC;
}

int64_t linux_read_at(int descriptor, void *buffer, size_t count, int64_t offset) {
  return RESULT_OF(pread(descriptor, buffer, count, offset));
}

int64_t linux_write_at(int descriptor, const void *buffer, size_t count, int64_t offset) {
  return RESULT_OF(pwrite(descriptor, buffer, count, offset));
}

int64_t linux_read(int descriptor, void *buffer, size_t count) { return RESULT_OF(read(descriptor, buffer, count)); }

int linux_fetch_nothing_ahead(int descriptor) { return -posix_fadvise(descriptor, 0, 0, POSIX_FADV_RANDOM); }

int linux_fetch_ahead(int descriptor, int64_t offset, int64_t count) {
  return -posix_fadvise(descriptor, offset, count, POSIX_FADV_WILLNEED);
}

int linux_resize(int descriptor, int64_t size) { return RESULT_OF(ftruncate(descriptor, size)); }

int linux_punch_hole(int descriptor, int64_t offset, int64_t count) {
  return RESULT_OF(fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, count));
}

int linux_allocate(int descriptor, int64_t count) { return RESULT_OF(fallocate(descriptor, 0, 0, count)); }

int64_t linux_seek_data(int descriptor, int64_t offset) { return RESULT_OF(lseek(descriptor, offset, SEEK_DATA)); }

int64_t linux_seek_hole(int descriptor, int64_t offset) { return RESULT_OF(lseek(descriptor, offset, SEEK_HOLE)); }

int linux_synchronize(int descriptor) { return RESULT_OF(fsync(descriptor)); }

int linux_synchronize_data(int descriptor) { return RESULT_OF(fdatasync(descriptor)); }

int linux_synchronize_filesystem(int descriptor) { return RESULT_OF(syncfs(descriptor)); }

int linux_lock_exclusively(int descriptor) { return RESULT_OF(flock(descriptor, LOCK_EX | LOCK_NB)); }

static int status_of(int directory, const char *name, int flags, struct linux_status *status) {
  struct statx found;
  int result = RESULT_OF(statx(directory, name, flags, STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID, &found));
  if (result < 0) return result;
  *status = (struct linux_status){
      .mode = found.stx_mode,
      .owner = found.stx_uid,
      .group = found.stx_gid,
      .links = found.stx_nlink,
      .inode = found.stx_ino,
      .device = makedev(found.stx_dev_major, found.stx_dev_minor),
      .special_device = makedev(found.stx_rdev_major, found.stx_rdev_minor),
      .mount = found.stx_mask & STATX_MNT_ID ? found.stx_mnt_id : 0,
      .size = (int64_t)found.stx_size,
      .blocks512 = (int64_t)found.stx_blocks,
      .accessed_seconds = found.stx_atime.tv_sec,
      .modified_seconds = found.stx_mtime.tv_sec,
      .changed_seconds = found.stx_ctime.tv_sec,
      .born_seconds = found.stx_btime.tv_sec,
      .accessed_nanoseconds = found.stx_atime.tv_nsec,
      .modified_nanoseconds = found.stx_mtime.tv_nsec,
      .changed_nanoseconds = found.stx_ctime.tv_nsec,
      .born_nanoseconds = found.stx_btime.tv_nsec,
      .has_born = (found.stx_mask & STATX_BTIME) != 0,
  };
  return 0;
}

int linux_status_at(int directory, const unsigned char *name, struct linux_status *status) {
  return status_of(directory, text(name), AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, status);
}

int linux_status_of_path(const unsigned char *path, struct linux_status *status) {
  return status_of(AT_FDCWD, text(path), 0, status);
}

int linux_filesystem_of(int descriptor, struct linux_filesystem *filesystem) {
  struct statvfs found;
  int result = RESULT_OF(fstatvfs(descriptor, &found));
  if (result < 0) return result;
  // Some programs behind FUSE say that of their files none is free and take any number (rclone): that is no answer.
  struct statfs kind;
  if (found.f_ffree == 0 && fstatfs(descriptor, &kind) == 0 && kind.f_type == FUSE_SUPER_MAGIC) found.f_files = 0;
  *filesystem = (struct linux_filesystem){
      .block_bytes = (int64_t)found.f_bsize,
      .fragment_bytes = (int64_t)found.f_frsize,
      .blocks = found.f_blocks,
      .blocks_free = found.f_bfree,
      .blocks_available = found.f_bavail,
      .files = found.f_files,
      .files_free = found.f_ffree,
      .name_bytes_max = (int64_t)found.f_namemax,
  };
  return 0;
}

int64_t linux_read_entries(int descriptor, void *buffer, size_t count) {
  return RESULT_OF(syscall(SYS_getdents64, descriptor, buffer, count));
}

int64_t linux_read_link(int descriptor, void *buffer, size_t count) {
  return RESULT_OF(readlinkat(descriptor, "", buffer, count));
}

int64_t linux_path_of_descriptor(int descriptor, void *buffer, size_t count) {
  char path[PROC_PATH_BYTES];
  return RESULT_OF(readlink(proc_path(descriptor, path), buffer, count));
}

int linux_make_directory(int directory, const unsigned char *name, uint32_t mode) {
  return RESULT_OF(mkdirat(directory, text(name), mode));
}

int linux_make_symlink(const unsigned char *target, int directory, const unsigned char *name) {
  return RESULT_OF(symlinkat(text(target), directory, text(name)));
}

int linux_make_node(int directory, const unsigned char *name, uint32_t mode, uint64_t device) {
  return RESULT_OF(mknodat(directory, text(name), mode, device));
}

int linux_link(int from_directory, const unsigned char *from, int to_directory, const unsigned char *to) {
  return RESULT_OF(linkat(from_directory, text(from), to_directory, text(to), 0));
}

int linux_remove_file(int directory, const unsigned char *name) {
  return RESULT_OF(unlinkat(directory, text(name), 0));
}

int linux_remove_directory(int directory, const unsigned char *name) {
  return RESULT_OF(unlinkat(directory, text(name), AT_REMOVEDIR));
}

int linux_rename(int from_directory, const unsigned char *from, int to_directory, const unsigned char *to) {
  return RESULT_OF(renameat(from_directory, text(from), to_directory, text(to)));
}

int linux_rename_no_replace(int from_directory, const unsigned char *from, int to_directory, const unsigned char *to) {
  return RESULT_OF(renameat2(from_directory, text(from), to_directory, text(to), RENAME_NOREPLACE));
}

int linux_set_owner(int descriptor, uint32_t owner, uint32_t group) {
  return RESULT_OF(fchownat(descriptor, "", owner, group, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW));
}

static struct timespec time_of(struct linux_time time) {
  if (!time.is_present) return (struct timespec){.tv_nsec = UTIME_OMIT};
  return (struct timespec){.tv_sec = time.seconds, .tv_nsec = time.nanoseconds};
}

// The system call itself: the C library's function refuses AT_EMPTY_PATH. An ordinary descriptor is the kernel's futimens.
int linux_set_times(int descriptor, struct linux_time accessed, struct linux_time modified) {
  struct timespec times[2] = {time_of(accessed), time_of(modified)};
  return RESULT_OF(syscall(SYS_utimensat, descriptor, "", times, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW));
}

int linux_set_mode(int descriptor, enum linux_way way, uint32_t mode) {
  char path[PROC_PATH_BYTES];
  switch (way) {
  case linux_way_direct: return RESULT_OF(fchmod(descriptor, mode));
  case linux_way_proc: return RESULT_OF(chmod(proc_path(descriptor, path), mode));
  default: return RESULT_OF(syscall(NUMBER_FCHMODAT2, descriptor, "", mode, AT_EMPTY_PATH));
  }
}

int64_t linux_list_attributes(int descriptor, enum linux_way way, void *buffer, size_t count) {
  char path[PROC_PATH_BYTES];
  switch (way) {
  case linux_way_direct: return RESULT_OF(flistxattr(descriptor, buffer, count));
  case linux_way_proc: return RESULT_OF(listxattr(proc_path(descriptor, path), buffer, count));
  default: return -ENOSYS;
  }
}

int64_t linux_get_attribute(int descriptor, enum linux_way way, const unsigned char *name, void *buffer, size_t count) {
  char path[PROC_PATH_BYTES];
  switch (way) {
  case linux_way_direct: return RESULT_OF(fgetxattr(descriptor, text(name), buffer, count));
  case linux_way_proc: return RESULT_OF(getxattr(proc_path(descriptor, path), text(name), buffer, count));
  default: return -ENOSYS;
  }
}

int linux_set_attribute(int descriptor, enum linux_way way, const unsigned char *name, const void *value, size_t count) {
  char path[PROC_PATH_BYTES];
  switch (way) {
  case linux_way_direct: return RESULT_OF(fsetxattr(descriptor, text(name), value, count, 0));
  case linux_way_proc: return RESULT_OF(setxattr(proc_path(descriptor, path), text(name), value, count, 0));
  default: return -ENOSYS;
  }
}

int linux_remove_attribute(int descriptor, enum linux_way way, const unsigned char *name) {
  char path[PROC_PATH_BYTES];
  switch (way) {
  case linux_way_direct: return RESULT_OF(fremovexattr(descriptor, text(name)));
  case linux_way_proc: return RESULT_OF(removexattr(proc_path(descriptor, path), text(name)));
  default: return -ENOSYS;
  }
}

uint32_t linux_effective_user(void) { return geteuid(); }

int linux_process(void) { return getpid(); }

int linux_is_running(int process) { return kill(process, 0) == 0 || errno != ESRCH; }

uint64_t linux_random(void) {
  uint64_t value = 0;
  if (getrandom(&value, sizeof value, 0) != sizeof value) value = (uint64_t)linux_uptime_nanoseconds();
  return value;
}

void linux_time_of_day(int64_t *seconds, uint32_t *nanoseconds) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  *seconds = now.tv_sec;
  *nanoseconds = (uint32_t)now.tv_nsec;
}

int64_t linux_uptime_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

void linux_sleep(int64_t milliseconds) {
  struct timespec rest = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000};
  while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {
  }
}

void linux_error_text(int number, unsigned char *buffer, size_t count) {
  char text[128];
  snprintf((char *)buffer, count, "%s", strerror_r(number, text, sizeof text));
}

int64_t linux_file_bytes_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur > INT64_MAX) return INT64_MAX;
  return (int64_t)limit.rlim_cur;
}

// Of linux/fs.h, which older headers lack.
struct linux_fs_uuid {
  uint8_t length;
  uint8_t bytes[16];
};
#define LINUX_GET_FS_UUID _IOR(0x15, 0, struct linux_fs_uuid)

static int uuid_of_kernel(int descriptor, char *text, size_t count) {
  static const uint8_t none[16];
  struct linux_fs_uuid uuid = {0};
  int file = linux_reopen(descriptor, O_RDONLY);
  if (file < 0) return -ENOENT;
  int result = ioctl(file, LINUX_GET_FS_UUID, &uuid);
  close(file);
  if (result != 0 || uuid.length != sizeof uuid.bytes || memcmp(uuid.bytes, none, sizeof none) == 0) return -ENOENT;
  size_t length = 0;
  for (int i = 0; i < 16 && length + 3 < count; i++) {
    const char *form = i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x";
    length += (size_t)snprintf(text + length, count - length, form, uuid.bytes[i]);
  }
  return (int)length;
}

static int uuid_of_udev(const char *source, char *text, size_t count) {
  static const char folder[] = "/dev/disk/by-uuid";
  char device[PATH_MAX], found[PATH_MAX], path[PATH_MAX];
  DIR *names = realpath(source, device) ? opendir(folder) : NULL;
  if (!names) return -ENOENT;
  int length = -ENOENT;
  for (struct dirent *entry; length < 0 && (entry = readdir(names));) {
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    if (realpath(path, found) && strcmp(found, device) == 0) length = snprintf(text, count, "%s", entry->d_name);
  }
  closedir(names);
  return length;
}

int linux_filesystem_uuid(int descriptor, const unsigned char *source, unsigned char *text, size_t count) {
  int length = uuid_of_kernel(descriptor, (char *)text, count);
  return length > 0 ? length : uuid_of_udev((const char *)source, (char *)text, count);
}

int linux_open_watch(void) { return RESULT_OF(inotify_init1(IN_CLOEXEC)); }

int linux_watch_directory(int watch, int directory) {
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", directory);
  return RESULT_OF(inotify_add_watch(
      watch, path, IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF | IN_ONLYDIR));
}

linux_event linux_event_at(const unsigned char *buffer) {
  struct inotify_event event;
  memcpy(&event, buffer, sizeof event);
  return (linux_event){
      .watch = event.wd,
      .bytes = sizeof event + event.len,
      .is_overflow = (event.mask & IN_Q_OVERFLOW) != 0,
      .is_end = (event.mask & IN_IGNORED) != 0,
      .name_offset = event.len > 0 ? sizeof event : 0,
  };
}
