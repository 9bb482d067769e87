"""Locks, file handles, notifications and the other things a descriptor can do."""
import ctypes, errno, fcntl, os, select, signal, stat, struct, time
from battery import *


def in_child(function):
    """Whether a function that another process runs ends without an OSError."""
    child = os.fork()
    if child == 0:
        try:
            function()
            os._exit(0)
        except OSError as error:
            os._exit(error.errno)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@claim
def whole_file_locks_exclude():
    put("f")
    with Opened("f", os.O_RDWR) as one:
        fcntl.flock(one, fcntl.LOCK_EX)

        def other():
            with Opened("f", os.O_RDWR) as descriptor:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        expect(in_child(other), errno.EAGAIN)
        fcntl.flock(one, fcntl.LOCK_SH)
        expect(in_child(other), errno.EAGAIN)

        def shared():
            with Opened("f") as descriptor:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        expect(in_child(shared), 0)
        fcntl.flock(one, fcntl.LOCK_UN)
        expect(in_child(other), 0)


@claim
def range_locks_exclude():
    put("f", b"x" * 100)
    with Opened("f", os.O_RDWR) as one:
        fcntl.lockf(one, fcntl.LOCK_EX, 10, 10)

        def lock(start, count, kind=fcntl.LOCK_EX):
            def locking():
                with Opened("f", os.O_RDWR) as descriptor:
                    fcntl.lockf(descriptor, kind | fcntl.LOCK_NB, count, start)
            return in_child(locking)
        expect((lock(0, 10), lock(20, 0)), (0, 0))
        holds(lock(5, 6) in (errno.EAGAIN, errno.EACCES))
        holds(lock(19, 1, fcntl.LOCK_SH) in (errno.EAGAIN, errno.EACCES))
        query = fcntl.fcntl(one, fcntl.F_GETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
        expect(struct.unpack("hhqqi4x", query)[0], fcntl.F_UNLCK)

        def ask():
            with Opened("f", os.O_RDWR) as descriptor:
                answer = struct.unpack("hhqqi4x", fcntl.fcntl(
                    descriptor, fcntl.F_GETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)))
            if answer[0] != fcntl.F_WRLCK or answer[2:4] != (10, 10) or answer[4] != os.getppid():
                raise OSError(errno.EPROTO, str(answer))
        expect(in_child(ask), 0)
        fcntl.lockf(one, fcntl.LOCK_UN)
        expect(lock(10, 10), 0)


def blocked_then(function, interrupt):
    """How a child that waits for a lock ends: its status and the seconds it took."""
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        def raise_it(*_):
            raise InterruptedError(errno.EINTR, "interrupted")
        signal.signal(signal.SIGUSR1, raise_it)
        try:
            function()
            os._exit(0)
        except OSError as error:
            os._exit(error.errno)
    time.sleep(0.3)
    interrupt(child)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status, time.monotonic() - start


@claim
def waiting_for_a_lock_ends_with_the_lock_or_a_signal():
    put("f")

    def wait_flock():
        with Opened("f", os.O_RDWR) as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_EX)

    def wait_range():
        with Opened("f", os.O_RDWR) as descriptor:
            fcntl.lockf(descriptor, fcntl.LOCK_EX)
    for lock, wait in ((fcntl.flock, wait_flock), (fcntl.lockf, wait_range)):
        with Opened("f", os.O_RDWR) as holder:
            lock(holder, fcntl.LOCK_EX)
            status, seconds = blocked_then(wait, lambda child: os.kill(child, signal.SIGUSR1))
            expect(status, errno.EINTR)
            holds(0.25 < seconds < 5, f"{seconds} s")
            status, seconds = blocked_then(wait, lambda child: os.kill(child, signal.SIGKILL))
            expect(status, -signal.SIGKILL)
            status, seconds = blocked_then(wait, lambda child: lock(holder, fcntl.LOCK_UN))
            expect(status, 0)
            holds(0.25 < seconds < 5, f"{seconds} s")

    def die_with_lock():
        descriptor = os.open("f", os.O_RDWR)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        fcntl.lockf(descriptor, fcntl.LOCK_EX)
        os.kill(os.getpid(), signal.SIGKILL)
    expect(in_child(die_with_lock), -signal.SIGKILL)
    expect(in_child(wait_flock), 0)
    expect(in_child(wait_range), 0)


class Handle(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_uint), ("type", ctypes.c_int), ("data", ctypes.c_ubyte * 128)]


def handle_of(path):
    handle, mount = Handle(bytes=128), ctypes.c_int()
    call("name_to_handle_at", -100, os.fsencode(path), ctypes.byref(handle), ctypes.byref(mount), 0)
    return handle


def open_handle(handle, flags=os.O_RDONLY):
    with Opened(".") as here:
        return call("open_by_handle_at", here, ctypes.byref(handle), flags)


def drop_caches():
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("2")


@claim
def file_handles_survive_the_kernels_forgetting():
    os.makedirs("a/b")
    put("a/b/f", b"by handle")
    put("a/gone", b"x")
    handles = {name: handle_of(name) for name in ("a/b/f", "a/b", "a/gone")}
    drop_caches()
    descriptor = open_handle(handles["a/b/f"], os.O_RDWR)
    expect(os.read(descriptor, 20), b"by handle")
    os.pwrite(descriptor, b"BY", 0)
    os.close(descriptor)
    os.rename("a/b", "c")
    drop_caches()
    descriptor = open_handle(handles["a/b"])
    expect(os.listdir(descriptor), ["f"])
    with Opened("f", os.O_RDONLY, dir_fd=descriptor) as file:
        expect(os.read(file, 20), b"BY handle")
    expect(os.path.samestat(os.stat("..", dir_fd=descriptor), os.stat(".")), True)
    os.close(descriptor)
    os.unlink("a/gone")
    drop_caches()
    refused(errno.ESTALE, open_handle, handles["a/gone"])
    as_user(1001, lambda: refused(errno.EPERM, open_handle, handles["a/b/f"]))


@claim
def notifications_come():
    os.mkdir("d")
    descriptor = call("inotify_init1", os.O_NONBLOCK)
    call("inotify_add_watch", descriptor, b"d", 0x100 | 0x200 | 0x2 | 0xC0)
    put("d/f", b"x")
    os.rename("d/f", "d/g")
    os.unlink("d/g")
    data = os.read(descriptor, 4096)
    masks, offset = [], 0
    while offset < len(data):
        _, bits, _, length = struct.unpack_from("iIII", data, offset)
        masks.append(bits)
        offset += 16 + length
    os.close(descriptor)
    expect(masks, [0x100, 0x2, 0x40, 0x80, 0x200])


@claim
def descriptors_can_be_passed_polled_and_spliced():
    put("f", b"splice me" * 1000)
    with Opened("f") as source:
        expect(select.select([source], [], [], 0)[0], [source])
        read_end, write_end = os.pipe()
        expect(os.splice(source, write_end, 9), 9)
        expect(os.read(read_end, 20), b"splice me")
        with Opened("g", os.O_WRONLY | os.O_CREAT) as target:
            expect(os.sendfile(target, source, 0, 9000), 9000)
        os.close(read_end), os.close(write_end)
    expect(get("g"), get("f"))
    with Opened("g") as descriptor:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        expect(os.read(descriptor, 6), b"splice")
        refused(errno.ENOTTY, fcntl.ioctl, descriptor, 0x5401, b"\0" * 64)
