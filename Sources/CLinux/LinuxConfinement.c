#define _GNU_SOURCE
#include "LinuxConfinement.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RESULT_OF(call)                  \
  ({                                     \
    int64_t outcome = (call);            \
    outcome < 0 ? -(int64_t)errno : outcome; \
  })
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

int linux_forbid_new_privileges(void) { return RESULT_OF(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); }

int linux_forbid_dumps(void) { return RESULT_OF(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)); }

// What write-back fails without, each tried but the last three: SYS_ADMIN is for trusted.* attributes, SYS_RESOURCE lets what is
// acknowledged be written where a quota or reserved blocks would refuse it, SYS_NICE is for threads that were idle.
static const struct {
  int number;
  const char *name;
} kept[] = {
    {CAP_CHOWN, "chown"},     {CAP_DAC_OVERRIDE, "dac_override"}, {CAP_FOWNER, "fowner"},
    {CAP_FSETID, "fsetid"},   {CAP_MKNOD, "mknod"},               {CAP_SETFCAP, "setfcap"},
    {CAP_SYS_ADMIN, "sys_admin"}, {CAP_SYS_NICE, "sys_nice"},     {CAP_SYS_RESOURCE, "sys_resource"},
};

static int has(const struct __user_cap_data_struct data[2], int number) {
  return (data[number / 32].permitted >> number % 32 & 1) != 0;
}

static int capabilities(int number, struct __user_cap_data_struct data[2]) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  return RESULT_OF(syscall(number, &header, data));
}

static int is_kept(int number) {
  for (size_t index = 0; index < COUNT_OF(kept); index++) {
    if (kept[index].number == number) return 1;
  }
  return 0;
}

int linux_drop_capabilities(void) {
  struct __user_cap_data_struct data[2], wanted[2] = {0};
  int result = capabilities(SYS_capget, data);
  if (result < 0) return result;
  for (int number = 0; prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; number++) {
    // Who has no CAP_SETPCAP can gain nothing by the bounding set: no program gives rights any more.
    if (!is_kept(number) && has(data, CAP_SETPCAP)) prctl(PR_CAPBSET_DROP, number, 0, 0, 0);
  }
  for (size_t index = 0; index < COUNT_OF(kept); index++) {
    int number = kept[index].number;
    if (has(data, number)) wanted[number / 32].permitted |= 1u << number % 32;
  }
  for (int half = 0; half < 2; half++) wanted[half].effective = wanted[half].permitted & data[half].effective;
  return capabilities(SYS_capset, wanted);
}

const char *linux_capability(int index) {
  struct __user_cap_data_struct data[2];
  if (capabilities(SYS_capget, data) < 0) return NULL;
  for (size_t place = 0; place < COUNT_OF(kept); place++) {
    if (has(data, kept[place].number) && index-- == 0) return kept[place].name;
  }
  return NULL;
}

#if defined __x86_64__
#define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define OWN_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

// What the daemon never does, and what who has taken it over would do next. io_uring would go around this filter: the
// rings there are were made before, and can do nothing but FUSE's commands. Handles would go around Landlock.
static const int forbidden[] = {
    SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, SYS_pidfd_getfd,
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_move_mount, SYS_open_tree, SYS_fsopen, SYS_fsconfig, SYS_fsmount,
    SYS_fspick, SYS_mount_setattr, SYS_unshare, SYS_setns, SYS_init_module, SYS_finit_module, SYS_delete_module,
    SYS_kexec_load, SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_keyctl, SYS_add_key, SYS_request_key,
    SYS_io_uring_setup, SYS_open_by_handle_at, SYS_swapon, SYS_swapoff, SYS_reboot, SYS_acct, SYS_syslog, SYS_quotactl,
    SYS_sethostname, SYS_setdomainname, SYS_settimeofday, SYS_clock_settime, SYS_adjtimex, SYS_clock_adjtime,
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
#ifdef SYS_iopl
    SYS_iopl, SYS_ioperm, SYS_modify_ldt,
#endif
};

static const struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
static const struct sock_filter refuse = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);

