"""Contents: open flags, reading and writing, holes, allocation, copies, mappings, and files without a name."""
import ctypes, errno, mmap, os, random, stat, subprocess
from battery import *

KEEP_SIZE, PUNCH_HOLE, COLLAPSE, ZERO_RANGE, INSERT, UNSHARE = 1, 2, 8, 16, 32, 64
MIB = 1 << 20


def fallocate(descriptor, flags, offset, count):
    call("fallocate", descriptor, flags, long(offset), long(count))


def linkat(descriptor, path):
    call("linkat", -100, f"/proc/self/fd/{descriptor}".encode(), -100, os.fsencode(path), 0x400)


@claim
def open_flags_are_honoured():
    refused(errno.ENOENT, os.open, "f", os.O_WRONLY)
    with Opened("f", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640) as descriptor:
        expect(os.write(descriptor, b"0123456789"), 10)
        refused(errno.EBADF, os.read, descriptor, 1)
    refused(errno.EEXIST, os.open, "f", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    with Opened("f") as descriptor:
        refused(errno.EBADF, os.write, descriptor, b"x")
        refused(errno.EINVAL, os.ftruncate, descriptor, 0)
    with Opened("f", os.O_WRONLY | os.O_CREAT):
        expect(os.stat("f").st_size, 10)
    with Opened("f", os.O_RDWR | os.O_TRUNC) as descriptor:
        expect(os.fstat(descriptor).st_size, 0)
        os.write(descriptor, b"new")
    expect(get("f"), b"new")
    with Opened("f", os.O_WRONLY | os.O_APPEND) as descriptor:
        os.write(descriptor, b"+1")
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, b"+2")
        os.pwrite(descriptor, b"+3", 0)
    expect(get("f"), b"new+1+2+3")
    with Opened("f", os.O_RDWR | os.O_APPEND) as one, Opened("f", os.O_RDWR | os.O_APPEND) as other:
        os.write(one, b"a")
        os.write(other, b"b")
        os.write(one, b"c")
    expect(get("f"), b"new+1+2+3abc")
    with Opened("f", os.O_PATH) as descriptor:
        refused(errno.EBADF, os.read, descriptor, 1)
        expect(os.fstat(descriptor).st_size, 12)
    for flags in (os.O_SYNC, os.O_DSYNC):
        with Opened("s", os.O_RDWR | os.O_CREAT | flags) as descriptor:
            expect(os.write(descriptor, b"synchronous"), 11)
    expect(get("s"), b"synchronous")


@claim
def reads_and_writes_are_exact():
    seed = int(os.environ.get("EBBFS_SEED", "1"))
    generator = random.Random(seed)
    model = bytearray()
    with Opened("f", os.O_RDWR | os.O_CREAT) as descriptor:
        for step in range(300):
            offset, count = generator.randrange(0, 300_000), generator.choice((1, 511, 4096, 4097, 20_000))
            choice = generator.randrange(10)
            if choice < 5:
                data = generator.randbytes(count)
                expect(os.pwrite(descriptor, data, offset), count)
                model.extend(bytes(max(0, offset + count - len(model))))
                model[offset:offset + count] = data
            elif choice < 6:
                os.ftruncate(descriptor, offset)
                model = model[:offset].ljust(offset, b"\0")
            elif choice < 7:
                fallocate(descriptor, PUNCH_HOLE | KEEP_SIZE, offset, count)
                end = min(len(model), offset + count)
                model[offset:end] = bytes(max(0, end - offset))
            elif choice < 8:
                os.fsync(descriptor)
            got = os.pread(descriptor, count, offset)
            if got != bytes(model[offset:offset + count]):
                return fail(f"seed {seed}, step {step}: other bytes at {offset}")
            expect(os.fstat(descriptor).st_size, len(model))
    expect(get("f") == bytes(model), True)


