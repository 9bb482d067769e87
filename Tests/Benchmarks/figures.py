"""Figures of ebbfs alone: what it makes of what it is given, and what it costs."""
import json, os, random, signal, subprocess, time
import isolation
from disks import forget
from rows import Group, Row

CHANGES = ("setattr", "symlink", "mknod", "mkdir", "unlink", "rmdir", "rename", "link", "write", "setxattr", "removexattr",
           "create", "fallocate", "copy_file_range", "tmpfile")
BACKING_CHANGES = ("create", "make", "link", "unlink", "rmdir", "rename", "setattr", "setxattr", "write", "truncate",
                   "punch_hole")
RESTING = ("writeback_delay=1h", "writeback_deadline=24h", "dirty_background=90%", "dirty_limit=95%")


def own(name, title, unit): return Row(name, title, unit, is_own=True)


def figure(name, rows, work, **more): return Group(name, rows, work, **{"columns": ("ebbfs",), **more})


def daemon(cell): return json.loads(cell.run(cell.place.binary, "status", "--json", cell.point))["pid"]


def memory_of(process, key="VmRSS"):
    """Bytes."""
    with open(f"/proc/{process}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(key)) * 1024


def processor_seconds(process):
    with open(f"/proc/{process}/stat") as file: words = file.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def kill(cell):
    process = daemon(cell)
    os.kill(process, signal.SIGKILL)
    while isolation.is_running(process): time.sleep(0.002)
    subprocess.run(["umount", "-l", cell.point], check=True)


# What reaches the backing directory

def overwrite(cell):
    """4 MiB, each block overwritten twenty times on average."""
    chance, data = random.Random(3), random.randbytes(4096)
    with open(cell.path("hot"), "wb", buffering=0) as file:
        for _ in range(20 * 1024):
            file.seek(chance.randrange(1024) * 4096)
            file.write(data)


def churn(cell):
    """Temporary files: created, written, renamed, removed."""
    for number in range(1000):
        with open(cell.path(f"{number}.part"), "wb", buffering=0) as file: file.write(bytes(4096))
        os.rename(cell.path(f"{number}.part"), cell.path(f"{number}.temporary"))
        os.unlink(cell.path(f"{number}.temporary"))


def stream(cell, size=None, piece=1 << 20):
    data = random.randbytes(piece)
    with open(cell.path("stream"), "wb", buffering=0) as file:
        for _ in range((size or cell.sizes.copy_bytes) // piece): file.write(data)


def small_writes(cell): stream(cell, 32 << 20, 4096)


def untar(cell): cell.run("tar", "-xf", cell.inputs.archive(cell.sizes.great_tree_files), "-C", cell.point)


def amplification(cell, name, work):
    work(cell)
    cell.settle()
    found = cell.stats()
    accepted = sum(found["ebbfs_fuse_request_seconds"][operation] for operation in CHANGES)
    reached = sum(found["ebbfs_backing_call_seconds"][call] for call in BACKING_CHANGES)
    bytes_accepted = found["ebbfs_written_bytes_total"]
    cell.record(f"own-{name}-bytes", found["ebbfs_backing_written_bytes_total"] / bytes_accepted)
    cell.record(f"own-{name}-operations", reached / accepted)
    cell.record(f"own-{name}-journal", found["ebbfs_journal_bytes_total"] / bytes_accepted)


def amplification_groups():
    for name, title, work in (("overwrite", "20 overwrites of each block", overwrite), ("churn", "temporary files", churn),
                              ("untar", "untar", untar), ("stream", "1 MiB writes", stream),
                              ("small", "4 KiB appends", small_writes)):
        rows = [own(f"own-{name}-bytes", f"{title}: bytes to the backing directory", "of those accepted"),
                own(f"own-{name}-operations", f"{title}: operations to the backing directory", "of those accepted"),
                own(f"own-{name}-journal", f"{title}: bytes to the journal", "of those accepted")]
        yield figure(f"own-{name}", rows, lambda cell, name=name, work=work: amplification(cell, name, work), limit=(300, 60))


# Starting

def start(cell):
    """From the mount command to the first byte of a file; the journal is new."""
    with open(os.path.join(cell.place.server, "file"), "wb") as file: file.write(b"first")
    cell.run(cell.place.binary, "unmount", cell.point)
    subprocess.run(["rm", "-rf", os.path.join(cell.place.local, "state")], check=True)
    begun = time.monotonic()
    cell.column.attach(cell.place)
    read(cell.path("file"))
    cell.record("own-start-far" if cell.is_far else "own-start", time.monotonic() - begun)


def read(path):
    with open(path, "rb", buffering=0) as file: return file.read(1 << 20)


def recovery(cell):
    """Killed with much to write back: from the mount command to the first byte of a file that only the journal has. Once from the
    disk, and once more from the page cache, without the little that was written back meanwhile, and with plans that were under way:
    what has become of them is asked of the server."""
    files = max(1, cell.sizes.pending_bytes >> 20)
    os.mkdir(cell.path("great"))
    for number in range(files):
        with open(cell.path("great", str(number)), "wb", buffering=0) as file: file.write(random.randbytes(1 << 20))
    cell.run(cell.programs["metadata"], cell.point, cell.sizes.pending_files, "create")
    pending = cell.stats()
    state = os.path.join(cell.place.local, "state")
    for suffix, prepare in (("", forget), ("-warm", lambda state: None)):
        kill(cell)
        prepare(state)
        begun = time.monotonic()
        cell.run("sh", "-c", f"find {state} -type f -exec cat {{}} + >/dev/null")
        cell.record("own-recovery-disk" + suffix, time.monotonic() - begun)
        prepare(state)
        begun = time.monotonic()
        cell.column.attach(cell.place)
        assert len(read(cell.path("great", str(files // 2)))) == 1 << 20
        cell.record("own-recovery" + suffix, time.monotonic() - begun, dirty_bytes=pending["ebbfs_dirty_bytes"],
                    pending_operations=sum(pending["ebbfs_pending_operations"].values()))


# Memory and processor

def memory(cell):
    """What an inode takes is the slope between few and many: buffers and threads that come with any work are not its."""
    process = daemon(cell)
    cell.record("own-memory-idle", memory_of(process) / 2**20)
    points = []
    for name, count in (("few", cell.sizes.inodes // 5), ("more", cell.sizes.inodes)):
        os.mkdir(cell.path(name))
        cell.run(cell.programs["metadata"], cell.path(name), count, "create")
        cell.settle()
        points.append((cell.stats()["ebbfs_known_inodes"], memory_of(process)))
    (few, before), (many, after) = points
    cell.record("own-memory-inode", (after - before) / (many - few), inodes=many)


def memory_dirty(cell):
    """More than `memory=` (64 MiB) allows is written; what the allowance leaves is what counts."""
    stream(cell, 256 << 20)
    process, known = daemon(cell), cell.stats()["ebbfs_known_inodes"]
    most = memory_of(process, "VmHWM")
    cell.record("own-memory-dirty", (most - 400 * known) / 2**20, inodes=known)


def processor(cell):
    for name, piece, size in (("stream", 1 << 20, cell.sizes.cpu_bytes), ("small", 4096, cell.sizes.cpu_bytes // 4)):
        process = daemon(cell)
        begun = processor_seconds(process)
        stream(cell, size, piece)
        cell.settle()
        cell.record(f"own-cpu-{name}", (processor_seconds(process) - begun) / (size / 2**30))
        os.unlink(cell.path("stream"))
        cell.settle()


def drain(cell, threads):
    """Files a second, from the journal to the far server."""
    count = cell.sizes.drained_files
    cell.run("tar", "-xf", cell.inputs.archive(count), "-C", cell.point)
    begun = time.monotonic()
    cell.settle()
    cell.record(f"own-drain-{threads}", count / (time.monotonic() - begun))


# Growth

GROWING = ("create", "stat", "unlink")


def growth(cell, count):
    """Microseconds an operation."""
    most = 5 if count < 10000 else 1
    found = {phase: [] for phase in GROWING}
    for number in range(most):
        os.mkdir(cell.path(str(number)))
        lines = cell.run(cell.programs["metadata"], cell.path(str(number)), count, *GROWING).splitlines()
        for phase, seconds in (line.split() for line in lines): found[phase].append(float(seconds) / count * 1e6)
    for phase in GROWING: cell.record(f"own-growth-{phase}-{count}", sorted(found[phase])[most // 2])


def fill(cell):
    """Time of a 4 KiB write when the journal is nearly empty, and when it is nearly full."""
    size, piece = json.loads(cell.run(cell.place.binary, "stats", "--json", cell.point))["ebbfs_journal_capacity_bytes"], 16 << 20
    data, seconds = random.randbytes(4096), []
    with open(cell.path("filling"), "wb", buffering=0) as file:
        for _ in range(int(size * 0.7) // piece):
            begun = time.monotonic()
            for _ in range(piece // 4096): file.write(data)
            seconds.append((time.monotonic() - begun) / (piece // 4096) * 1e6)
    tenth = max(1, len(seconds) // 10)
    cell.record("own-fill-empty", sum(seconds[:tenth]) / tenth)
    cell.record("own-fill-full", sum(seconds[-tenth:]) / tenth)


def groups(sizes):
    yield from amplification_groups()
    yield figure("own-start", [own("own-start", "mount to first read, empty journal", "s")], start, limit=(60, 30))
    yield figure("own-start-far", [own("own-start-far", "mount to first read, empty journal, 20 ms", "s")], start, kind="slow",
                 limit=(60, 30))
    pending = f"{sizes.pending_bytes >> 20} MiB and {sizes.pending_files:,} files pending, 20 ms"
    yield figure("own-recovery", [own("own-recovery", f"mount to first read, {pending}", "s"),
                                  own("own-recovery-disk", "reading that journal's files once", "s"),
                                  own("own-recovery-warm", "the same mount, the journal in the page cache, plans under way", "s"),
                                  own("own-recovery-disk-warm", "reading its files once, in the page cache", "s")],
                 recovery, kind="slow",
                 options=(*RESTING, f"journal_size={max(1 << 29, sizes.pending_bytes * 4) >> 20}M"), limit=(900, 120))
    yield figure("own-memory", [own("own-memory-idle", "resident memory, idle", "MiB"),
                                own("own-memory-inode", "resident memory, for each further inode", "bytes")], memory, limit=(600, 60))
    full = own("own-memory-dirty", "resident memory, memory=64M full, without 400 bytes an inode", "MiB")
    yield figure(full.name, [full], memory_dirty, kind="slow", options=("memory=64M", "writeback_delay=1h"), limit=(300, 60))
    yield figure("own-cpu", [own("own-cpu-stream", "processor, 1 MiB writes, written back", "s/GiB"),
                             own("own-cpu-small", "processor, 4 KiB writes, written back", "s/GiB")], processor, limit=(600, 90))
    for threads in sizes.drain_threads:
        row = own(f"own-drain-{threads}", f"write-back at 20 ms, flush_threads={threads}", "files/s")
        yield figure(row.name, [row], lambda cell, threads=threads: drain(cell, threads), kind="slow", limit=(1800, 120),
                     options=("writeback_delay=1h", "writeback_deadline=24h", f"flush_threads={threads}"))
    for count in sizes.growth:
        rows = [own(f"own-growth-{phase}-{count}", f"{phase} with {count:,} files", "us") for phase in GROWING]
        yield figure(f"own-growth-{count}", rows, lambda cell, count=count: growth(cell, count), options=RESTING,
                     columns=("ebbfs", "native"), limit=(1800, 120))
    rows = [own(f"own-fill-{state}", f"4 KiB write, journal {state}", "us") for state in ("empty", "full")]
    yield figure("own-fill", rows, fill,
                 options=(*RESTING, "journal_size=512M", "memory=1G"), limit=(300, 60))