#ifdef OWN_ARCHITECTURE
// Another architecture's calls have other numbers, as have those of x32, which begin at 1 << 30.
static size_t make_filter(struct sock_filter *filter) {
  size_t count = 0;
  filter[count++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
  filter[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCHITECTURE, 1, 0);
  filter[count++] = refuse;
  filter[count++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  filter[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 1 << 30, 0, 1);
  filter[count++] = refuse;
  for (size_t index = 0; index < COUNT_OF(forbidden); index++) {
    filter[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, forbidden[index], 0, 1);
    filter[count++] = refuse;
  }
  filter[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 1, 0);
  filter[count++] = allow;
  filter[count++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]));
  filter[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 0, 1);
  filter[count++] = allow;
  filter[count++] = refuse;
  return count;
}

int linux_forbid_calls(void) {
  struct sock_filter filter[2 * COUNT_OF(forbidden) + 12];
  struct sock_fprog program = {.len = (unsigned short)make_filter(filter), .filter = filter};
  return RESULT_OF(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}
#else
int linux_forbid_calls(void) { return -ENOSYS; }
#endif

// Of linux/landlock.h of later kernels.
#define ACCESS_TRUNCATE (1ull << 14)
#define ACCESS_IOCTL_DEVICE (1ull << 15)

int linux_landlock_version(void) {
  return RESULT_OF(syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION));
}

static uint64_t handled(int version) {
  uint64_t accesses = (LANDLOCK_ACCESS_FS_REFER << 1) - 1;
  if (version >= 3) accesses |= ACCESS_TRUNCATE;
  if (version >= 5) accesses |= ACCESS_IOCTL_DEVICE;
  return accesses;
}

int linux_landlock_begin(int version) {
  struct landlock_ruleset_attr attributes = {.handled_access_fs = handled(version)};
  return RESULT_OF(syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0));
}

static uint64_t accesses_of(enum linux_reach reach, int version, int is_directory) {
  uint64_t of_files = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_TRUNCATE;
  uint64_t accesses = handled(version) & ~(LANDLOCK_ACCESS_FS_EXECUTE | ACCESS_IOCTL_DEVICE);
  if (reach == linux_reach_read) accesses = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
  if (reach == linux_reach_list) accesses = LANDLOCK_ACCESS_FS_READ_DIR;
  return is_directory ? accesses : accesses & of_files;
}

int linux_landlock_allow(int ruleset, int version, const unsigned char *path, enum linux_reach reach) {
  int file = RESULT_OF(open((const char *)path, O_PATH | O_CLOEXEC));
  if (file < 0) return file;
  struct stat status;
  int result = RESULT_OF(fstat(file, &status));
  struct landlock_path_beneath_attr rule = {
      .allowed_access = accesses_of(reach, version, S_ISDIR(status.st_mode)), .parent_fd = file};
  if (result == 0) result = RESULT_OF(syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0));
  close(file);
  return result;
}

int linux_landlock_enforce(int ruleset) { return RESULT_OF(syscall(SYS_landlock_restrict_self, ruleset, 0)); }

static void leave_all_but(int end) {
  int nothing = open("/dev/null", O_RDWR);
  for (int standard = 0; standard < 3; standard++) dup2(nothing, standard);
  dup2(end, 3);
  closefrom(4);
  fcntl(3, F_SETFD, FD_CLOEXEC);
}

int linux_fork_with_socket(const unsigned char *name, int *socket) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return -errno;
  pid_t child = fork();
  if (child == 0) {
    leave_all_but(ends[1]);
    prctl(PR_SET_NAME, name, 0, 0, 0);
    *socket = 3;
    return 0;
  }
  int failure = errno;
  close(ends[1]);
  *socket = ends[0];
  if (child > 0) return child;
  close(ends[0]);
  return -failure;
}

int linux_send_message(int socket, const void *bytes, size_t count, int descriptor) {
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (descriptor >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  int64_t result;
  do result = RESULT_OF(sendmsg(socket, &message, MSG_NOSIGNAL));
  while (result == -EINTR);
  return (int)result;
}

int linux_receive_message(int socket, void *bytes, size_t count, int *descriptor) {
  struct iovec part = {.iov_base = bytes, .iov_len = count};
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  *descriptor = -1;
  int64_t result;
  do result = RESULT_OF(recvmsg(socket, &message, MSG_CMSG_CLOEXEC));
  while (result == -EINTR);
  struct cmsghdr *header = result > 0 ? CMSG_FIRSTHDR(&message) : NULL;
  if (header && header->cmsg_type == SCM_RIGHTS) memcpy(descriptor, CMSG_DATA(header), sizeof *descriptor);
  return (int)result;
}
