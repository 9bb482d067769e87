"""Attributes: times, modes, owners, link counts, extended attributes, figures of the filesystem."""
import ctypes, errno, os, stat, struct, time
from battery import *

NOW, OMIT = (1 << 30) - 1, (1 << 30) - 2


class Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


def utimens(path, accessed, modified, flags=0):
    call("utimensat", -100, os.fsencode(path), (Timespec * 2)(Timespec(*accessed), Timespec(*modified)), flags)


@claim
def times_are_kept_to_the_nanosecond():
    put("f")
    for seconds, nanoseconds in ((1_000_000_000, 123_456_789), (0, 1), (4_000_000_000, 999_999_999), (-1, 500_000_000)):
        stamp = seconds * 1_000_000_000 + nanoseconds
        os.utime("f", ns=(stamp, stamp + 1))
        expect((os.stat("f").st_atime_ns, os.stat("f").st_mtime_ns), (stamp, stamp + 1))
    os.mkdir("d")
    os.symlink("f", "s")
    for name in ("d", "s"):
        os.utime(name, ns=(5_000_000_007, 6_000_000_008), follow_symlinks=False)
        expect(os.lstat(name).st_mtime_ns, 6_000_000_008)
    holds(os.stat("f").st_mtime_ns != 6_000_000_008)
    with Opened("f", os.O_RDONLY) as descriptor:
        os.utime(descriptor, ns=(1, 2))
    expect(os.stat("f").st_mtime_ns, 2)


@claim
def now_and_omit_are_honoured():
    put("f")
    os.utime("f", ns=(1000, 2000))
    utimens("f", (5, 5), (0, OMIT))
    expect((os.stat("f").st_atime_ns, os.stat("f").st_mtime_ns), (5_000_000_005, 2000))
    utimens("f", (0, OMIT), (6, 6))
    expect((os.stat("f").st_atime_ns, os.stat("f").st_mtime_ns), (5_000_000_005, 6_000_000_006))
    before = time.time_ns() - 20_000_000
    utimens("f", (0, OMIT), (0, NOW))
    expect(os.stat("f").st_atime_ns, 5_000_000_005)
    holds(before <= os.stat("f").st_mtime_ns <= time.time_ns() + 20_000_000)
    utimens("f", (0, NOW), (7, 7))
    holds(before <= os.stat("f").st_atime_ns <= time.time_ns() + 20_000_000)
    with Times("f", modified=False, changed=False):
        utimens("f", (0, OMIT), (0, OMIT))
    with Times("f", changed=True):
        utimens("f", (1, 1), (0, OMIT))
    refused(errno.EINVAL, utimens, "f", (1, 2_000_000_000), (0, OMIT))


@claim
def each_operation_changes_the_times_it_should():
    put("f", b"12345")
    os.mkdir("d")
    with Times("f", modified=True, changed=True), Opened("f", os.O_WRONLY) as descriptor:
        os.write(descriptor, b"x")
    with Times("f", modified=True, changed=True):
        os.truncate("f", 3)
    with Times("f", modified=True, changed=True), Opened("f", os.O_WRONLY | os.O_TRUNC):
        pass
    with Times("f", modified=False, changed=False), Opened("f") as descriptor:
        os.read(descriptor, 10)
    with Times("f", modified=False, changed=True):
        os.chmod("f", 0o600)
    with Times("f", modified=False, changed=True):
        os.chown("f", 1, 1)
    with Times("f", modified=False, changed=True):
        os.utime("f", ns=(0, os.stat("f").st_mtime_ns))
    with Times("f", modified=False, changed=True):
        os.setxattr("f", "user.a", b"1")
    with Times("f", modified=False, changed=True):
        os.removexattr("f", "user.a")
    with Times("f", modified=False, changed=True), Times(".", modified=True, changed=True):
        os.link("f", "g")
    with Times("f", modified=False, changed=True), Times(".", modified=True, changed=True):
        os.unlink("g")
    with Times("f", modified=False, changed=True, moved_to="d/f"), Times(".", modified=True, changed=True):
        with Times("d", modified=True, changed=True):
            os.rename("f", "d/f")
    with Times("d", modified=True, changed=True):
        os.mkdir("d/e")
    with Times("d", modified=True, changed=True), Times("d/f", modified=False):
        os.rmdir("d/e")
    for make in (lambda: put("d/n"), lambda: os.symlink("x", "d/s"), lambda: os.mkfifo("d/p"), lambda: os.unlink("d/n")):
        with Times("d", modified=True, changed=True):
            make()
    with Times("d", modified=False, changed=False), Times("d/f", modified=True, changed=True):
        put("d/f", b"contents")
    with Times("d", modified=False, changed=False):
        os.listdir("d")
        os.stat("d/f")
    with Times(".", modified=False, changed=False):
        refused(errno.EEXIST, os.mkdir, "d")
        refused(errno.ENOENT, os.unlink, "none")
    with Times("d/f", modified=True, changed=True), Opened("d/f", os.O_RDWR) as descriptor:
        call("fallocate", descriptor, 0, long(0), long(100))
    with Times("d/f", modified=True, changed=True), Opened("d/f", os.O_RDWR) as descriptor:
        call("fallocate", descriptor, 3, long(0), long(10))
    with Times("d/f", modified=False, changed=False), Opened("d/f", os.O_RDWR) as descriptor:
        os.write(descriptor, b"")
        os.fsync(descriptor)


