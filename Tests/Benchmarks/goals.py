"""What the bench must show: each goal with what was measured, and whether it is met."""


class Goal:
    """`measure(results)` is the worst of its ratios, or None when nothing was measured; `sign` says on which side of `limit` that
    must be."""

    def __init__(self, text, sign, limit, measure): self.text, self.sign, self.limit, self.measure = text, sign, limit, measure

    def outcome(self, results):
        measured = self.measure(results)
        met = measured is not None and (measured >= self.limit if self.sign == ">=" else measured <= self.limit)
        return {"goal": self.text, "wanted": f"{self.sign} {self.limit:g}", "measured": measured,
                "outcome": "not measured" if measured is None else "met" if met else "missed"}


def worst(values):
    """The smallest; None if there is none at all. Peers that failed at a row do not count."""
    known = [value for value in values if value is not None]
    return min(known) if known else None


def faster(rows, *others, name="returned"):
    """How many times better ebbfs is than each of the others, at worst, in rows. Both sides by the same clock."""
    def measure(results):
        return worst(results.ratio(row, "ebbfs", other, name, name) for row in rows for other in others)
    return measure


def most_bytes_sent(rows):
    def measure(results):
        found = [(results.value(row, "ebbfs", "sent_bytes"), results.value(row, "ebbfs", "changed_bytes")) for row in rows]
        return max((sent / changed for sent, changed in found if sent is not None and changed), default=None)
    return measure


def value(row, name="returned"): return lambda results: results.value(row, "ebbfs", name)


def quotient(row, other):
    """Figures of ebbfs alone: `row` in units of `other`."""
    def measure(results):
        a, b = results.value(row, "ebbfs"), results.value(other, "ebbfs")
        return a / b if a is not None and b else None
    return measure


def growth(sizes):
    """The dearest operation with many files, in units of the same with a thousand."""
    def measure(results):
        found = [quotient(f"own-growth-{phase}-{count}", f"own-growth-{phase}-{sizes.growth[0]}")(results)
                 for phase in ("create", "stat", "unlink") for count in sizes.growth[1:]]
        return max((ratio for ratio in found if ratio is not None), default=None)
    return measure


SMALL = [f"fio-{name}-4k-{jobs}" for name in ("randwrite", "append") for jobs in (1, 4)]
STREAMS = ["fio-write-1m-1", "fio-read-1m-1"]
NAMES = ["meta-create", "meta-stat", "meta-readdir", "meta-rename", "meta-unlink"]
RCLONE = ("rclone-writes", "rclone-full")


def goals(sizes):
    return [
        Goal("untar, 20 ms, returned: times sshfs", ">=", 400, faster(["slow-untar-20"], "sshfs")),
        Goal("untar, 20 ms, returned: times rclone", ">=", 40, faster(["slow-untar-20"], *RCLONE)),
        Goal("untar, 20 ms, returned: times passthrough_ll on local ext4", ">=", 1, faster(["slow-untar-20"], "passthrough")),
        Goal("untar, 20 ms, on the server: times sshfs and rclone", ">=", 20,
             faster(["slow-untar-20"], "sshfs", *RCLONE, name="landed")),
        Goal("git, 20 ms: times sshfs", ">=", 200, faster(["slow-git"], "sshfs")),
        Goal("cp and overwrites, 20 ms, returned: times rclone", ">=", 1, faster(["slow-cp-20", "slow-overwrite-20"], *RCLONE)),
        Goal("cp and overwrites, 20 ms, on the server: times sshfs", ">=", 1,
             faster(["slow-cp-20", "slow-overwrite-20"], "sshfs", name="landed")),
        Goal("cp and overwrites, 20 ms: bytes sent for each changed", "<=", 1.1,
             most_bytes_sent(["slow-cp-20", "slow-overwrite-20"])),
        Goal("rm -rf of the tree just extracted: operations that reach the server", "<=", 0,
             value("slow-rm-fresh", "backing_operations")),
        Goal("4 KiB writes: times passthrough_ll", ">=", 1, faster(SMALL, "passthrough")),
        Goal("fdatasync after each 4 KiB, 1 writer: times native", ">=", 1.2, faster(["fdatasync-1"], "native")),
        Goal("fdatasync after each 4 KiB, 16 writers: times native", ">=", 2, faster(["fdatasync-16"], "native")),
        Goal("create + write + fsync + close, 1 writer: times native", ">=", 1.2, faster(["create-1"], "native")),
        Goal("create + write + fsync + close, 16 writers: times passthrough_ll", ">=", 2, faster(["create-16"], "passthrough")),
        Goal("1 MiB sequential write and read: times passthrough_ll", ">=", 1, faster(STREAMS, "passthrough")),
        Goal("1 MiB cached re-read: times native", ">=", 0.95, faster(["fio-reread-1m-1"], "native")),
        Goal("create, stat, readdir, rename, unlink, local: times passthrough_ll", ">=", 1.2, faster(NAMES, "passthrough")),
        Goal("untar, local: times passthrough_ll", ">=", 1.2, faster(["fast-untar"], "passthrough")),
        Goal("sqlite3, both journals: times native", ">=", 1, faster(["sqlite-wal", "sqlite-rollback"], "native")),
        Goal("pgbench: times native", ">=", 1, faster(["pgbench"], "native")),
        Goal("recovery: times what reading the journal's files takes", "<=", 2, quotient("own-recovery", "own-recovery-disk")),
        Goal("memory above memory= and 400 bytes an inode, MiB", "<=", 64, lambda results: above(results, 64)),
        Goal("memory for each inode, bytes", "<=", 400, value("own-memory-inode")),
        Goal("growth from a thousand files: dearest operation, times", "<=", 1.2, growth(sizes)),
        Goal("growth of the journal, from empty to full: a write, times", "<=", 1.2, quotient("own-fill-full", "own-fill-empty")),
    ]


def above(results, allowance):
    found = results.value("own-memory-dirty", "ebbfs")
    return None if found is None else found - allowance


def outcomes(results, sizes):
    """Of goals with something measured."""
    return [outcome for outcome in (goal.outcome(results) for goal in goals(sizes)) if outcome["measured"] is not None]
