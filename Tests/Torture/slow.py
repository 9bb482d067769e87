#!/usr/bin/env python3
"""Nothing in the write path waits for the backing directory: 1,000 small files in a fresh directory, on a backing directory whose every
operation takes 20 ms, through ebbfs and directly. Prints both medians and their ratio; a ratio below --least is a violation.

Usage: slow.py EBBFS [--files N] [--runs N] [--milliseconds N] [--least RATIO] [--direct-files N] [--options OPTS]
"""
import argparse, os, statistics, subprocess, sys, time
from torture import Scenario, arguments, run, wait_until


def work(folder, count):
    """Seconds to make a directory and `count` files of 1 to 8 KiB in it."""
    begun = time.monotonic()
    os.mkdir(folder)
    for i in range(count):
        with open(os.path.join(folder, f"file-{i}"), "wb", buffering=0) as file: file.write(bytes([i % 256]) * (1024 * (1 + i % 8)))
    return time.monotonic() - begun


def main():
    parser = arguments(argparse.ArgumentParser())
    parser.add_argument("--files", type=int, default=1000); parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--milliseconds", type=float, default=20); parser.add_argument("--least", type=float, default=50)
    parser.add_argument("--direct-files", type=int, default=200, help="files of a direct run, whose time is scaled")
    parser.add_argument("--options", default="")
    given = parser.parse_args()
    scenario = Scenario("slow", given)
    ratio, words = 0, ""
    with scenario:
        source, far = os.path.join(scenario.base, "source"), os.path.join(scenario.base, "far")
        os.mkdir(source); os.mkdir(far)
        server = subprocess.Popen([sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "slowfs.py"), source, far,
                                   "--milliseconds", str(given.milliseconds)])

        def end():
            run("umount", "-l", far)
            server.terminate(); server.wait()
        scenario.undo.append(end)
        if not wait_until(lambda: os.path.ismount(far), 10): raise RuntimeError("slowfs did not mount")
        direct = [work(os.path.join(far, f"direct-{i}"), given.direct_files) * given.files / given.direct_files for i in range(given.runs)]
        mount = scenario.mount(given.options, backing=far)
        mount.mount()
        through = [work(os.path.join(mount.point, f"through-{i}"), given.files) for i in range(given.runs)]
        scenario.acknowledged = given.runs * (1 + 2 * given.files)   # mkdir; create and write
        begun = time.monotonic()
        problem = mount.flush(900)
        drained = time.monotonic() - begun
        if problem: scenario.violated(problem)
        for i in range(given.runs):
            for j in range(given.files):
                with open(os.path.join(source, f"through-{i}", f"file-{j}"), "rb") as file: found = file.read()
                if found != bytes([j % 256]) * (1024 * (1 + j % 8)): scenario.violated(f"through-{i}/file-{j} differs", lost=1); break
                scenario.verified += 1
        problem = mount.unmount()
        if problem: scenario.violated(problem)
        ratio = statistics.median(direct) / statistics.median(through)
        words = (f"{given.files} files, {given.milliseconds:g} ms an operation: direct {statistics.median(direct):.1f} s, "
                 f"ebbfs {statistics.median(through):.3f} s ({min(through):.3f} to {max(through):.3f}), ratio {ratio:.0f}, "
                 f"{given.runs * given.files} files written back in {drained:.1f} s")
        if ratio < given.least: scenario.violated(f"ratio {ratio:.1f} is below {given.least:g}")
    scenario.finish(words)
    return scenario.exit_status


if __name__ == "__main__": sys.exit(main())