@claim
def new_files_have_the_time_of_their_making():
    before = time.time_ns() - 20_000_000
    put("f")
    status = os.stat("f")
    for stamp in (status.st_atime_ns, status.st_mtime_ns, status.st_ctime_ns):
        holds(before <= stamp <= time.time_ns() + 20_000_000)
    wait_a_tick()
    with Times("f", modified=False, moved_to="g"):
        os.rename("f", "g")


def birth_time(path):
    buffer = ctypes.create_string_buffer(256)
    call("statx", -100, os.fsencode(path), 0x100, 0xFFF, buffer)
    mask, = struct.unpack_from("I", buffer, 0)
    seconds, nanoseconds = struct.unpack_from("qI", buffer, 0x50)
    return mask & 0x800 != 0, seconds * 1_000_000_000 + nanoseconds


@claim
def statx_tells_the_birth_time():
    before = time.time_ns() - 20_000_000
    put("f")
    is_told, born = birth_time("f")
    expect(is_told, True)
    holds(before <= born <= time.time_ns() + 20_000_000, f"born {born}")
    wait_a_tick()
    os.utime("f", ns=(1, 1))
    os.chmod("f", 0o600)
    put("f", b"x")
    os.rename("f", "g")
    expect(birth_time("g"), (True, born))


@claim
def modes_are_kept_whole():
    put("f")
    os.mkdir("d")
    for bits in (0o000, 0o777, 0o4755, 0o2711, 0o1644, 0o7777, 0o640):
        os.chmod("f", bits)
        os.chmod("d", bits)
        expect((mode("f"), mode("d")), (bits, bits))
    for mask, asked, wanted in ((0o022, 0o666, 0o644), (0o077, 0o777, 0o700), (0, 0o666, 0o666), (0o777, 0o777, 0)):
        os.umask(mask)
        os.mkdir("u", asked)
        put("v", mode=asked)
        os.mkfifo("w", asked)
        expect((mode("u"), mode("v"), mode("w")), (wanted,) * 3)
        os.rmdir("u"), os.unlink("v"), os.unlink("w")
    os.umask(0)
    put("x", mode=0o4755)
    expect(mode("x"), 0o4755)
    os.mkdir("y", 0o1777)
    expect(mode("y"), 0o1777)
    with Opened("z", os.O_RDWR | os.O_CREAT, 0o000) as descriptor:
        expect(os.write(descriptor, b"own descriptor"), 14)


@claim
def owners_are_kept():
    put("f")
    os.symlink("f", "s")
    os.mkdir("d")
    for name in ("f", "d"):
        os.chown(name, 1234, 5678)
        expect((os.stat(name).st_uid, os.stat(name).st_gid), (1234, 5678))
        os.chown(name, -1, 9)
        expect((os.stat(name).st_uid, os.stat(name).st_gid), (1234, 9))
        os.chown(name, 4_000_000_000, -1)
        expect((os.stat(name).st_uid, os.stat(name).st_gid), (4_000_000_000, 9))
    os.lchown("s", 77, 78)
    expect((os.lstat("s").st_uid, os.stat("f").st_uid), (77, 4_000_000_000))
    os.chmod("f", 0o6755)
    os.chown("f", 1, 1)
    expect(mode("f"), 0o755)
    os.chmod("f", 0o6745)
    os.chown("f", 2, 2)
    expect(mode("f"), 0o2745)
    os.chmod("d", 0o6755)
    os.chown("d", 3, 3)
    expect(mode("d"), 0o6755)


