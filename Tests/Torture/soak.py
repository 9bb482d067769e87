#!/usr/bin/env python3
"""Nothing grows: after a mixed load everything is written back, closed and forgotten, and the daemon is where it was before.

Processes, each in its own subtree with a bounded set of names, create, write, fsync, rename, link and unlink files, use O_TMPFILE and files
that are unlinked while open, make and remove trees, set extended attributes and read cold files, with `ebbfs flush` in between. What they
read must be what they wrote. Then they close and remove what they have, `ebbfs flush` returns, the kernel is told to forget its inodes
(drop_caches), and these are compared with their values after warm-up rounds of the same load:

threads            pools grow to their sizes and not beyond; not one of another kind more
descriptors        none more, those of segments aside; the daemon keeps a bounded number of files open, the cold ones here
segments           and bytes of the journal in use: at most --journal-slack segments more; they go when the next checkpoint is due
resident memory    at most --memory-slack MiB more, for the allocator; an inode that is remembered costs about a KiB, so the names are bounded
requests           that the kernel waits for, parked ones included (`waiting` of the FUSE connection): 0
pending            operations, dirty inodes and bytes and open plans in `status`: 0

--canary plants a leak in the clients; the run succeeds if it is found: `unlinked` holds files open that were written back and then lost
their name, `nameless` files that had lost it before, `names` leaves ever new names behind.

Usage: soak.py EBBFS [--seconds N] [--processes N] [--options OPTS] [--canary unlinked|nameless|names] [--seed S]
"""
import argparse, glob, multiprocessing, os, random, shutil, sys, time
from operations import called, libc
from torture import Scenario, arguments, run, wait_until

SEGMENT_BYTES = 4 << 20   # of a journal of 32 MiB
COLD, COLD_BYTES = 200, 50_000
POOLS = {"ebbfs-load": 16, "ebbfs-read": 4, "ebbfs-writeback": 16, "ebbfs-journal": 2}   # their threads, made when they are needed
AT_SYMLINK_FOLLOW = 0x400


class Contents:
    """A file's contents: so many times one byte. All its names have the same object."""

    def __init__(self): self.byte, self.size, self.attribute = 0, 0, None


