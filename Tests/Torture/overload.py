#!/usr/bin/env python3
"""More arrives than the backing directory takes: writers offer `--times` as many bytes a second as it can write, for `--seconds`.

Prints p50, p99 and the longest write(2) in each tenth of the run, and for the whole. Writes are never lost, never fail, and no write may
take longer than `--most` seconds: a queue that runs full all at once would make one wait for whole batches. A spike that fits in the
queue must not be slowed down at all (`--spike` MiB before the run, `--spike-most` milliseconds at p99).

Usage: overload.py EBBFS [--rate MIB] [--times N] [--seconds N] [--writers N] [--piece KIB] [--most S] [--options OPTS]
"""
import argparse, os, subprocess, sys, threading, time
from torture import Scenario, arguments, run, wait_until


def at(values, part): return sorted(values)[min(len(values) - 1, int(len(values) * part))] if values else 0.0


def words(values): return f"p50 {at(values, .5) * 1000:.1f} ms, p99 {at(values, .99) * 1000:.1f} ms, longest {max(values, default=0) * 1000:.0f} ms"


class Writer(threading.Thread):
    """Writes pieces to one file after the other, each at its time or as soon after it as the one before returns."""

    def __init__(self, point, number, piece, every, end, pieces):
        super().__init__()
        self.point, self.number, self.piece, self.every, self.end, self.pieces = point, number, piece, every, end, pieces
        self.latencies, self.begun, self.files, self.error = [], time.monotonic(), 0, None

    def run(self):
        try: self.write()
        except OSError as error: self.error = error

    def write(self):
        due = time.monotonic()
        while time.monotonic() < self.end and len(self.latencies) < self.pieces:
            with open(os.path.join(self.point, f"{self.number}-{self.files}"), "wb", buffering=0) as file:
                for place in range(64):
                    now = time.monotonic()
                    if now >= self.end or len(self.latencies) >= self.pieces: break
                    if due > now: time.sleep(due - now)
                    due = max(due + self.every, time.monotonic() - 0.1)
                    begun = time.monotonic()
                    file.write(bytes([(self.files + place) % 251]) * self.piece)
                    self.latencies.append((begun - self.begun, time.monotonic() - begun))
            self.files += 1


def write(point, name, given, rate, seconds, bytes_each=None):
    """Writes until the time is over, or until each writer has written so much."""
    piece = given.piece * 1024
    end, pieces = time.monotonic() + seconds, bytes_each // piece if bytes_each else 1 << 62
    writers = [Writer(point, f"{name}{i}", piece, piece * given.writers / rate if rate else 0, end, pieces) for i in range(given.writers)]
    for writer in writers: writer.start()
    for writer in writers: writer.join()
    return writers


def main():
    parser = arguments(argparse.ArgumentParser())
    parser.add_argument("--rate", type=float, default=2, help="what the backing directory takes, MiB a second")
    parser.add_argument("--times", type=float, default=10); parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--writers", type=int, default=4); parser.add_argument("--piece", type=int, default=64)
    parser.add_argument("--most", type=float, default=5); parser.add_argument("--spike", type=float, default=16)
    parser.add_argument("--spike-most", type=float, default=50); parser.add_argument("--options", default="journal_size=128M")
    given = parser.parse_args()
    scenario = Scenario("overload", given)
    text = ""
    with scenario:
        source, far = os.path.join(scenario.base, "source"), os.path.join(scenario.base, "far")
        os.mkdir(source); os.mkdir(far)
        server = subprocess.Popen([sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "slowfs.py"), source, far,
                                   "--milliseconds", "5", "--bytes-per-second", str(int(given.rate * 1048576))])

        def end():
            run("umount", "-l", far)
            server.terminate(); server.wait()
        scenario.undo.append(end)
        if not wait_until(lambda: os.path.ismount(far), 10): raise RuntimeError("slowfs did not mount")
        mount = scenario.mount(given.options, backing=far)
        mount.mount()
        spiked = write(mount.point, "spike", given, None, 600, int(given.spike * 1048576 / given.writers)) if given.spike else []
        spike = [latency for writer in spiked for _, latency in writer.latencies]
        writers = write(mount.point, "stream", given, given.rate * given.times * 1048576, given.seconds)
        for writer in spiked + writers:
            if writer.error: scenario.violated(f"a write failed: {writer.error}")
        latencies = [pair for writer in writers for pair in writer.latencies]
        scenario.acknowledged = len(spike) + len(latencies)
        for tenth in range(10):
            part = [latency for begun, latency in latencies if tenth <= begun / given.seconds * 10 < tenth + 1]
            print(f"  {tenth * given.seconds / 10:5.0f} s: {len(part) * given.piece / 1024 / (given.seconds / 10):6.2f} MiB/s, {words(part)}",
                  flush=True)
        every = [latency for _, latency in latencies]
        spike_megabytes = len(spike) * given.piece / 1024
        text = f"{given.times:g} times {given.rate:g} MiB/s for {given.seconds:g} s: {words(every)}; spike of {spike_megabytes:.0f} MiB: {words(spike)}"
        if max(every) > given.most: scenario.violated(f"a write took {max(every):.1f} s")
        if at(spike, .99) * 1000 > given.spike_most: scenario.violated(f"a spike was slowed down: {words(spike)}")
        begun = time.monotonic()
        problem = mount.flush(600)
        if problem: scenario.violated(problem)
        text += f"; the rest was written back in {time.monotonic() - begun:.0f} s"
        for writer in spiked + writers:
            for number in range(writer.files):
                with open(os.path.join(source, f"{writer.number}-{number}"), "rb") as file: found = file.read()
                expected = b"".join(bytes([(number + place) % 251]) * (given.piece * 1024) for place in range(64))
                if not expected.startswith(found) or number < writer.files - 1 and found != expected:
                    scenario.violated(f"{writer.number}-{number} differs", lost=1)
                scenario.verified += 1
        problem = mount.unmount()
        if problem: scenario.violated(problem)
    scenario.finish(text)
    return scenario.exit_status


if __name__ == "__main__": sys.exit(main())