@claim
def sizes_and_blocks_are_told():
    put("f", b"x" * 5000)
    os.symlink("target", "s")
    expect((os.stat("f").st_size, os.lstat("s").st_size), (5000, 6))
    holds(os.stat("f").st_blksize >= 512)
    with Opened("sparse", os.O_RDWR | os.O_CREAT) as descriptor:
        os.ftruncate(descriptor, 100 << 20)
        holds(os.fstat(descriptor).st_blocks * 512 < 1 << 20)
    expect(os.lstat("f").st_rdev, 0)


@claim
def extended_attributes_are_kept():
    put("f")
    os.mkdir("d")
    for name in ("f", "d"):
        refused(errno.ENODATA, os.getxattr, name, "user.a")
        refused(errno.ENODATA, os.removexattr, name, "user.a")
        refused(errno.ENODATA, os.setxattr, name, "user.a", b"1", os.XATTR_REPLACE)
        os.setxattr(name, "user.a", b"1", os.XATTR_CREATE)
        refused(errno.EEXIST, os.setxattr, name, "user.a", b"2", os.XATTR_CREATE)
        os.setxattr(name, "user.a", b"22", os.XATTR_REPLACE)
        os.setxattr(name, "user.b", b"")
        os.setxattr(name, "trusted.t", b"\0\xff")
        os.setxattr(name, "security.s", b"label")
        expect(os.getxattr(name, "user.a"), b"22")
        expect(os.getxattr(name, "user.b"), b"")
        expect(os.getxattr(name, "trusted.t"), b"\0\xff")
        expect(sorted(os.listxattr(name)), ["security.s", "trusted.t", "user.a", "user.b"])
        os.removexattr(name, "user.a")
        expect("user.a" in os.listxattr(name), False)
        refused(errno.EOPNOTSUPP, os.setxattr, name, "unknown.x", b"1")
        refused(errno.EOPNOTSUPP, os.getxattr, name, "unknown.x")
        refused(errno.ERANGE, os.setxattr, name, "user." + "n" * 251, b"1")
        os.setxattr(name, "user." + "n" * 250, b"1")
        refused(errno.E2BIG, os.setxattr, name, "user.big", b"x" * 65_537)
        expect(call("getxattr", os.fsencode(name), b"user.b", None, long(0)), 0)
        small = ctypes.create_string_buffer(2)
        refused(errno.ERANGE, call, "getxattr", os.fsencode(name), b"security.s", small, long(2))
        refused(errno.ERANGE, call, "listxattr", os.fsencode(name), small, long(2))
    os.symlink("f", "s")
    refused(errno.EPERM, os.setxattr, "s", "user.a", b"1", follow_symlinks=False)
    os.setxattr("s", "trusted.own", b"1", follow_symlinks=False)
    expect(os.listxattr("s", follow_symlinks=False), ["trusted.own"])
    expect("trusted.own" in os.listxattr("f"), False)
    os.link("f", "g")
    os.rename("g", "h")
    expect(os.getxattr("h", "trusted.t"), b"\0\xff")
    put("many")
    for number in range(20):
        os.setxattr("many", f"user.n{number}", str(number).encode() * number)
    expect(len(os.listxattr("many")), 20)
    expect(os.getxattr("many", "user.n19"), b"19" * 19)
    refused(errno.ENOENT, os.getxattr, "none", "user.a")


@claim
def statfs_tells_plausible_figures():
    put("f", b"x")
    figures = os.statvfs(".")
    expect(figures.f_namemax, 255)
    holds(figures.f_bsize >= 512 and figures.f_frsize >= 512)
    holds(figures.f_blocks >= figures.f_bfree >= figures.f_bavail > 0)
    holds(figures.f_files >= figures.f_ffree > 0)
    with Opened("f") as descriptor:
        expect(os.fstatvfs(descriptor).f_blocks, figures.f_blocks)
    expect(os.pathconf(".", "PC_NAME_MAX"), 255)
