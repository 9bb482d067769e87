#!/usr/bin/env python3
"""A passthrough filesystem that is slow: every operation takes so many milliseconds, as a server far away would.

Speaks the kernel's protocol itself (/dev/fuse, root only), with as many threads as operations it shall have under way at once.

Usage: slowfs.py SOURCE MOUNTPOINT [--milliseconds N] [--threads N] [--bytes-per-second N] [--failing FILE]; ends at SIGTERM.
"""
import argparse, ctypes, errno, os, signal, stat, struct, sys, threading, time

libc = ctypes.CDLL(None, use_errno=True)
NO_FOLLOW = dict(follow_symlinks=False)
(LOOKUP, FORGET, GETATTR, SETATTR, READLINK, SYMLINK, MKNOD, MKDIR, UNLINK, RMDIR, RENAME, LINK, OPEN, READ, WRITE, STATFS, RELEASE, FSYNC,
 SETXATTR, GETXATTR, LISTXATTR, REMOVEXATTR, FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR, FSYNCDIR, CREATE, INTERRUPT, DESTROY,
 BATCH_FORGET, FALLOCATE, RENAME2) = (
    1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 35, 36, 38, 42, 43, 45)

CHANGES = {SETATTR, SYMLINK, MKNOD, MKDIR, UNLINK, RMDIR, RENAME, RENAME2, LINK, WRITE, FSYNC, SETXATTR, REMOVEXATTR, FSYNCDIR, CREATE}