class Client:
    """A process that uses its subtree; `files` and `folders` say what is in it."""

    def __init__(self, number, seed, top):
        self.chance, self.top = random.Random(seed), top
        self.home, self.cold = os.path.join(top, f"p{number}"), os.path.join(top, "cold")
        self.files, self.held, self.made = {}, [], 0
        self.count = self.verified = 0
        self.told = []
        self.number = number

    def name(self): return os.path.join(self.home, self.chance.choice(("", "d0/", "d1/", "d0/d2/")) + f"f{self.chance.randrange(24)}")

    def existing(self): return self.chance.choice(sorted(self.files)) if self.files else None

    def wrong(self, text): self.told.append((f"process {self.number}: {text}", 1))

    def judge(self, path, found, contents):
        self.verified += 1
        if found != bytes([contents.byte]) * contents.size: self.wrong(f"{path} has {len(found)} bytes that are not the {contents.size} written")

    def fill(self, descriptor, contents):
        contents.byte, contents.size = self.chance.randrange(1, 256), self.chance.choice((1, 100, 5000, 40_000, 300_000))
        os.ftruncate(descriptor, 0)
        if os.pwrite(descriptor, bytes([contents.byte]) * contents.size, 0) != contents.size: self.wrong("a short write")
        if self.chance.random() < 0.1: os.fsync(descriptor)

    def step(self):
        action = self.chance.choices((self.write, self.write_again, self.rename, self.link, self.unlink, self.temporary, self.nameless, self.tree,
                                      self.attribute, self.read, self.read_cold, self.list), (6, 6, 4, 3, 5, 2, 2, 1, 2, 4, 4, 2))[0]
        action()
        self.count += 1

    def write(self):
        path = self.name()
        os.makedirs(os.path.dirname(path), exist_ok=True)
        contents = self.files.setdefault(path, Contents())
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try: self.fill(descriptor, contents)
        finally: os.close(descriptor)

    def write_again(self):
        path = self.existing()
        if path is None: return
        descriptor = os.open(path, os.O_RDWR)
        try: self.fill(descriptor, self.files[path])
        finally: os.close(descriptor)

    def rename(self):
        old, new = self.existing(), self.name()
        if old is None or not os.path.isdir(os.path.dirname(new)): return
        os.rename(old, new)
        # Two names of one file: rename does nothing.
        if self.files.get(new) is not self.files[old]: self.files[new] = self.files.pop(old)

    def link(self):
        old, new = self.existing(), self.name()
        if old is None or new in self.files or not os.path.isdir(os.path.dirname(new)): return
        os.link(old, new)
        self.files[new] = self.files[old]

    def unlink(self):
        path = self.existing()
        if path is None: return
        os.unlink(path)
        del self.files[path]

    def temporary(self):
        descriptor = os.open(self.home, os.O_TMPFILE | os.O_RDWR, 0o600)
        try:
            contents = Contents()
            self.fill(descriptor, contents)
            self.judge("O_TMPFILE", os.pread(descriptor, 1 << 20, 0), contents)
            path = self.name()
            if self.chance.random() < 0.5 and path not in self.files and os.path.isdir(os.path.dirname(path)):
                # os.link cannot follow the link in /proc.
                called(libc.linkat(-100, f"/proc/self/fd/{descriptor}".encode(), -100, os.fsencode(path), AT_SYMLINK_FOLLOW), path)
                self.files[path] = contents
        finally: os.close(descriptor)

    def nameless(self):
        """Written and read after the last name is gone; some were written back before that."""
        path = self.existing()
        if path is None: return
        contents = self.files[path]
        descriptor = os.open(path, os.O_RDWR)
        try:
            for name in [name for name, one in self.files.items() if one is contents]: os.unlink(name); del self.files[name]
            self.judge("unlinked", os.pread(descriptor, 1 << 20, 0), contents)
            self.fill(descriptor, contents)
            self.judge("unlinked", os.pread(descriptor, 1 << 20, 0), contents)
        finally: os.close(descriptor)

    def tree(self):
        top = os.path.join(self.home, "tree")
        for i in range(3):
            for j in range(3):
                folder = os.path.join(top, str(i), str(j))
                os.makedirs(folder)
                with open(os.path.join(folder, "file"), "wb") as file: file.write(b"tree" * 100)
        os.rename(top, top + "-2")
        shutil.rmtree(top + "-2")

    def attribute(self):
        path = self.existing()
        if path is None: return
        contents, value = self.files[path], bytes([self.chance.randrange(256)]) * self.chance.choice((1, 100, 1000))
        if contents.attribute is not None:
            self.verified += 1
            if os.getxattr(path, "user.soak") != contents.attribute: self.wrong(f"{path} has another attribute")
        os.setxattr(path, "user.soak", value)
        contents.attribute = value
        if self.chance.random() < 0.3: os.removexattr(path, "user.soak"); contents.attribute = None

    def read(self):
        path = self.existing()
        if path is None: return
        with open(path, "rb") as file: self.judge(path, file.read(), self.files[path])

    def read_cold(self):
        i = self.chance.randrange(COLD)
        with open(os.path.join(self.cold, f"cold-{i}"), "rb") as file: found = file.read()
        self.verified += 1
        if found != bytes([i % 256]) * COLD_BYTES: self.wrong(f"cold-{i} has other bytes")

    def list(self):
        found = {os.path.join(folder, name) for folder, _, files in os.walk(self.home) for name in files}
        self.verified += 1
        if found != set(self.files): self.wrong(f"listing: {sorted(found ^ set(self.files))[:5]}")

    def leak(self, canary):
        """What a canary leaves behind after a round."""
        self.made += 1
        if canary == "names":
            for i in range(20_000): os.mknod(os.path.join(self.top, f"left-{self.number}-{self.made}-{i}"))
            return
        paths = [os.path.join(self.home, f"held-{i}") for i in range(10)]
        for path in paths:
            self.held.append(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            os.write(self.held[-1], b"n" * 100_000)
            if canary == "nameless": os.unlink(path)
        if canary == "nameless": return
        time.sleep(4)   # longer than the write-back deadline
        for path in paths: os.unlink(path)

    def round(self, until, canary):
        while time.monotonic() < until and not self.told: self.step()
        if canary: self.leak(canary)
        for name in os.listdir(self.home):
            path = os.path.join(self.home, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        self.files.clear()

    def serve(self, pipe):
        while True:
            message = pipe.recv()
            if message is None: return
            try: self.round(*message)
            except Exception as error:
                import traceback
                self.told.append((f"{type(error).__name__}: {error}: {traceback.format_exc(limit=-2)}", 0))
            pipe.send((self.count, self.verified, self.told))
            self.told = []


class Measures:
    """What must not grow."""

    def __init__(self, mount):
        status = mount.status()
        process = status["pid"]
        with open(f"/proc/{process}/status") as file: words = dict(line.split(":", 1) for line in file)
        self.threads, self.memory = int(words["Threads"]), int(words["VmRSS"].split()[0]) << 10
        self.pools, self.descriptors = {}, 0
        for path in glob.glob(f"/proc/{process}/task/*/comm"):
            try:
                with open(path) as file: name = file.read().strip()
            except OSError: continue   # it has ended
            self.pools[name] = self.pools.get(name, 0) + 1
        for path in glob.glob(f"/proc/{process}/fd/*"):
            try: self.descriptors += not os.path.basename(os.readlink(path)).startswith("segment-")
            except OSError: pass
        self.segments = len([name for name in os.listdir(mount.state) if name.startswith("segment-")])
        self.journal = status["journal_used_bytes"]
        self.pending = sum(status[name] for name in ("pending_operations", "dirty_inodes", "dirty_bytes", "open_plans"))
        with open(f"/sys/fs/fuse/connections/{os.minor(os.stat(mount.point).st_dev)}/waiting") as file: self.waiting = int(file.read())

    def __repr__(self):
        return (f"{self.threads} threads, {self.descriptors} descriptors, {self.segments} segments, {self.journal >> 10} KiB of journal, "
                f"{self.memory >> 20} MiB resident, {self.pending} pending, {self.waiting} requests waiting")

    def worse_than(self, base, given):
        """What has grown."""
        words = []
        for name, count in sorted(self.pools.items()):
            if count > max(base.pools.get(name, 0), POOLS.get(name, 0)): words.append(f"{count} threads {name}, {base.pools.get(name, 0)} before")
        if self.descriptors > base.descriptors: words.append(f"{self.descriptors} descriptors, {base.descriptors} before")
        if self.segments > base.segments + given.journal_slack: words.append(f"{self.segments} segments, {base.segments} before")
        if self.journal > base.journal + given.journal_slack * SEGMENT_BYTES:
            words.append(f"{self.journal >> 10} KiB of journal in use, {base.journal >> 10} before")
        if self.memory > base.memory + (given.memory_slack << 20):
            words.append(f"{self.memory >> 20} MiB resident, {base.memory >> 20} before")
        if self.pending: words.append(f"{self.pending} pending")
        if self.waiting: words.append(f"{self.waiting} requests waiting")
        return words


def settle(scenario, mount):
    """Everything written back, and the kernel forgets."""
    problem = mount.flush(120)
    if problem: scenario.violated(problem)
    with open("/proc/sys/vm/drop_caches", "w") as file: file.write("2")
    return Measures(mount)


def main():
    parser = arguments(argparse.ArgumentParser())
    parser.add_argument("--seconds", type=float, default=120); parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--warmup", type=float, help="seconds before the baseline, a quarter of --seconds by default")
    parser.add_argument("--round", type=float, default=10, help="seconds between flushes")
    parser.add_argument("--journal-slack", type=int, default=2, help="segments"); parser.add_argument("--memory-slack", type=int, default=32, help="MiB")
    parser.add_argument("--options", default="writeback_delay=200ms,writeback_deadline=2s,journal_size=32M,memory=32M")
    parser.add_argument("--canary", choices=("unlinked", "nameless", "names"))
    given = parser.parse_args()
    scenario = Scenario("soak", given)
    base = last = None
    with scenario:
        mount = scenario.mount(given.options)
        for name in ("cold", *(f"p{i}" for i in range(given.processes))): os.mkdir(os.path.join(mount.backing, name))
        for i in range(COLD):
            with open(os.path.join(mount.backing, "cold", f"cold-{i}"), "wb") as file: file.write(bytes([i % 256]) * COLD_BYTES)
        mount.mount()
        if not os.path.isdir("/sys/fs/fuse/connections/1") and not os.listdir("/sys/fs/fuse/connections"):
            run("mount", "-t", "fusectl", "none", "/sys/fs/fuse/connections", check=True)
            scenario.undo.append(lambda: run("umount", "/sys/fs/fuse/connections"))
        pipes = []
        for number in range(given.processes):
            here, there = multiprocessing.Pipe()
            client = Client(number, scenario.seed * 100 + number, mount.point)
            process = multiprocessing.Process(target=client.serve, args=(there,), daemon=True)
            process.start()
            pipes.append(here)
            scenario.undo.append(process.kill)

        def work(seconds, canary=None):
            """Rounds of load, each with what is pending at its end written back."""
            end = time.monotonic() + seconds
            while time.monotonic() < end and not scenario.violations:
                until = min(end, time.monotonic() + given.round)
                for pipe in pipes: pipe.send((until, canary))
                answers = []
                for number, pipe in enumerate(pipes):
                    if not pipe.poll(given.round + 300): raise RuntimeError(f"process {number} hangs: {mount.status()}")
                    answers.append(pipe.recv())
                for answer in answers:
                    for text, lost in answer[2]: scenario.violated(text, lost)
                scenario.acknowledged, scenario.verified = sum(a[0] for a in answers), sum(a[1] for a in answers)
                print(settle(scenario, mount), flush=True)

        work(given.warmup or given.seconds / 4)
        for i in range(COLD):   # those that the daemon keeps open
            with open(os.path.join(mount.point, "cold", f"cold-{i}"), "rb") as file: file.read()
        base = settle(scenario, mount)
        print(f"after the warm-up: {base}", flush=True)
        work(given.seconds, given.canary)
        # What goes by itself after a while is no leak.
        wait_until(lambda: not settle(scenario, mount).worse_than(base, given), 30, 1)
        last = settle(scenario, mount)
        for word in last.worse_than(base, given):
            scenario.violated(f"leak: {word}")
            scenario.is_caught = scenario.canary is not None
        for pipe in pipes: pipe.send(None)
        left = {name for folder, folders, files in os.walk(mount.backing) for name in files} - {f"cold-{i}" for i in range(COLD)}
        if left and given.canary != "names": scenario.violated(f"left in the backing directory: {sorted(left)[:6]}")
        wait_until(lambda: not multiprocessing.active_children(), 10)
        problem = mount.unmount()
        if problem: scenario.violated(problem)
    scenario.finish(f"{scenario.acknowledged} steps, after the warm-up {base}, at the end {last}")
    return scenario.exit_status


if __name__ == "__main__": sys.exit(main())
