#!/usr/bin/env python3
"""Short and interrupted calls: of the daemon's reads, writes, syncs and resizes, on the journal and in the backing directory, a third
fails with EINTR and a third transfers half. Files are written, overwritten and cut, the daemon is killed, mounted again and killed in the
middle of write-back; every byte must be there each time, and in the backing directory at the end.

Usage: partial.py EBBFS [--rounds N] [--files N] [--options OPTS] [--seed S]
"""
import argparse, os, sys, time
from torture import Scenario, arguments, run


def preload(scenario, mount):
    library = os.path.join(scenario.base, "partial.so")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "partial.c")
    done = run("gcc", "-shared", "-fPIC", "-o", library, source)
    if done.returncode: raise RuntimeError(done.stderr)
    words = mount.words
    mount.words = lambda: ["env", f"LD_PRELOAD={library}", f"EBBFS_PARTIAL_PATH={scenario.base}", *words()]


def change(chance, top, expected, files):
    """A write, an append or a truncation of one of the files, here and in `expected`."""
    name = f"file-{chance.randrange(files)}"
    old = expected.get(name, b"")
    with open(os.path.join(top, name), "r+b" if name in expected else "w+b", buffering=0) as file:
        if chance.random() < 0.2:
            size = chance.randrange(len(old) + 5000)
            file.truncate(size)
            expected[name] = old[:size] + bytes(max(0, size - len(old)))
            return
        offset = len(old) if chance.random() < 0.3 else chance.randrange(len(old) + 1)
        data = bytes([chance.randrange(1, 256)]) * chance.choice((1, 700, 4096, 30_000, 400_000))
        if file.seek(offset) != offset or file.write(data) != len(data): raise RuntimeError(f"{name}: a short write through the mount")
        expected[name] = old[:offset] + data + old[offset + len(data):]


def compare(scenario, top, expected):
    for name, data in sorted(expected.items()):
        with open(os.path.join(top, name), "rb") as file: found = file.read()
        scenario.verified += found == data
        if found != data: scenario.violated(f"{top}/{name}: {len(found)} bytes, {len(data)} were written, or others", lost=1)


def main():
    parser = arguments(argparse.ArgumentParser())
    parser.add_argument("--rounds", type=int, default=8); parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--options", default="writeback_delay=200ms,writeback_deadline=1s,journal_size=64M,memory=16M")
    given = parser.parse_args()
    scenario = Scenario("partial", given)
    expected = {}
    with scenario:
        mount = scenario.mount(given.options)
        preload(scenario, mount)
        for number in range(given.rounds):
            mount.mount()
            with open(f"/proc/{mount.process}/maps") as maps:
                if "partial.so" not in maps.read(): raise RuntimeError("the daemon does not have the library")
            compare(scenario, mount.point, expected)
            for _ in range(100):
                change(scenario.chance, mount.point, expected, given.files)
                scenario.acknowledged += 1
            if number % 2: time.sleep(scenario.chance.uniform(0.1, 1))
            mount.kill()
            mount.clear()
            problem = mount.check()
            if problem: scenario.violated(problem)
        mount.mount()
        compare(scenario, mount.point, expected)
        for problem in (mount.flush(), mount.unmount()):
            if problem: scenario.violated(problem)
        compare(scenario, mount.backing, expected)
    scenario.finish(f"{scenario.acknowledged} changes acknowledged, {scenario.verified} files as written")
    return scenario.exit_status


if __name__ == "__main__": sys.exit(main())