@claim
def offsets_are_checked():
    with Opened("f", os.O_RDWR | os.O_CREAT) as descriptor:
        os.write(descriptor, b"0123456789")
        refused(errno.EINVAL, os.pread, descriptor, 1, -1)
        refused(errno.EINVAL, os.pwrite, descriptor, b"x", -1)
        refused(errno.EINVAL, os.lseek, descriptor, -1, os.SEEK_SET)
        refused(errno.EINVAL, os.lseek, descriptor, 0, 99)
        refused(errno.EINVAL, os.ftruncate, descriptor, -1)
        refused(errno.EINVAL, os.truncate, "f", -1)
        expect(os.lseek(descriptor, -3, os.SEEK_END), 7)
        expect(os.read(descriptor, 100), b"789")
        expect(os.read(descriptor, 100), b"")
        expect(os.pread(descriptor, 10, 1000), b"")
        expect(os.lseek(descriptor, 1 << 40, os.SEEK_SET), 1 << 40)
        expect(os.read(descriptor, 1), b"")
        expect(os.preadv(descriptor, [bytearray(3), bytearray(4)], 2), 7)
        expect(os.pwritev(descriptor, [b"ab", b"", b"cd"], 20), 4)
        expect(os.fstat(descriptor).st_size, 24)
        expect(os.pread(descriptor, 14, 8), b"89" + bytes(10) + b"ab")


@claim
def sizes_above_the_limit_are_EFBIG():
    with Opened("f", os.O_RDWR | os.O_CREAT) as descriptor:
        refused(errno.EFBIG, os.ftruncate, descriptor, 1 << 62)
        refused(errno.EFBIG, os.pwrite, descriptor, b"x", (1 << 62))
        refused(errno.EFBIG, fallocate, descriptor, 0, 1 << 62, 4096)
        expect(os.fstat(descriptor).st_size, 0)
        os.ftruncate(descriptor, 1 << 43)
        expect(os.fstat(descriptor).st_size, 1 << 43)
        expect(os.pwrite(descriptor, b"far", (1 << 43) - 3), 3)
        expect(os.pread(descriptor, 10, (1 << 43) - 5), b"\0\0far")
        expect(os.fstat(descriptor).st_blocks < 1000, True)
        os.ftruncate(descriptor, 0)
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        with Opened("g", os.O_RDWR | os.O_CREAT) as descriptor:
            expect(os.pwrite(descriptor, b"x" * 20_000, 0), 10_000)
            refused(errno.EFBIG, os.pwrite, descriptor, b"x", 10_000)
            refused(errno.EFBIG, os.ftruncate, descriptor, 10_001)
    os.chmod(".", 0o777)
    as_user(0, limited)


@claim
def truncation_gives_zeros():
    put("f", b"x" * 10_000)
    os.truncate("f", 5000)
    os.truncate("f", 9000)
    expect(get("f"), b"x" * 5000 + bytes(4000))
    os.truncate("f", 0)
    os.truncate("f", 3)
    expect(get("f"), bytes(3))
    with Opened("f", os.O_RDWR) as descriptor:
        os.pwrite(descriptor, b"end", 8190)
        os.ftruncate(descriptor, 8191)
        os.ftruncate(descriptor, 8194)
        expect(os.pread(descriptor, 10, 8186), bytes(4) + b"e" + bytes(3))
    os.mkfifo("p")
    refused(errno.EINVAL, os.truncate, "p", 0)


