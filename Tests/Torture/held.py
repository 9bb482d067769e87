#!/usr/bin/env python3
"""Descriptors held open across the whole story.

Processes hold descriptors open and write through them without fsync: a shell loop with `printf >>`, a writer with O_APPEND, one at
random offsets, one on a file that is renamed under it, one on a file that is unlinked while open, one through a shared mapping with
msync. After every kill -9 of the daemon and remount all that was acknowledged must be there; a descriptor of before the kill answers
ENOTCONN, and the writer opens its file again and goes on.

Usage: held.py EBBFS [--kills N] [--pace SECONDS] [--options OPTS] [--seed S]
"""
import argparse, mmap, os, random, subprocess, sys, threading, time
from torture import DEAD, Scenario, arguments, listing


def page_cuts(offset, count):
    """Where the kernel may split a write(2) into several requests: at the ends of pages that it has not whole."""
    first = offset // 4096 * 4096 + 4096
    return [end - offset for end in range(first, offset + count, 4096)]


class Writer:
    """Keeps in memory what the file must hold. `limit` is what it holds if the write in flight happened too."""

    count = 0   # writes that were acknowledged

    def __init__(self, path, seed): self.path, self.chance, self.expected, self.flying = path, random.Random(seed), bytearray(), None

    def allowed(self):
        if self.flying is None: return [bytes(self.expected)]
        offset, data = self.flying
        return [self.after(offset, data[:cut]) for cut in [0, *page_cuts(offset, len(data)), len(data)]]

    def after(self, offset, data):
        content = bytearray(self.expected)
        if not data: return bytes(content)
        if len(content) < offset: content += bytes(offset - len(content))
        content[offset:offset + len(data)] = data
        return bytes(content)

    def write(self, descriptor, offset, data, write):
        """As programs write: a short write is acknowledged as far as it goes, and the rest is written after it."""
        while data:
            self.flying = (offset, data)
            count = write(descriptor, data, offset)
            self.flying = (offset, data[:count]); self.acknowledge()
            offset, data = offset + count, data[count:]

    def settled(self, found):
        self.expected, self.flying = bytearray(found), None

    def acknowledge(self):
        self.expected = bytearray(self.allowed()[-1]); self.flying = None
        self.count += 1


class Appending(Writer):
    def session(self, stop):
        d = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        while not stop.is_set():
            data = bytes([self.chance.randrange(1, 256)]) * self.chance.randrange(1, 3000)
            self.write(d, len(self.expected), data, lambda d, data, _: os.write(d, data)); time.sleep(0.001)


class AtOffsets(Writer):
    """Also renames its file while the descriptor is open, every 50 writes."""
    number = 0

    def session(self, stop):
        d = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        while not stop.is_set():
            offset, data = self.chance.randrange(0, 300_000), os.urandom(self.chance.randrange(1, 9000))
            self.write(d, offset, data, os.pwrite)
            if self.chance.random() < 0.02:
                self.number += 1
                self.renaming = (self.path, self.path.rsplit("-", 1)[0] + f"-{self.number}")
                os.rename(*self.renaming); self.path = self.renaming[1]; self.renaming = None
            time.sleep(0.001)

    renaming = None


