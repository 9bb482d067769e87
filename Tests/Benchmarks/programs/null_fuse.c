// A FUSE filesystem that does nothing: one file, `null`, whose writes are thrown away and whose attributes the kernel asks for
// each time. What it takes is the price of a round trip to any FUSE daemon.
//
// null_fuse MOUNTPOINT [libfuse's options]
#define FUSE_USE_VERSION 34
#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_INODE = 2 };

static struct stat attributes_of(fuse_ino_t inode) {
  struct stat attributes = {.st_ino = inode, .st_nlink = 1};
  attributes.st_mode = inode == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0644;
  if (inode == FILE_INODE) attributes.st_size = 1LL << 30;
  return attributes;
}

static void lookup(fuse_req_t request, fuse_ino_t parent, const char *name) {
  (void)parent;
  if (strcmp(name, "null")) { fuse_reply_err(request, ENOENT); return; }
  struct fuse_entry_param entry = {.ino = FILE_INODE, .attr = attributes_of(FILE_INODE)};
  fuse_reply_entry(request, &entry);
}

static void getattr(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *information) {
  (void)information;
  struct stat attributes = attributes_of(inode);
  fuse_reply_attr(request, &attributes, 0);
}

static void setattr(fuse_req_t request, fuse_ino_t inode, struct stat *wanted, int which, struct fuse_file_info *information) {
  (void)wanted, (void)which;
  getattr(request, inode, information);
}

static void open_file(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *information) {
  (void)inode;
  fuse_reply_open(request, information);
}

static void write_nothing(fuse_req_t request, fuse_ino_t inode, const char *bytes, size_t size, off_t offset,
                          struct fuse_file_info *information) {
  (void)inode, (void)bytes, (void)offset, (void)information;
  fuse_reply_write(request, size);
}

static void no_attribute(fuse_req_t request, fuse_ino_t inode, const char *name, size_t size) {
  (void)inode, (void)name, (void)size;
  fuse_reply_err(request, ENOSYS);
}

static const struct fuse_lowlevel_ops operations = {
  .lookup = lookup, .getattr = getattr, .setattr = setattr, .open = open_file, .write = write_nothing, .getxattr = no_attribute,
};

int main(int count, char **words) {
  struct fuse_args arguments = FUSE_ARGS_INIT(count, words);
  struct fuse_cmdline_opts options;
  if (fuse_parse_cmdline(&arguments, &options) || !options.mountpoint) return 2;
  struct fuse_session *session = fuse_session_new(&arguments, &operations, sizeof operations, NULL);
  if (!session || fuse_set_signal_handlers(session) || fuse_session_mount(session, options.mountpoint)) return 1;
  fuse_daemonize(options.foreground);
  int status = fuse_session_loop(session);
  fuse_session_unmount(session);
  return status != 0;
}