class SlowFilesystem:
    def __init__(self, source, milliseconds, bytes_per_second=None, failing=None):
        self.failing = failing
        self.delay, self.bytes_per_second, self.free_at = milliseconds / 1000, bytes_per_second, 0.0
        root = os.open(source, os.O_PATH | os.O_DIRECTORY)
        self.lock = threading.Lock()
        self.nodes = {1: [root, self.key(root), 0]}    # node -> descriptor, (device, inode), lookups
        self.known = {self.nodes[1][1]: 1}
        self.next = 2
        self.files, self.lists, self.next_file = {}, {}, 1
        self.operations = 0

    def pace(self, body):
        """Waits for this write's share of the line."""
        if not self.bytes_per_second: return
        with self.lock:
            self.free_at = max(self.free_at, time.monotonic()) + struct.unpack_from("<QQI", body)[2] / self.bytes_per_second
            wait = self.free_at - time.monotonic()
        time.sleep(max(0, wait))

    def key(self, descriptor):
        s = os.fstat(descriptor)
        return (s.st_dev, s.st_ino)

    def path(self, node): return f"/proc/self/fd/{self.nodes[node][0]}"

    def attributes(self, s):
        times = (s.st_atime_ns, s.st_mtime_ns, s.st_ctime_ns)
        return struct.pack("<QQQQQQIIIIIIIIII", s.st_ino, s.st_size, s.st_blocks, *(t // 10 ** 9 for t in times),
                           *(t % 10 ** 9 for t in times), s.st_mode, s.st_nlink, s.st_uid, s.st_gid,
                           os.major(s.st_rdev) << 8 | os.minor(s.st_rdev), 4096, 0)

    def entry(self, parent, name):
        descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=self.nodes[parent][0])
        s = os.fstat(descriptor)
        with self.lock:
            node = self.known.get((s.st_dev, s.st_ino))
            if node: os.close(descriptor)
            else:
                node = self.next; self.next += 1
                self.nodes[node] = [descriptor, (s.st_dev, s.st_ino), 0]
                self.known[(s.st_dev, s.st_ino)] = node
            self.nodes[node][2] += 1
        return struct.pack("<QQQQII", node, 0, 0, 0, 0, 0) + self.attributes(s)

    def forget(self, node, count):
        with self.lock:
            if node == 1 or node not in self.nodes: return
            self.nodes[node][2] -= count
            if self.nodes[node][2] <= 0:
                descriptor, key, _ = self.nodes.pop(node)
                del self.known[key]
                os.close(descriptor)

    def opened(self, descriptor):
        with self.lock:
            number = self.next_file; self.next_file += 1
            self.files[number] = descriptor
        return struct.pack("<QII", number, 0, 0)

    def answer(self, opcode, node, uid, gid, body):
        names = lambda data: data.split(b"\0")
        at = lambda n=node: {"dir_fd": self.nodes[n][0]}
        if opcode == LOOKUP: return self.entry(node, names(body)[0])
        if opcode == GETATTR: return struct.pack("<QII", 0, 0, 0) + self.attributes(os.fstat(self.nodes[node][0]))
        if opcode == SETATTR: return self.set_attributes(node, body)
        if opcode == READLINK: return os.readlink(b"", **at())
        if opcode == SYMLINK:
            name, target = names(body)[:2]
            os.symlink(target, name, **at()); os.chown(name, uid, gid, **at(), **NO_FOLLOW)
            return self.entry(node, name)
        if opcode == MKNOD:
            mode, device = struct.unpack_from("<II", body)
            name = names(body[16:])[0]
            os.mknod(name, mode, device, **at()); os.chown(name, uid, gid, **at(), **NO_FOLLOW)
            return self.entry(node, name)
        if opcode == MKDIR:
            mode = struct.unpack_from("<I", body)[0]
            name = names(body[8:])[0]
            os.mkdir(name, mode, **at()); os.chown(name, uid, gid, **at(), **NO_FOLLOW)
            return self.entry(node, name)
        if opcode == UNLINK: os.unlink(names(body)[0], **at()); return b""
        if opcode == RMDIR: os.rmdir(names(body)[0], **at()); return b""
        if opcode in (RENAME, RENAME2):
            target, flags = struct.unpack_from("<QI" if opcode == RENAME2 else "<Q", body)[0], 0
            if opcode == RENAME2: flags = struct.unpack_from("<I", body, 8)[0]
            old, new = names(body[16 if opcode == RENAME2 else 8:])[:2]
            if libc.renameat2(self.nodes[node][0], old, self.nodes[target][0], new, flags): raise OSError(ctypes.get_errno(), "")
            return b""
        if opcode == LINK:
            old = struct.unpack_from("<Q", body)[0]
            name = names(body[8:])[0]
            if libc.linkat(-100, self.path(old).encode(), self.nodes[node][0], name, 0x400): raise OSError(ctypes.get_errno(), "")
            return self.entry(node, name)
        if opcode == OPEN:
            return self.opened(os.open(self.path(node), struct.unpack_from("<I", body)[0] & ~(os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW)))
        if opcode == CREATE:
            flags, mode = struct.unpack_from("<II", body)
            name = names(body[16:])[0]
            descriptor = os.open(name, (flags | os.O_CREAT) & ~os.O_NOFOLLOW, mode, **at())
            os.fchown(descriptor, uid, gid)
            return self.entry(node, name) + self.opened(descriptor)
        if opcode == READ:
            file, offset, size = struct.unpack_from("<QQI", body)
            return os.pread(self.files[file], size, offset)
        if opcode == WRITE:
            self.pace(body)
            file, offset, size = struct.unpack_from("<QQI", body)
            return struct.pack("<II", os.pwrite(self.files[file], body[40:40 + size], offset), 0)
        if opcode == STATFS:
            v = os.statvfs(self.path(node))
            return struct.pack("<QQQQQIIII24x", v.f_blocks, v.f_bfree, v.f_bavail, v.f_files, v.f_ffree, v.f_bsize, v.f_namemax, v.f_frsize, 0)
        if opcode == RELEASE: os.close(self.files.pop(struct.unpack_from("<Q", body)[0])); return b""
        if opcode == FSYNC: os.fsync(self.files[struct.unpack_from("<Q", body)[0]]); return b""
        if opcode == FSYNCDIR:
            descriptor = os.open(self.path(node), os.O_RDONLY | os.O_DIRECTORY)
            try: os.fsync(descriptor)
            finally: os.close(descriptor)
            return b""
        if opcode == SETXATTR:
            size, flags = struct.unpack_from("<II", body)
            name, _, rest = body[8:].partition(b"\0")
            os.setxattr(self.path(node), name, rest[:size], flags); return b""
        if opcode == GETXATTR:
            size = struct.unpack_from("<I", body)[0]
            value = os.getxattr(self.path(node), names(body[8:])[0])
            return value if size else struct.pack("<II", len(value), 0)
        if opcode == LISTXATTR:
            size = struct.unpack_from("<I", body)[0]
            value = b"".join(os.fsencode(name) + b"\0" for name in os.listxattr(self.path(node)))
            return value if size else struct.pack("<II", len(value), 0)
        if opcode == REMOVEXATTR: os.removexattr(self.path(node), names(body)[0]); return b""
        if opcode == FALLOCATE:
            file, offset, count, mode = struct.unpack_from("<QQQI", body)
            if libc.fallocate(self.files[file], mode, ctypes.c_long(offset), ctypes.c_long(count)): raise OSError(ctypes.get_errno(), "")
            return b""
        if opcode == OPENDIR:
            rows = [(b".", stat.S_IFDIR, 1), (b"..", stat.S_IFDIR, 1)]
            with os.scandir(self.path(node)) as entries:
                for one in entries:
                    kind = stat.S_IFDIR if one.is_dir(follow_symlinks=False) else stat.S_IFLNK if one.is_symlink() else stat.S_IFREG
                    rows.append((os.fsencode(one.name), kind, one.inode()))
            with self.lock:
                number = self.next_file; self.next_file += 1
                self.lists[number] = rows
            return struct.pack("<QII", number, 0, 0)
        if opcode == READDIR:
            number, offset, size = struct.unpack_from("<QQI", body)
            data = b""
            for i, (name, kind, inode) in enumerate(self.lists[number][offset:], offset + 1):
                row = struct.pack("<QQII", inode, i, len(name), kind >> 12) + name
                row += bytes(-len(row) % 8)
                if len(data) + len(row) > size: break
                data += row
            return data
        if opcode == RELEASEDIR: self.lists.pop(struct.unpack_from("<Q", body)[0], None); return b""
        raise OSError(errno.ENOSYS, "")

    def set_attributes(self, node, body):
        valid, _, file, size, _, atime, mtime, _, atime_ns, mtime_ns, _, mode, _, uid, gid = struct.unpack_from("<IIQQQQQQIIIIIII", body)
        path = self.path(node)
        s = os.fstat(self.nodes[node][0])
        if valid & 6: 
            empty = os.chown(path, uid if valid & 2 else -1, gid if valid & 4 else -1) if not stat.S_ISLNK(s.st_mode) else \
                libc.fchownat(self.nodes[node][0], b"", uid if valid & 2 else -1, gid if valid & 4 else -1, 0x1100)
            if empty: raise OSError(ctypes.get_errno(), "")
        if valid & 1: os.chmod(path, stat.S_IMODE(mode))
        if valid & 8: os.truncate(path, size)
        if valid & 0x1b0:
            now = time.time_ns()
            a = (now if valid & 0x80 else atime * 10 ** 9 + atime_ns) if valid & 0x90 else s.st_atime_ns
            m = (now if valid & 0x100 else mtime * 10 ** 9 + mtime_ns) if valid & 0x120 else s.st_mtime_ns
            if stat.S_ISLNK(s.st_mode):
                times = struct.pack("<qqqq", a // 10 ** 9, a % 10 ** 9, m // 10 ** 9, m % 10 ** 9)
                if libc.utimensat(self.nodes[node][0], b"", times, 0x1100): raise OSError(ctypes.get_errno(), "")
            else: os.utime(path, ns=(a, m))
        return struct.pack("<QII", 0, 0, 0) + self.attributes(os.fstat(self.nodes[node][0]))

    def serve(self, device):
        while True:
            try: request = os.read(device, (1 << 20) + 8192)
            except OSError as error:
                if error.errno in (errno.EINTR, errno.EAGAIN, errno.ENOENT): continue
                return
            length, opcode, unique, node, uid, gid, _, _ = struct.unpack_from("<IIQQIIII", request)
            body = request[40:length]
            if opcode == FORGET: self.forget(node, struct.unpack_from("<Q", body)[0]); continue
            if opcode == BATCH_FORGET:
                for i in range(struct.unpack_from("<I", body)[0]): self.forget(*struct.unpack_from("<QQ", body, 8 + 16 * i))
                continue
            if opcode in (INTERRUPT, DESTROY): continue
            failure, reply = 0, b""
            if opcode == INIT:
                reply = struct.pack("<IIIIHHIIHHI28x", 7, 31, 1 << 20, (1 << 5) | (1 << 22) | (1 << 18), 64, 48, 1 << 20, 1, 256, 0, 0)
            else:
                if opcode not in (FLUSH, RELEASE, RELEASEDIR):
                    self.operations += 1
                    time.sleep(self.delay)
                try:
                    if self.failing and opcode in CHANGES and os.path.exists(self.failing): raise OSError(errno.EIO, "failing")
                    reply = self.answer(opcode, node, uid, gid, body)
                except OSError as error: failure = error.errno or errno.EIO
                except Exception as error:
                    print(f"slowfs: opcode {opcode}: {error!r}", file=sys.stderr, flush=True)
                    failure = errno.EIO
            if failure: reply = b""
            try: os.write(device, struct.pack("<IiQ", 16 + len(reply), -failure, unique) + reply)
            except OSError: pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("source"); parser.add_argument("mountpoint")
    parser.add_argument("--milliseconds", type=float, default=20); parser.add_argument("--threads", type=int, default=64)
    parser.add_argument("--bytes-per-second", type=int, help="what all writes together may take")
    parser.add_argument("--failing", metavar="FILE", help="while it is there every change fails with EIO")
    given = parser.parse_args()
    os.umask(0)
    slow = SlowFilesystem(given.source, given.milliseconds, given.bytes_per_second, given.failing)
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other"
    if libc.mount(b"slowfs", os.fsencode(os.path.abspath(given.mountpoint)), b"fuse.slowfs", 0, options.encode()):
        raise SystemExit(f"mount: {os.strerror(ctypes.get_errno())}")

    def end(*_):
        libc.umount2(os.fsencode(os.path.abspath(given.mountpoint)), 2)
        os._exit(0)
    signal.signal(signal.SIGTERM, end)
    threads = [threading.Thread(target=slow.serve, args=(device,), daemon=True) for _ in range(given.threads)]
    for thread in threads: thread.start()
    for thread in threads:
        while thread.is_alive(): thread.join(1)


if __name__ == "__main__": main()
