"""Rows in front of a directory on a local disk."""
import json, os
from disks import forget
from rows import MEGABYTES, PER_SECOND, Group, Row


def fio(cell, row, mode, block, jobs, *words, timed=True):
    """Runs fio on the files `fio.0.0` ...; reports operations or, for great blocks, megabytes a second."""
    size = cell.sizes.fio_bytes // jobs
    seconds = [f"--runtime={cell.sizes.fio_seconds}", *(["--time_based"] if timed else [])]
    found = json.loads(cell.run(
        "fio", "--name=fio", f"--directory={cell.point}", "--filename_format=fio.$jobnum", f"--rw={mode}", f"--bs={block}",
        f"--size={size}", f"--numjobs={jobs}", "--thread", "--ioengine=psync", "--fallocate=none", "--group_reporting",
        "--output-format=json", *seconds, *words, cwd="/tmp"))
    sides = [found["jobs"][0][side] for side in ("read", "write")]
    is_stream = block in ("128k", "1m")
    cell.record(row, sum(side["bw_bytes"] for side in sides) / 1e6 if is_stream else sum(side["iops"] for side in sides))


def write_files(cell, jobs):
    """What is overwritten or read; nothing of it waits for write-back."""
    data = os.urandom(1 << 20)
    for job in range(jobs):
        with open(cell.path(f"fio.{job}"), "wb", buffering=0) as file:
            for _ in range((cell.sizes.fio_bytes // jobs) >> 20): file.write(data)
            os.fsync(file.fileno())
    cell.settle()


def random_writes(cell, jobs):
    write_files(cell, jobs)
    fio(cell, f"fio-randwrite-4k-{jobs}", "randwrite", "4k", jobs, "--invalidate=0")


def mixed(cell, jobs):
    write_files(cell, jobs)
    fio(cell, f"fio-mixed-4k-{jobs}", "randrw", "4k", jobs, "--rwmixread=70", "--invalidate=0")


def append(cell, jobs): fio(cell, f"fio-append-4k-{jobs}", "write", "4k", jobs, "--create_on_open=1", timed=False)


def stream(cell, block, jobs):
    """Written, read from the disk, read again from the page cache."""
    fio(cell, f"fio-write-{block}-{jobs}", "write", block, jobs, "--create_on_open=1", timed=False)
    write_files(cell, jobs)
    for folder in (cell.point, cell.place.server): forget(folder)
    fio(cell, f"fio-read-{block}-{jobs}", "read", block, jobs, "--invalidate=0", timed=False)
    for job in range(jobs):
        with open(cell.path(f"fio.{job}"), "rb", buffering=0) as file:
            while file.read(1 << 20): pass
    fio(cell, f"fio-reread-{block}-{jobs}", "read", block, jobs, "--invalidate=0", "--loops=20")


def fio_groups():
    for jobs in (1, 4):
        words = "" if jobs == 1 else f", {jobs} jobs"
        rows = {"randwrite": "random write", "append": "append", "mixed": "mixed 70/30"}
        for name, work in (("randwrite", random_writes), ("append", append), ("mixed", mixed)):
            row = Row(f"fio-{name}-4k-{jobs}", f"fio 4 KiB {rows[name]}{words}", PER_SECOND, "null_writes")
            yield Group(row.name, [row], lambda cell, work=work, jobs=jobs: work(cell, jobs), limit=(180, 60))
        for block, size in (("128k", "128 KiB"), ("1m", "1 MiB")):
            made = [Row(f"fio-{name}-{block}-{jobs}", f"fio {size} {what}{words}", MEGABYTES, "memory") for name, what in
                    (("write", "write"), ("read", "read, uncached"), ("reread", "read, cached"))]
            yield Group(f"fio-stream-{block}-{jobs}", made, lambda cell, block=block, jobs=jobs: stream(cell, block, jobs),
                        limit=(240, 60))


def writers(cell, mode, count):
    rate = cell.run(cell.programs["writers"], cell.point, mode, count, cell.sizes.writer_seconds)
    cell.record(f"{mode}-{count}", float(rate))


def writer_groups():
    for mode, what in (("fdatasync", "4 KiB append + fdatasync"), ("create", "create + 4 KiB + fsync + close")):
        for count in (1, 4, 16):
            title = f"{what}, {count} writer{'s' if count > 1 else ''}"
            row = Row(f"{mode}-{count}", title, PER_SECOND, f"commits_{count}", is_synced=True)
            yield Group(row.name, [row], lambda cell, mode=mode, count=count: writers(cell, mode, count), limit=(120, 60))


def metadata_row(phase):
    """The kernel answers stat and readdir without the daemon, if it lets it; the others are a request each at least."""
    floor = {"floor": "native"} if phase in ("stat", "readdir") else {"floor": "null_stats", "floor_count": "files"}
    return Row(f"meta-{phase}", f"{phase} of files", **floor)


PHASES = ("create", "stat", "readdir", "rename", "unlink")


def metadata(cell):
    lines = cell.run(cell.programs["metadata"], cell.point, cell.sizes.files, *PHASES).splitlines()
    for phase, seconds in (line.split() for line in lines): cell.record(f"meta-{phase}", float(seconds))


def untar(cell):
    archive = cell.inputs.archive(cell.sizes.great_tree_files)
    cell.timed("fast-untar", lambda: cell.run("tar", "-xf", archive, "-C", cell.point))


def groups():
    yield from fio_groups()
    yield from writer_groups()
    yield Group("metadata", [metadata_row(phase) for phase in PHASES], metadata,
                limit=(600, 60))
    row = Row("fast-untar", "untar of many files", floor="null_stats", floor_count="great_tree_files")
    yield Group(row.name, [row], untar, limit=(600, 60))
