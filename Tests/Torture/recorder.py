#!/usr/bin/env python3
"""A directory of disk images whose every write and flush is recorded, for loop devices (`losetup --direct-io=on`) over its files.

Speaks the kernel's protocol itself (/dev/fuse, root only) with one thread: the order of the record is the order of completion over all
images. A write is answered once it is in the record and in the image; a flush (the loop device sends one as fsync) says that every write
answered before it is on stable storage. There is no FUA: the block layer makes it a write and a flush. Discarding is refused.

The record is two files: `log`, one `ENTRY` for each write or flush, and `log.bytes`, what was written. `log.count` holds how many entries
there are, as a number that is mapped by those who must know what had been written at a moment.

Usage: recorder.py DIRECTORY MOUNTPOINT LOG; ends at SIGTERM.
"""
import ctypes, errno, mmap, os, signal, stat, struct, sys, time

libc = ctypes.CDLL(None, use_errno=True)
LOOKUP, FORGET, GETATTR, OPEN, READ, WRITE, STATFS, RELEASE, FSYNC, FLUSH, INIT, INTERRUPT, DESTROY, BATCH_FORGET = (
    1, 2, 3, 14, 15, 16, 17, 18, 20, 25, 26, 36, 38, 42)
# Image number, 1 for a flush, offset and length in the image, where the bytes are in `log.bytes`, monotonic seconds.
ENTRY = struct.Struct("<BBxxIQQd")
DIRECT_IO, ASYNC_READ, BIG_WRITES, MAX_PAGES = 1, 1 << 0, 1 << 5, 1 << 22


class Log:
    """What was recorded; entries are (image, is flush, length, offset, position, time)."""

    def __init__(self, path):
        with open(path, "rb") as file: packed = file.read()
        self.entries = list(ENTRY.iter_unpack(packed[:len(packed) // ENTRY.size * ENTRY.size]))
        self.file = open(path + ".bytes", "rb")

    def bytes(self, entry): return os.pread(self.file.fileno(), entry[2], entry[4])


class Counter:
    """How many entries were recorded so far, from another process."""

    def __init__(self, path):
        with open(path + ".count", "rb") as file: self.number = memoryview(mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ)).cast("Q")

    def read(self): return self.number[0]   # one load, as one store wrote it


class Recorder:
    def __init__(self, folder, path):
        self.names = sorted(os.listdir(folder))
        self.images = [os.open(os.path.join(folder, name), os.O_RDWR) for name in self.names]
        self.log, self.data = open(path, "wb", buffering=0), open(path + ".bytes", "wb", buffering=0)
        with open(path + ".count", "w+b") as file:
            file.write(bytes(8)); file.flush()
            self.count = memoryview(mmap.mmap(file.fileno(), 8)).cast("Q")
        self.position = self.entries = 0

    def record(self, image, is_flush, offset, bytes):
        if not is_flush:
            self.data.write(bytes)
            if os.pwrite(self.images[image], bytes, offset) != len(bytes): raise OSError(errno.EIO, "")
        self.log.write(ENTRY.pack(image, is_flush, len(bytes), offset, self.position, time.monotonic()))
        self.position += len(bytes)
        self.entries += 1
        self.count[0] = self.entries

    def attributes(self, node):
        size, mode = (4096, stat.S_IFDIR | 0o700) if node == 1 else (os.fstat(self.images[node - 2]).st_size, stat.S_IFREG | 0o600)
        return struct.pack("<QQQQQQIIIIIIIIII", node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)

    def answer(self, opcode, node, body):
        if opcode == LOOKUP:
            name = os.fsdecode(bytes(body).split(b"\0")[0])
            if node != 1 or name not in self.names: raise OSError(errno.ENOENT, "")
            node = 2 + self.names.index(name)
            return struct.pack("<QQQQII", node, 0, 3600, 3600, 0, 0) + self.attributes(node)
        if opcode == GETATTR: return struct.pack("<QII", 3600, 0, 0) + self.attributes(node)
        if opcode == OPEN: return struct.pack("<QII", node, DIRECT_IO, 0)
        if opcode == READ:
            _, offset, size = struct.unpack_from("<QQI", body)
            return os.pread(self.images[node - 2], size, offset)
        if opcode == WRITE:
            _, offset, size = struct.unpack_from("<QQI", body)
            self.record(node - 2, 0, offset, body[40:40 + size])
            return struct.pack("<II", size, 0)
        if opcode == FSYNC: self.record(node - 2, 1, 0, b""); return b""
        if opcode == STATFS: return struct.pack("<QQQQQIIII24x", 0, 0, 0, 0, 0, 4096, 255, 4096, 0)
        if opcode in (FLUSH, RELEASE): return b""
        raise OSError(errno.ENOSYS, "")

    def serve(self, device):
        buffer = memoryview(bytearray((1 << 20) + 8192))
        while True:
            try: length = os.readv(device, [buffer])
            except OSError as error:
                if error.errno in (errno.EINTR, errno.EAGAIN, errno.ENOENT): continue
                return
            _, opcode, unique, node = struct.unpack_from("<IIQQ", buffer)
            if opcode in (FORGET, BATCH_FORGET, INTERRUPT, DESTROY): continue
            failure, reply = 0, b""
            if opcode == INIT:
                reply = struct.pack("<IIIIHHIIHHI28x", 7, 31, 1 << 20, ASYNC_READ | BIG_WRITES | MAX_PAGES, 64, 48, 1 << 20, 1, 256, 0, 0)
            else:
                try: reply = self.answer(opcode, node, buffer[40:length])
                except OSError as error: failure = error.errno or errno.EIO
            if failure: reply = b""
            try: os.write(device, struct.pack("<IiQ", 16 + len(reply), -failure, unique) + reply)
            except OSError: pass


def main():
    folder, point, log = sys.argv[1:]
    recorder = Recorder(folder, log)
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0"
    if libc.mount(b"recorder", os.fsencode(os.path.abspath(point)), b"fuse.recorder", 0, options.encode()):
        raise SystemExit(f"mount: {os.strerror(ctypes.get_errno())}")

    def end(*_):
        libc.umount2(os.fsencode(os.path.abspath(point)), 2)
        os._exit(0)
    signal.signal(signal.SIGTERM, end)
    recorder.serve(device)


if __name__ == "__main__": main()
