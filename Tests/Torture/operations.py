"""System calls of the torture scenarios that are made twice: on a mount and in a shadow directory on the host's filesystem."""
import ctypes, os, stat

libc = ctypes.CDLL(None, use_errno=True)
EXCHANGE, NO_REPLACE = 2, 1
KEEP_SIZE, PUNCH, ZERO = 1, 2, 16
PAGE = 4096


def called(result, *paths):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), *paths)


def rename2(old, new, flags):
    called(libc.renameat2(-100, os.fsencode(old), -100, os.fsencode(new), flags), old)


def allocate(descriptor, mode, offset, count):
    called(libc.fallocate(descriptor, mode, ctypes.c_long(offset), ctypes.c_long(count)))


def write_all(descriptor, data, offset):
    """A short count means that the filesystem died after the first of several requests; the next call tells."""
    while data:
        count = os.pwrite(descriptor, data, offset)
        data, offset = data[count:], offset + count


class Operation:
    """One system call with its arguments; `perform` makes it below `top`. Paths are relative."""

    def __init__(self, kind, paths, **values):
        self.kind, self.paths, self.values = kind, paths, values

    def __repr__(self):
        values = {k: (f"{len(v)}x{v[:1].hex()}" if isinstance(v, bytes) else v) for k, v in self.values.items()}
        return f"{self.kind} {' '.join(self.paths)} {values}"

    def perform(self, top, slots):
        """Returns what it showed, to be compared; raises OSError."""
        v = self.values
        p = [os.path.join(top, path) for path in self.paths]
        kind = self.kind
        if kind == "create":
            os.close(os.open(p[0], os.O_CREAT | os.O_EXCL | os.O_WRONLY, v["mode"]))
        elif kind in ("write", "append"):
            d = os.open(p[0], os.O_WRONLY | (os.O_APPEND if kind == "append" else 0))
            try:
                write_all(d, v["bytes"], v["offset"])
                if v["sync"]: os.fsync(d)
            finally: os.close(d)
        elif kind == "slot write":
            write_all(slots[v["slot"]], v["bytes"], v["offset"])
        elif kind == "slot truncate": os.ftruncate(slots[v["slot"]], v["size"])
        elif kind == "slot read": return os.pread(slots[v["slot"]], v["count"], v["offset"])
        elif kind == "slot open": slots[v["slot"]] = os.open(p[0], os.O_RDWR)
        elif kind == "slot close": os.close(slots.pop(v["slot"]))
        elif kind == "truncate": os.truncate(p[0], v["size"])
        elif kind == "open truncate": os.close(os.open(p[0], os.O_WRONLY | os.O_TRUNC))
        elif kind == "allocate":
            d = os.open(p[0], os.O_RDWR)
            try: allocate(d, v["mode"], v["offset"], v["count"])
            finally: os.close(d)
        elif kind == "rename": os.rename(*p)
        elif kind == "rename2": rename2(*p, v["flags"])
        elif kind == "link": os.link(*p, follow_symlinks=False)
        elif kind == "unlink": os.unlink(p[0])
        elif kind == "mkdir": os.mkdir(p[0], v["mode"])
        elif kind == "rmdir": os.rmdir(p[0])
        elif kind == "symlink": os.symlink(v["target"], p[0])
        elif kind == "mknod": os.mknod(p[0], v["mode"])
        elif kind == "chmod": os.chmod(p[0], v["mode"])
        elif kind == "chown": os.lchown(p[0], v["uid"], v["gid"])
        elif kind == "utimens": os.utime(p[0], ns=v["ns"], follow_symlinks=False)
        elif kind == "setxattr": os.setxattr(p[0], v["name"], v["value"], v["flags"], follow_symlinks=False)
        elif kind == "removexattr": os.removexattr(p[0], v["name"], follow_symlinks=False)
        elif kind == "read":
            with open(p[0], "rb") as file: return file.read()
        elif kind == "list": return sorted(os.listdir(p[0]))
        elif kind == "stat":
            s = os.lstat(p[0])
            return (s.st_mode, s.st_uid, s.st_gid, s.st_nlink, None if stat.S_ISDIR(s.st_mode) else s.st_size, s.st_mtime_ns)
        else: raise AssertionError(kind)
        return None

    def timed(self):
        """Relative paths whose mtime this operation sets to the clock."""
        kind = self.kind
        if kind in ("write", "append", "truncate", "open truncate", "allocate"): return list(self.paths)
        if kind in ("create", "mkdir", "symlink", "mknod"): return [self.paths[0], os.path.dirname(self.paths[0])]
        if kind in ("unlink", "rmdir"): return [os.path.dirname(self.paths[0])]
        if kind == "link": return [os.path.dirname(self.paths[1])]
        if kind in ("rename", "rename2"): return [os.path.dirname(path) for path in self.paths]
        return []

    def requests(self, top):
        """The changes of which this one may consist, in order. The kernel makes two requests of a write(2) that begins inside a page it
        does not have: up to that page's end, and the rest. The second one given here writes all, but nowhere else."""
        v = self.values
        if self.kind not in ("write", "append", "slot write", "sync write"): return [self]
        offset = v["offset"]
        if self.kind == "append":
            try: offset = os.stat(os.path.join(top, self.paths[0])).st_size
            except OSError: return [self]
        kind = "slot write" if self.kind == "slot write" else "write"
        first = -offset % PAGE
        lengths = ([first] if 0 < first < len(v["bytes"]) else []) + [len(v["bytes"])]
        return [Operation(kind, self.paths, **(v | {"bytes": v["bytes"][:length], "offset": offset, "sync": False})) for length in lengths]
