"""Rows in front of a far server."""
import os, random, time
from cells import Failed
from disks import forget
from inputs import AUTHOR
from rows import Group, Row

PEERS = ("ebbfs", "native", "passthrough", "sshfs", "sshfs-caches", "rclone-writes", "rclone-full")
LOCAL = ("native", "passthrough")   # what they do is on the local disk, for comparison
FEW = ("ebbfs", "native", "passthrough", "sshfs", "rclone-writes")


def expect(place, path, files, size):
    """Everything must have arrived, or the figure is worth nothing."""
    root = os.path.join(place.server, path)
    sizes = [os.lstat(os.path.join(folder, name)).st_size for folder, _, names in os.walk(root) for name in names]
    if (len(sizes), sum(sizes)) != (files, size):
        raise Failed("incomplete", f"{len(sizes)} files with {sum(sizes)} bytes below {root}, not {files} with {size}")


def expect_landed(cell, path, files, size):
    if cell.column.name not in LOCAL: expect(cell.place, path, files, size)


def expect_gone(cell, path):
    if os.path.exists(os.path.join(cell.place.server, path)): raise Failed("incomplete", f"{path} is still on the server")


def tree(cell, milliseconds):
    """Untar, git in the tree, rm -rf of it."""
    count = cell.sizes.tree_files
    archive = cell.inputs.archive(count)
    cell.timed(f"slow-untar-{milliseconds}", lambda: cell.run("tar", "-xf", archive, "-C", cell.point),
               check=lambda: expect_landed(cell, "tree", count, cell.inputs.tree_size(count)))
    if milliseconds != 20: return
    cell.timed("slow-git", lambda: git(cell))
    cell.timed("slow-rm", lambda: cell.run("rm", "-rf", cell.path("tree")), check=lambda: expect_gone(cell, "tree"))


def git(cell):
    for words in (["init", "-q", "."], ["add", "."], [*AUTHOR, "commit", "-q", "-m", "tree"]):
        cell.run("git", "-C", cell.path("tree"), *words)


def remove_fresh(cell):
    """rm -rf of a tree that is not yet written back. Goes to the table with what reached the server."""
    cell.run("tar", "-xf", cell.inputs.archive(cell.sizes.tree_files), "-C", cell.point)
    more = {}
    if cell.column.name == "ebbfs":
        more["backing_operations"] = lambda: sum(cell.stats()["ebbfs_writeback_operations_total"].values())
        more["backing_calls"] = lambda: {name: count for name, count in calls(cell).items() if count}
    cell.timed("slow-rm-fresh", lambda: cell.run("rm", "-rf", cell.path("tree")), **more)


def calls(cell): return cell.stats()["ebbfs_backing_call_seconds"]


def copy(cell, milliseconds):
    size = cell.sizes.copy_bytes
    source = cell.inputs.great_file(size)
    os.makedirs(cell.path("copy"))
    cell.timed(f"slow-cp-{milliseconds}", lambda: cell.run("cp", source, cell.path("copy")), changed_bytes=lambda: size,
               check=lambda: expect_landed(cell, "copy", 1, size))


def put_great_file(place, sizes, inputs):
    """In the server's directory, and where the columns on the local disk find it."""
    source = inputs.great_file(sizes.overwritten_bytes)
    for folder in (place.server, place.files):
        with open(source, "rb") as file, open(os.path.join(folder, "great"), "wb") as copied:
            while piece := file.read(1 << 20): copied.write(piece)
            os.fsync(copied.fileno())


def put_cold_file(place, sizes, inputs):
    put_great_file(place, sizes, inputs)
    for folder in (place.server, place.files): forget(folder)


def read(cell):
    """From one end to the other, in nobody's cache."""
    begun, count = time.monotonic(), 0
    with open(cell.path("great"), "rb", buffering=0) as file:
        while piece := file.read(1 << 20): count += len(piece)
    returned = time.monotonic() - begun
    if count != cell.sizes.overwritten_bytes: raise Failed("incomplete", f"{count} bytes were read")
    cell.record("slow-read", returned)


