"""What a row is, and how large its workload."""
import dataclasses

SECONDS, PER_SECOND, MEGABYTES = "s", "/s", "MB/s"


@dataclasses.dataclass(frozen=True)
class Row:
    """`floor` names what no filesystem in user space goes below: the column `native`, or a figure of floors.py and how many of
    these a row makes (a count, or the name of a size)."""
    name: str
    title: str
    unit: str = SECONDS
    floor: str = "native"
    floor_count: object = 1
    is_own: bool = False    # a figure of ebbfs alone, in a table of its own
    is_synced: bool = False # a row of fsync: a column that does not do it is marked

    def floor_value(self, floors, sizes):
        """In the row's unit, or None when the native column is the floor."""
        if self.floor not in floors: return None
        count = getattr(sizes, self.floor_count) if isinstance(self.floor_count, str) else self.floor_count
        return count / floors[self.floor] if self.unit == SECONDS else floors[self.floor] * count


@dataclasses.dataclass
class Group:
    """Rows that one mount serves, one after the other.

    kind      slow (a far server) or fast (a local disk)
    prepare   called before the mount, with the place
    work      called with the cell, which it gives figures
    columns   those that have these rows; all of the kind by default
    limit     seconds after which a cell is killed: in a full run, in a quick one
    """
    name: str
    rows: list
    work: object
    kind: str = "fast"
    prepare: object = None
    columns: tuple = None
    milliseconds: float = 20
    limit: tuple = (600, 60)
    options: tuple = ()
    user: str = None


@dataclasses.dataclass(frozen=True)
class Sizes:
    tree_files: int = 2000           # in directories of 12, 10 KiB each
    great_tree_files: int = 20000
    copy_bytes: int = 256 << 20
    overwritten_bytes: int = 256 << 20
    overwrites: int = 1000
    saves: int = 50
    sources: int = 20
    deliveries: int = 100
    fio_bytes: int = 512 << 20
    fio_seconds: float = 5
    writer_seconds: float = 3
    files: int = 50000
    inserts: int = 2000
    bench_seconds: float = 20
    pending_bytes: int = 1 << 30
    pending_files: int = 100000
    growth: tuple = (1000, 10000, 100000, 1000000)
    inodes: int = 100000
    drained_files: int = 2000
    drain_threads: tuple = (1, 4, 16, 64)
    cpu_bytes: int = 1 << 30
    floor_seconds: float = 2


QUICK = Sizes(
    tree_files=24, great_tree_files=2000, copy_bytes=32 << 20, overwritten_bytes=32 << 20, overwrites=200, saves=5, sources=5,
    deliveries=10, fio_bytes=96 << 20, fio_seconds=0.6, writer_seconds=0.5, files=3000, inserts=200, bench_seconds=3,
    pending_bytes=128 << 20, pending_files=5000, growth=(1000, 10000, 100000), inodes=60000,
    drained_files=130, drain_threads=(1, 16),
    cpu_bytes=256 << 20, floor_seconds=0.5)