@claim
def holes_are_found():
    with Opened("f", os.O_RDWR | os.O_CREAT) as descriptor:
        refused(errno.ENXIO, os.lseek, descriptor, 0, os.SEEK_DATA)
        refused(errno.ENXIO, os.lseek, descriptor, 0, os.SEEK_HOLE)
        os.pwrite(descriptor, b"d" * MIB, 0)
        os.pwrite(descriptor, b"d" * MIB, 3 * MIB)
        os.ftruncate(descriptor, 6 * MIB)
        for synced in (False, True):
            if synced:
                os.fsync(descriptor)
            expect(os.lseek(descriptor, 0, os.SEEK_DATA), 0)
            expect(os.lseek(descriptor, 5, os.SEEK_DATA), 5)
            expect(os.lseek(descriptor, 0, os.SEEK_HOLE), MIB)
            expect(os.lseek(descriptor, MIB, os.SEEK_DATA), 3 * MIB)
            expect(os.lseek(descriptor, 2 * MIB, os.SEEK_HOLE), 2 * MIB)
            expect(os.lseek(descriptor, 3 * MIB, os.SEEK_HOLE), 4 * MIB)
            refused(errno.ENXIO, os.lseek, descriptor, 4 * MIB, os.SEEK_DATA)
            expect(os.lseek(descriptor, 5 * MIB, os.SEEK_HOLE), 5 * MIB)
            refused(errno.ENXIO, os.lseek, descriptor, 6 * MIB, os.SEEK_HOLE)
            refused(errno.ENXIO, os.lseek, descriptor, 6 * MIB, os.SEEK_DATA)
            refused(errno.ENXIO, os.lseek, descriptor, -1, os.SEEK_DATA)
        fallocate(descriptor, PUNCH_HOLE | KEEP_SIZE, 0, MIB)
        expect(os.lseek(descriptor, 0, os.SEEK_DATA), 3 * MIB)
        expect(os.pread(descriptor, MIB, 0), bytes(MIB))
    put("full", b"x" * 5000)
    with Opened("full") as descriptor:
        expect(os.lseek(descriptor, 0, os.SEEK_HOLE), 5000)
        expect(os.lseek(descriptor, 4999, os.SEEK_DATA), 4999)
        refused(errno.ENXIO, os.lseek, descriptor, 5000, os.SEEK_DATA)


@claim
def allocation_keeps_or_grows_the_size():
    with Opened("f", os.O_RDWR | os.O_CREAT) as descriptor:
        os.write(descriptor, b"x" * 10_000)
        fallocate(descriptor, 0, 0, 20_000)
        expect(os.fstat(descriptor).st_size, 20_000)
        expect(os.pread(descriptor, 20_000, 0), b"x" * 10_000 + bytes(10_000))
        fallocate(descriptor, KEEP_SIZE, 15_000, 20_000)
        expect(os.fstat(descriptor).st_size, 20_000)
        fallocate(descriptor, PUNCH_HOLE | KEEP_SIZE, 100, 200)
        expect(os.pread(descriptor, 300, 50), b"x" * 50 + bytes(200) + b"x" * 50)
        fallocate(descriptor, ZERO_RANGE, 9000, 1000)
        expect(os.pread(descriptor, 1010, 8995), b"x" * 5 + bytes(1005))
        fallocate(descriptor, ZERO_RANGE | KEEP_SIZE, 19_000, 5000)
        expect(os.fstat(descriptor).st_size, 20_000)
        fallocate(descriptor, ZERO_RANGE, 19_000, 5000)
        expect(os.fstat(descriptor).st_size, 24_000)
        fallocate(descriptor, PUNCH_HOLE | KEEP_SIZE, 23_000, 100_000)
        expect(os.fstat(descriptor).st_size, 24_000)
        refused(errno.EINVAL, fallocate, descriptor, 0, 0, 0)
        refused(errno.EINVAL, fallocate, descriptor, 0, -1, 10)
        refused(errno.EINVAL, fallocate, descriptor, 0, 0, -1)
        refused(errno.EOPNOTSUPP, fallocate, descriptor, PUNCH_HOLE, 0, 10)
        os.posix_fallocate(descriptor, 24_000, 1000)
        expect(os.fstat(descriptor).st_size, 25_000)
    with Opened("f") as descriptor:
        refused(errno.EBADF, fallocate, descriptor, 0, 0, 10)
    os.mkfifo("p")
    with Opened("p", os.O_RDWR) as descriptor:
        refused(errno.ESPIPE, fallocate, descriptor, 0, 0, 10)


@claim
@not_ext4
def other_allocation_modes_are_EOPNOTSUPP():
    with Opened("f", os.O_RDWR | os.O_CREAT) as descriptor:
        os.write(descriptor, b"x" * 16_384)
        for flags in (COLLAPSE, INSERT, UNSHARE):
            refused(errno.EOPNOTSUPP, fallocate, descriptor, flags, 0, 4096)
        expect(os.pread(descriptor, 20_000, 0), b"x" * 16_384)


