"""The bench runs in mount and process namespaces of its own: whatever happens to it, no mount, loop device or process is left."""
import contextlib, os, signal, stat, subprocess, sys, time

STAGE = "EBBFS_BENCH_STAGE"
KEPT = {1}   # init; the bench adds itself


def enter():
    """Begins the program anew in its own namespaces, as a child of a small init. Returns in that child only."""
    stage = os.environ.get(STAGE)
    if stage is None:
        os.environ[STAGE] = "init"
        words = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child=TERM", "--mount-proc"]
        os.execvp(words[0], [*words, sys.executable, *sys.argv])
    # The registry of running ebbfs daemons, the directories of sshd and PostgreSQL.
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
    os.mkdir("/run/sshd", 0o755)
    # Of a daemon that runs as an ordinary user.
    os.mknod("/run/fuse", 0o666 | stat.S_IFCHR, os.makedev(10, 229))
    os.chmod("/run/fuse", 0o666)
    subprocess.run(["mount", "--bind", "/run/fuse", "/dev/fuse"], check=True)
    child = os.fork()
    if child == 0:
        KEPT.add(os.getpid())
        for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, signal.default_int_handler)
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    while True:
        ended, status = os.wait()   # orphans too: an ended daemon must not look alive
        if ended == child: os._exit(os.waitstatus_to_exitcode(status) & 255)


@contextlib.contextmanager
def rings_of_the_kernel():
    """Turns the kernel's switch for FUSE over io_uring on, where there is one, and back."""
    switch = "/sys/module/fuse/parameters/enable_uring"
    if not os.path.exists(switch):
        yield
        return
    with open(switch) as file: before = file.read()
    try:
        with open(switch, "w") as file: file.write("Y")
        yield
    finally:
        with open(switch, "w") as file: file.write(before)


def processes():
    """All processes but init and the bench: those of the cell that runs, for nobody else is in this namespace."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) not in KEPT]


def is_running(process):
    try:
        with open(f"/proc/{process}/stat") as file: return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError: return False


def kill_processes(seconds=20):
    """Ends what the last cell has left; that unblocks whoever waits for its FUSE mounts."""
    end = time.monotonic() + seconds
    while True:
        alive = [process for process in processes() if is_running(process)]
        if not alive or time.monotonic() > end: return
        for process in alive:
            try: os.kill(process, signal.SIGKILL)
            except ProcessLookupError: pass
        time.sleep(0.01)


def mounts_below(folder):
    with open("/proc/self/mounts") as file: points = [line.split()[1] for line in file]
    return [point for point in reversed(points) if point.startswith(folder + "/")]


def unmount_below(folder, seconds=20):
    """Unmounts everything below `folder`: properly as long as that works, for a disk's image is used again."""
    end = time.monotonic() + seconds
    while mounts_below(folder):
        for point in mounts_below(folder):
            lazily = ["-l"] if time.monotonic() > end else []
            subprocess.run(["umount", *lazily, point], stdin=subprocess.DEVNULL, capture_output=True)
        if time.monotonic() > end + 5: return
        if mounts_below(folder): time.sleep(0.05)