def overwrite(cell, milliseconds):
    chance, data = random.Random(7), random.randbytes(4096)
    places = [chance.randrange(cell.sizes.overwritten_bytes // 4096) * 4096 for _ in range(cell.sizes.overwrites)]

    def work():
        file = os.open(cell.path("great"), os.O_RDWR)
        for offset in places: os.pwrite(file, data, offset)
        os.fsync(file)
        os.close(file)

    def check():
        if cell.column.name in LOCAL: return
        with open(os.path.join(cell.place.server, "great"), "rb", buffering=0) as file:
            missing = sum(os.pread(file.fileno(), 4096, offset) != data for offset in places)
        if missing: raise Failed("incomplete", f"{missing} of {len(places)} overwrites are not on the server")
    cell.timed(f"slow-overwrite-{milliseconds}", work, check, changed_bytes=lambda: len(set(places)) * 4096)


def saves(cell):
    """As vim saves with backupcopy=no and a swap file."""
    with open(cell.path("text"), "w") as file: file.write("first\n")
    cell.settle()

    def work():
        for number in range(cell.sizes.saves):
            with open(cell.path(".text.swp"), "wb") as swap:
                swap.write(bytes(4096))
                os.rename(cell.path("text"), cell.path("text~"))
                with open(cell.path("text"), "w") as file:
                    file.write(f"{number}\n" * 2000)
                    file.flush()
                    os.fsync(file.fileno())
                os.chmod(cell.path("text"), 0o644)
                os.unlink(cell.path("text~"))
            os.unlink(cell.path(".text.swp"))
    cell.timed("slow-vim", work)


def make(cell):
    cell.run("cp", "-r", cell.inputs.project(), cell.path("project"))
    cell.settle()
    cell.timed("slow-make", lambda: cell.run("make", "-s", "-C", cell.path("project")))


def deliver(cell):
    for name in ("tmp", "new"): os.makedirs(cell.path("mail", name))
    cell.settle()

    def work():
        for number in range(cell.sizes.deliveries):
            path = cell.path("mail", "tmp", str(number))
            with open(path, "wb", buffering=0) as file:
                file.write(bytes([number % 256]) * 4000)
                os.fsync(file.fileno())
            os.rename(path, cell.path("mail", "new", str(number)))
    cell.timed("slow-maildir", work,
               check=lambda: expect_landed(cell, "mail", cell.sizes.deliveries, cell.sizes.deliveries * 4000))


def far(name, rows, work, **more): return Group(name, rows, work, kind="slow", **{"columns": PEERS, **more})


def groups():
    yield far("slow-tree-20", [Row("slow-untar-20", "untar, 20 ms"), Row("slow-git", "git init, add, commit, 20 ms"),
                               Row("slow-rm", "rm -rf, 20 ms")], lambda cell: tree(cell, 20), limit=(7200, 400))
    yield far("slow-rm-fresh", [Row("slow-rm-fresh", "rm -rf, just extracted, 20 ms")], remove_fresh,
              columns=("ebbfs", "native", "rclone-writes"), limit=(1800, 120))
    for milliseconds in (5, 50):
        yield far(f"slow-tree-{milliseconds}", [Row(f"slow-untar-{milliseconds}", f"untar, {milliseconds} ms")],
                  lambda cell, milliseconds=milliseconds: tree(cell, milliseconds), milliseconds=milliseconds, columns=FEW,
                  limit=(7200, 300))
    for milliseconds in (20, 5, 50):
        more = {"milliseconds": milliseconds, "columns": PEERS if milliseconds == 20 else FEW}
        row = Row(f"slow-cp-{milliseconds}", f"cp of a great file, {milliseconds} ms")
        yield far(row.name, [row], lambda cell, milliseconds=milliseconds: copy(cell, milliseconds), **more)
        row = Row(f"slow-overwrite-{milliseconds}", f"4 KiB overwrites + fsync, {milliseconds} ms")
        yield far(row.name, [row], lambda cell, milliseconds=milliseconds: overwrite(cell, milliseconds),
                  prepare=put_great_file, **more)
    yield far("slow-read", [Row("slow-read", "reading a great file, 20 ms")], read, prepare=put_cold_file)
    yield far("slow-vim", [Row("slow-vim", "saves as vim's, 20 ms")], saves)
    yield far("slow-make", [Row("slow-make", "make of a C project, 20 ms")], make)
    yield far("slow-maildir", [Row("slow-maildir", "maildir deliveries, 20 ms")], deliver)