@claim
def ranges_are_copied():
    data = os.urandom(300_000)
    put("source", data)
    with Opened("source", os.O_RDWR) as source, Opened("target", os.O_RDWR | os.O_CREAT) as target:
        copied = 0
        while copied < 300_000 and (count := os.copy_file_range(source, target, 300_000 - copied, copied, copied)):
            copied += count
        expect(copied, 300_000)
        expect(get("target") == data, True)
        expect(os.copy_file_range(source, target, 1000, 299_500, 0), 500)
        expect(os.pread(target, 500, 0), data[299_500:])
        expect(os.copy_file_range(source, target, 10, 400_000, 0), 0)
        expect(os.copy_file_range(source, target, 5, 7, 400_000), 5)
        expect(os.pread(target, 9, 399_998), bytes(2) + data[7:12])
        refused(errno.EINVAL, os.copy_file_range, source, source, 100, 0, 50)
        expect(os.copy_file_range(source, source, 100, 0, 1000), 100)
        expect(os.pread(source, 100, 1000), data[:100])
    with Opened("source") as source, Opened("target", os.O_WRONLY | os.O_APPEND) as target:
        refused(errno.EBADF, os.copy_file_range, source, target, 10, 0)
    with Opened("source") as source, Opened("target") as target:
        refused(errno.EBADF, os.copy_file_range, source, target, 10, 0, 0)
    os.mkdir("d")
    with Opened("d") as source, Opened("target", os.O_WRONLY) as target:
        refused(errno.EISDIR, os.copy_file_range, source, target, 10, 0, 0)


@claim
@not_ext4
def direct_io_takes_any_alignment():
    put("f")
    with Opened("f", os.O_RDWR | os.O_DIRECT) as descriptor:
        for count, offset in ((512, 0), (100, 7), (4097, 3), (1, 99_999), (70_000, 12_345)):
            area = mmap.mmap(-1, count + 3)
            view = memoryview(area)[3:]
            view[:] = bytes([count % 251]) * count
            expect(os.pwritev(descriptor, [view], offset), count)
            back = memoryview(mmap.mmap(-1, count + 3))[3:]
            expect(os.preadv(descriptor, [back], offset), count)
            expect(bytes(back) == bytes(view), True)
    with Opened("f") as descriptor:
        expect(os.pread(descriptor, 100, 12_345), bytes([70_000 % 251]) * 100)


@claim
def direct_and_buffered_io_agree():
    with Opened("f", os.O_RDWR | os.O_CREAT) as buffered, Opened("f", os.O_RDWR | os.O_DIRECT) as direct:
        area = mmap.mmap(-1, 8192)
        area[:] = b"D" * 8192
        os.pwrite(buffered, b"b" * 16_384, 0)
        expect(os.pwritev(direct, [area], 4096), 8192)
        expect(os.pread(buffered, 16_384, 0), b"b" * 4096 + b"D" * 8192 + b"b" * 4096)
        os.pwrite(buffered, b"c" * 4096, 4096)
        expect(os.preadv(direct, [area], 4096), 8192)
        expect(area[:], b"c" * 4096 + b"D" * 4096)


