"""A passthrough filesystem that makes every operation wait: `slowfs.py SOURCE MOUNTPOINT CONTROL`.

The directory CONTROL has the file `delay`, milliseconds for each operation and, after a space, the errno with which all then fail, read
again for each; every operation is appended to `trace` there. With a file `no-free-files` there statfs tells of
none. Debian's python3-fusepy.
"""
import os, sys, threading, time
from fusepy import FUSE, FuseOSError, Operations

source, mountpoint, control = (os.path.abspath(path) for path in sys.argv[1:4])
STATUS = ("st_mode", "st_nlink", "st_size", "st_uid", "st_gid", "st_blocks", "st_ino", "st_rdev")
UTIME_NOW, UTIME_OMIT = (1 << 30) - 1, (1 << 30) - 2
FIGURES = ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_favail", "f_ffree", "f_files", "f_flag", "f_frsize", "f_namemax")


class Slow(Operations):
    use_ns = True
    # Without it libfuse 2 does nothing when only one time is to be set.
    flag_utime_omit_ok = 1

    def __init__(self):
        self.trace = open(control + "/trace", "a", buffering=1)

    def __call__(self, operation, path, *arguments):
        if operation not in ("init", "destroy"):
            with open(control + "/delay") as file: delay, *failure = file.read().split() or ["0"]
            time.sleep(int(delay) / 1000)
            self.trace.write(f"{operation} {path}\n")
            if failure: raise FuseOSError(int(failure[0]))
        return getattr(self, operation)(source + path if path else path, *arguments)

    def getattr(self, path, handle=None):
        status = os.fstat(handle) if handle else os.lstat(path)
        times = {name: getattr(status, name + "_ns") for name in ("st_atime", "st_mtime", "st_ctime")}
        return {**{name: getattr(status, name) for name in STATUS}, **times}

    def readdir(self, path, handle): return [".", ".."] + os.listdir(path)

    def statfs(self, path):
        figures = os.statvfs(path)
        found = {name: getattr(figures, name) for name in FIGURES}
        return found | ({"f_ffree": 0, "f_favail": 0} if os.path.exists(control + "/no-free-files") else {})

    def mkdir(self, path, mode): return os.mkdir(path, mode)
    def rmdir(self, path): return os.rmdir(path)
    def unlink(self, path): return os.unlink(path)
    def rename(self, path, target): return os.rename(path, source + target)
    def link(self, path, target): return os.link(source + target, path)
    def symlink(self, path, target): return os.symlink(target, path)
    def readlink(self, path): return os.readlink(path)
    def chmod(self, path, mode): return os.chmod(path, mode)
    def chown(self, path, user, group): return os.lchown(path, user, group)
    def utimens(self, path, times=None):
        status, now = os.lstat(path), time.time_ns()
        kept = {UTIME_OMIT: None, UTIME_NOW: now}
        accessed, modified = [kept.get(stamp, stamp) for stamp in times or (UTIME_NOW, UTIME_NOW)]
        accessed = status.st_atime_ns if accessed is None else accessed
        modified = status.st_mtime_ns if modified is None else modified
        os.utime(path, ns=(accessed, modified), follow_symlinks=False)

    def mknod(self, path, mode, device): return os.mknod(path, mode, device)
    def create(self, path, mode, info=None): return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, mode)
    def open(self, path, flags): return os.open(path, flags)
    def read(self, path, count, offset, handle): return os.pread(handle, count, offset)
    def write(self, path, data, offset, handle): return os.pwrite(handle, data, offset)
    def truncate(self, path, size, handle=None): return os.ftruncate(handle, size) if handle else os.truncate(path, size)
    def flush(self, path, handle): return 0
    def release(self, path, handle): return os.close(handle)
    def fsync(self, path, data_only, handle): return os.fdatasync(handle) if data_only else os.fsync(handle)
    def setxattr(self, path, name, value, flags, position=0): return os.setxattr(path, name, value, flags, follow_symlinks=False)
    def getxattr(self, path, name, position=0): return os.getxattr(path, name, follow_symlinks=False)
    def listxattr(self, path): return os.listxattr(path, follow_symlinks=False)
    def removexattr(self, path, name): return os.removexattr(path, name, follow_symlinks=False)


FUSE(Slow(), mountpoint, foreground=True, allow_other=True, default_permissions=True, big_writes=True, fsname="slowfs")