class Mapped(Writer):
    size = 200_000

    def session(self, stop):
        d = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        if os.fstat(d).st_size != self.size:
            os.ftruncate(d, self.size)
            self.expected = bytearray(os.pread(d, self.size, 0))
        view = mmap.mmap(d, self.size)
        while not stop.is_set():
            page = self.chance.randrange(0, self.size // 4096) * 4096
            data = os.urandom(4000)
            self.flying = (page, data)
            view[page:page + 4000] = data
            view.flush(page, 4096)
            self.acknowledge(); time.sleep(0.002)


class Unlinked(Writer):
    """What it has has no name; it only must read what it wrote, and leave nothing behind."""

    def session(self, stop):
        d = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        os.unlink(self.path)
        content = bytearray()
        while not stop.is_set():
            data = os.urandom(self.chance.randrange(1, 5000))
            data = data[:os.pwrite(d, data, len(content))]; content += data; self.count += 1
            found = os.pread(d, len(content), 0)
            # A read of several requests comes short when the daemon dies within it; then the next call says so.
            if len(found) < len(content): os.fsync(d)
            if found != bytes(content): raise AssertionError(f"an unlinked file has {len(found)} bytes, not the {len(content)} that were written, or others")
            if len(content) > 400_000: os.ftruncate(d, 0); content = bytearray()
            time.sleep(0.002)


class Shell(Writer):
    """`printf >>` of a shell, one line each, each recorded outside the mount once it had returned."""

    def session(self, stop):
        ledger = self.ledger
        script = 'i=$2; while :; do printf "line %d\\n" $i >> "$0" || exit 1; echo $i >> "$1"; i=$((i+1)); done'
        begin = self.acknowledged() + (0 if self.first else 1)
        if not self.first:
            # The kernel may have split the line in flight at the end of a page.
            with open(self.path, "rb") as file: whole = file.read().rfind(b"\n") + 1
            os.truncate(self.path, whole)
        self.first = False
        process = subprocess.Popen(["sh", "-c", script, self.path, ledger, str(begin + 0)], stderr=subprocess.DEVNULL)
        while process.poll() is None and not stop.is_set(): time.sleep(0.01)
        process.kill(); process.wait()

    first = True

    def acknowledged(self):
        try:
            with open(self.ledger) as file: lines = file.read().split("\n")[:-1]
            self.count = int(lines[-1]) + 1 if lines else 0
            return max(0, self.count - 1)
        except OSError: return 0

    def allowed(self):
        last = self.acknowledged()
        if self.first: return [b""]
        start = 0
        lines = [b"line %d\n" % i for i in range(start, last + 2)]
        before = b"".join(lines[:-1])
        torn = [before + lines[-1][:cut] for cut in page_cuts(len(before), len(lines[-1]))]
        return [before if os.path.exists(self.ledger) else b"", *torn, before + lines[-1]] + ([b""] if last == 0 else [])

    def settled(self, found):
        # The line in flight may have arrived without its record.
        count = found.count(b"\n")
        if count:
            with open(self.ledger, "a") as file: file.write(f"{count - 1}\n")


def main():
    parser = arguments(argparse.ArgumentParser())
    parser.add_argument("--kills", type=int, default=10); parser.add_argument("--pace", type=float, default=2.0)
    parser.add_argument("--options", default="writeback_delay=200ms,writeback_deadline=1s")
    given = parser.parse_args()
    scenario = Scenario("held", given)
    exact = size = 0
    with scenario:
        chance = scenario.chance
        mount = scenario.mount(given.options)
        mount.mount()
        folder = os.path.join(mount.point, "held")
        os.mkdir(folder)
        writers = [Appending(os.path.join(folder, "append"), 1), Appending(os.path.join(folder, "append-2"), 2),
                   AtOffsets(os.path.join(folder, "offsets-0"), 3), AtOffsets(os.path.join(folder, "more-0"), 4),
                   Mapped(os.path.join(folder, "mapped"), 5), Unlinked(os.path.join(folder, "unlinked"), 6),
                   Shell(os.path.join(folder, "shell"), 7)]
        writers[-1].ledger = os.path.join(scenario.base, "shell.ledger")

        def hold(writer, stop):
            try: writer.session(stop)
            except OSError as error:
                if error.errno not in DEAD: failures.append((f"{writer.path}: {error}", 0))
            except Exception as error: failures.append((f"{writer.path}: {error}", isinstance(error, AssertionError)))
        while mount.kills < given.kills and not scenario.violations:
            failures, stop = [], threading.Event()
            threads = [threading.Thread(target=hold, args=(writer, stop)) for writer in writers]
            for thread in threads: thread.start()
            time.sleep(chance.uniform(0.2, given.pace))
            mount.kill()
            stop.set()
            for thread in threads: thread.join(30)
            for text, lost in failures:
                if "number 5" not in text: scenario.violated(text, lost)
            exact += mount.remount(scenario)
            for writer in writers:
                if isinstance(writer, Unlinked):
                    if os.path.lexists(writer.path) and writer.expected is not None:
                        try: os.unlink(writer.path)   # killed between create and unlink
                        except OSError as error: scenario.violated(f"{writer.path}: {error}")
                    continue
                renaming = getattr(writer, "renaming", None)
                if renaming and os.path.exists(renaming[1]) and not os.path.exists(renaming[0]): writer.path = renaming[1]
                if isinstance(writer, AtOffsets): writer.renaming = None
                try:
                    with open(writer.path, "rb") as file: found = file.read()
                except FileNotFoundError: found = b""
                scenario.verified += 1; size += len(found)
                if isinstance(writer, Mapped):
                    # Stores of one page arrive together; those not yet flushed may be there or not.
                    if not writer.expected: writer.expected = bytearray(found)
                if found not in writer.allowed():
                    first = writer.allowed()[0]
                    at = next((i for i in range(min(len(first), len(found))) if first[i] != found[i]), min(len(first), len(found)))
                    scenario.violated(f"after kill {mount.kills}: {writer.path} has {len(found)} bytes, not {len(first)}, or differs at {at}", lost=1)
                writer.settled(found)
            scenario.acknowledged = sum(writer.count for writer in writers)
            if sorted(listing(mount.point)) != listing(mount.point): scenario.violated("two listings differ")
        if not scenario.violations:
            problem = mount.flush()
            if problem: scenario.violated(problem)
            for writer in writers:
                if isinstance(writer, Unlinked): continue
                path = os.path.join(mount.backing, "held", os.path.basename(writer.path))
                with open(path, "rb") as file: found = file.read()
                if found not in writer.allowed(): scenario.violated(f"{path} differs", lost=1)
                scenario.verified += 1
            left = sorted(set(os.listdir(os.path.join(mount.backing, "held"))) ^ set(os.listdir(folder)))
            if left: scenario.violated(f"names on one side only: {left}")
            problem = mount.unmount()
            if problem: scenario.violated(problem)
    scenario.finish(f"{scenario.acknowledged} writes acknowledged, {scenario.verified} files of {size >> 20} MiB verified, "
                    f"{exact} kills inside recovery, {scenario.mount_times()}")
    return scenario.exit_status


if __name__ == "__main__": sys.exit(main())