@claim
def mappings_and_descriptors_agree():
    with Opened("f", os.O_RDWR | os.O_CREAT) as descriptor:
        os.ftruncate(descriptor, 10_000)
        with mmap.mmap(descriptor, 10_000) as shared:
            shared[5000:5005] = b"store"
            expect(os.pread(descriptor, 5, 5000), b"store")
            os.pwrite(descriptor, b"write", 100)
            expect(shared[100:105], b"write")
            shared.flush()
            expect(get("f")[5000:5005], b"store")
            shared[9999:10_000] = b"!"
        with mmap.mmap(descriptor, 10_000, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE) as private:
            private[0:7] = b"private"
            expect(os.pread(descriptor, 7, 0), bytes(7))
        child = os.fork()
        if child == 0:
            with mmap.mmap(descriptor, 10_000) as theirs:
                theirs[200:205] = b"child"
            os._exit(0)
        os.waitpid(child, 0)
        expect(os.pread(descriptor, 5, 200), b"child")
    expect(get("f")[9998:], b"\0!")
    with open("f", "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as readable:
        expect(readable[5000:5005], b"store")
        os.unlink("f")
        expect(readable[200:205], b"child")


@claim
def programs_run_from_it():
    put("script", b"#!/bin/sh\necho ran $1\n", 0o755)
    expect(subprocess.run(["./script", "well"], capture_output=True).stdout, b"ran well\n")
    subprocess.run(["cp", "/bin/true", "true"])
    expect(subprocess.run(["./true"]).returncode, 0)
    os.chmod("true", 0o644)
    refused(errno.EACCES, os.execv, "./true", ["true"])


@claim
def unlinked_files_work_while_open():
    with Opened("f", os.O_RDWR | os.O_CREAT) as descriptor:
        os.write(descriptor, b"before")
        number = os.fstat(descriptor).st_ino
        os.unlink("f")
        expect(os.listdir(), [])
        status = os.fstat(descriptor)
        expect((status.st_nlink, status.st_ino, status.st_size), (0, number, 6))
        expect(os.write(descriptor, b" after"), 6)
        expect(os.pread(descriptor, 20, 0), b"before after")
        os.ftruncate(descriptor, 3)
        os.fsync(descriptor)
        os.fchmod(descriptor, 0o611)
        expect(stat.S_IMODE(os.fstat(descriptor).st_mode), 0o611)
        expect(os.pread(descriptor, 20, 0), b"bef")
        put("f", b"another")
        holds(os.stat("f").st_ino != number)
        expect(os.pread(descriptor, 20, 0), b"bef")
        os.setxattr(descriptor, "user.x", b"y")
        expect(os.getxattr(descriptor, "user.x"), b"y")
        refused(errno.ENOENT, linkat, descriptor, "again")
        with Opened(f"/proc/self/fd/{descriptor}") as second:
            expect(os.read(second, 10), b"bef")
    put("a", b"old")
    put("b", b"new")
    with Opened("a") as descriptor:
        os.rename("b", "a")
        expect(os.read(descriptor, 10), b"old")
        expect(os.fstat(descriptor).st_nlink, 0)
    expect(get("a"), b"new")
    os.link("a", "c")
    with Opened("a", os.O_RDWR) as descriptor:
        os.unlink("a")
        expect(os.fstat(descriptor).st_nlink, 1)
        os.pwrite(descriptor, b"N", 0)
    expect(get("c"), b"New")


@claim
def files_are_born_without_a_name():
    os.mkdir("d")
    with Opened("d", os.O_RDWR | os.O_TMPFILE, 0o640) as descriptor:
        expect(os.listdir("d"), [])
        expect(os.fstat(descriptor).st_nlink, 0)
        expect(stat.S_IMODE(os.fstat(descriptor).st_mode), 0o640)
        os.write(descriptor, b"temporary")
        linkat(descriptor, "d/named")
        expect((os.fstat(descriptor).st_nlink, os.stat("d/named").st_ino), (1, os.fstat(descriptor).st_ino))
        os.write(descriptor, b" and more")
        linkat(descriptor, "second")
    expect((get("d/named"), os.stat("second").st_nlink), (b"temporary and more", 2))
    with Opened("d", os.O_WRONLY | os.O_TMPFILE | os.O_EXCL, 0o600) as descriptor:
        refused(errno.ENOENT, linkat, descriptor, "never")
    with Opened(".", os.O_RDWR | os.O_TMPFILE, 0o600) as descriptor:
        os.write(descriptor, b"gone")
        expect(os.pread(descriptor, 10, 0), b"gone")
    refused(errno.ENOTDIR, os.open, "second", os.O_RDWR | os.O_TMPFILE)
    refused(errno.EINVAL, os.open, "d", os.O_RDONLY | os.O_TMPFILE)
    expect(sorted(os.listdir()), ["d", "second"])


@claim
def large_writes_are_whole():
    data = os.urandom(5 * MIB + 12_345)
    with Opened("f", os.O_RDWR | os.O_CREAT) as descriptor:
        expect(os.pwrite(descriptor, data, 1), len(data))
        expect(os.pread(descriptor, len(data) + 10, 0) == b"\0" + data, True)
        os.fdatasync(descriptor)
        expect(os.pread(descriptor, len(data) + 10, 1) == data, True)
    expect(os.stat("f").st_blocks * 512 >= 5 * MIB or not is_ext4, True)
