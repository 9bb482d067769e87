#!/usr/bin/env python3
"""Disks that fail under a running daemon.

journal   the journal's writes or syncs fail (strace injects EIO, ENOSPC): nothing above is acknowledged, changes stop with EROFS or
          EIO, reads go on, `status` says so; after kill -9 and remount all that was acknowledged is there
backing   calls on the backing directory fail, a few times or for a while: no operation on the mount notices, `status` shows the last
          error, and once the fault is over everything is written back
full      the backing disk is full: nothing acknowledged is lost; written back once there is room
gone      the backing directory is unmounted, or another one put in its place: nothing is written to what took its place, nothing lost

Usage: faults.py EBBFS [--only journal,backing,full,gone] [--seed S]
"""
import argparse, errno, os, subprocess, sys, time
from torture import MountFailure, Scenario, arguments, difference, facts, run, wait_until


class Case:
    """A mount with a shadow: what is acknowledged on the one is done to the other."""

    def __init__(self, scenario, name, options, backing=None):
        self.scenario, self.name = scenario, name
        self.base = os.path.join(scenario.base, name)
        os.mkdir(self.base)
        self.mount = scenario.mount(options, base=self.base, backing=backing)
        self.shadow = os.path.join(self.base, "shadow"); os.mkdir(self.shadow)
        self.count = 0

    def violated(self, text): self.scenario.violated(f"{self.name}: {text}")

    def both(self, action):
        """Does something below the mount and, once that returned, below the shadow."""
        answer = action(self.mount.point)
        action(self.shadow)
        self.count += 1
        return answer

    def write(self, name, contents, at=0):
        def action(top):
            descriptor = os.open(os.path.join(top, name), os.O_WRONLY | os.O_CREAT, 0o644)
            try: os.pwrite(descriptor, contents, at)
            finally: os.close(descriptor)
        self.both(action)

    def mixture(self, tag):
        """Every kind of change, so that every kind of backing call comes."""
        path = lambda top, name: os.path.join(top, f"{tag}-{name}")
        self.both(lambda top: os.mkdir(path(top, "folder")))
        for i in range(6): self.write(f"{tag}-file-{i}", bytes([65 + i]) * (1000 * (i + 1) ** 3))
        self.write(f"{tag}-folder/inside", b"inside" * 500)
        self.both(lambda top: os.symlink("target", path(top, "symlink")))
        self.both(lambda top: os.mkfifo(path(top, "fifo"), 0o600))
        self.both(lambda top: os.link(path(top, "file-0"), path(top, "link")))
        self.both(lambda top: os.rename(path(top, "file-1"), path(top, "folder/renamed")))
        self.both(lambda top: os.rename(path(top, "file-2"), path(top, "file-3")))
        self.both(lambda top: os.chown(path(top, "file-4"), 1000, 1001))
        self.both(lambda top: os.chmod(path(top, "file-4"), 0o4711))
        self.both(lambda top: os.setxattr(path(top, "file-5"), "user.a", b"value"))
        self.both(lambda top: os.utime(path(top, "file-5"), ns=(0, 10 ** 18)))
        self.both(lambda top: os.truncate(path(top, "file-0"), 123))

    def later(self, tag):
        """Changes of what `mixture` made and what may be written back by now."""
        path = lambda top, name: os.path.join(top, f"{tag}-{name}")
        self.both(lambda top: os.rename(path(top, "folder"), path(top, "moved")))
        self.both(lambda top: os.unlink(path(top, "symlink")))
        self.write(f"{tag}-file-4", b"later" * 3000, 7000)
        self.both(lambda top: os.unlink(path(top, "fifo")))
        self.both(lambda top: os.link(path(top, "file-5"), path(top, "moved/again")))
        self.both(lambda top: os.rename(path(top, "file-3"), path(top, "file-5")))
        self.both(lambda top: os.unlink(path(top, "link")))

    def compare(self, top, ignored=(), label=""):
        rows = {}
        for side in (top, self.shadow):
            found = {}
            for folder, folders, files in os.walk(side):
                for name in folders + files:
                    path = os.path.join(folder, name)
                    relative = os.path.relpath(path, side)
                    if relative in ignored: continue
                    found[relative] = facts(path, with_times=False)
            rows[side] = found
        mine, theirs = rows[top], rows[self.shadow]
        wrong = [f"too many: {n}" for n in sorted(set(mine) - set(theirs))] + [f"missing: {n}" for n in sorted(set(theirs) - set(mine))]
        for name in sorted(set(mine) & set(theirs)):
            words = difference(mine[name], theirs[name])
            if words: wrong.append(f"{name}: {words}")
        if wrong: self.violated(f"{label or top}: {'; '.join(wrong[:6])}")
        return len(theirs)

    def finish(self, seconds=60):
        problem = self.mount.flush(seconds)
        if problem: return self.violated(problem + f" {self.mount.status()}")
        self.compare(self.mount.point, label="mount at the end")
        self.compare(self.mount.backing, label="backing directory at the end")
        problem = self.mount.unmount(seconds)
        if problem: self.violated(problem)


def journal_fails(scenario, call, error):
    """A failed journal is final: read-only from then on, and it says so."""
    case = Case(scenario, f"journal-{call}-{error}", "writeback_delay=1h,writeback_deadline=1h")
    mount = case.mount
    mount.mount()
    case.mixture("before")
    tracer = mount.attach(f"trace={call}", f"inject={call}:error={error}")
    refused = 0
    for i in range(5):
        try:
            descriptor = os.open(os.path.join(mount.point, "refused"), os.O_WRONLY | os.O_CREAT, 0o600)
            try: os.write(descriptor, b"x" * 100); os.fsync(descriptor)
            finally: os.close(descriptor)
        except OSError as failure:
            refused += 1
            if failure.errno not in (errno.EIO, errno.EROFS, errno.ENOSPC): case.violated(f"errno {failure.errno}")
    if refused < 5: case.violated(f"{5 - refused} of 5 fsyncs were acknowledged by a journal that cannot write")
    case.compare(mount.point, ("refused",), "reading while the journal fails")
    if not mount.status().get("journal_failure"): case.violated(f"status is silent: {mount.status()}")
    mount.end_tracer(tracer)
    for action in (lambda: os.mkdir(os.path.join(mount.point, "new")), lambda: os.unlink(os.path.join(mount.point, "before-link"))):
        try: action(); case.violated("a change was acknowledged after the journal had failed")
        except OSError as failure:
            if failure.errno not in (errno.EROFS, errno.EIO): case.violated(f"errno {failure.errno} after the journal had failed")
    mount.kill(); mount.clear()
    problem = mount.check()
    if problem: case.violated(problem)
    mount.mount()
    case.compare(mount.point, ("refused",), "after the remount")
    try: os.unlink(os.path.join(mount.point, "refused"))
    except FileNotFoundError: pass
    case.later("before")
    case.finish()
    return case.count


def backing_fails(scenario, call, error, when):
    """Retried until it goes: `when` says which of each thread's calls fail; for ever means until the fault ends after 2 s."""
    case = Case(scenario, f"backing-{call}-{error}-{when.replace('+', 'x').replace('.', '_')}", "writeback_delay=0,writeback_deadline=200ms")
    mount = case.mount
    mount.mount()
    case.mixture("early")
    problem = mount.flush(30)
    if problem: case.violated(problem)
    tracer = mount.attach(f"trace={call}", f"inject={call}:error={error}:when={when}")
    case.mixture("during")
    case.later("early")
    shown = wait_until(lambda: mount.status().get("last_error"), 3, 0.1)
    if when == "1+":
        if not shown and call in ("mkdirat", "fsync", "openat"): case.violated(f"the failure is not in status: {mount.status()}")
        case.compare(mount.point, label="mount while the backing directory fails")
        if scenario.chance.random() < 0.5:   # the journal keeps it all
            mount.kill(); mount.clear(); mount.mount(); tracer = None
            case.compare(mount.point, label="mount after a kill while the backing directory failed")
    if tracer: mount.end_tracer(tracer)
    case.finish()
    return case.count


def loop(scenario, case_base, megabytes):
    """A small disk mounted; answers its mountpoint."""
    image, top = os.path.join(case_base, "image"), os.path.join(case_base, "disk")
    os.makedirs(top)
    with open(image, "wb") as file: file.truncate(megabytes << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    subprocess.run(["mount", "-o", "loop", image, top], check=True)
    scenario.undo.append(lambda: [run("umount", "-l", top) for _ in range(2)])
    return image, top


def backing_full(scenario):
    base = os.path.join(scenario.base, "disk-full"); os.mkdir(base)
    _, top = loop(scenario, base, 64)
    backing = os.path.join(top, "backing"); os.mkdir(backing)
    case = Case(scenario, "full", "writeback_delay=100ms,writeback_deadline=1s", backing=backing)
    mount = case.mount
    mount.mount()
    filler = os.path.join(top, "filler")
    with open(filler, "wb") as file:
        try:
            while True: file.write(b"f" * (1 << 20)); file.flush()
        except OSError: pass
    refused = 0
    for i in range(40):
        try: case.write(f"file-{i}", bytes([i]) * (500_000))
        except OSError as failure:
            refused += 1
            if failure.errno not in (errno.ENOSPC, errno.EDQUOT): case.violated(f"errno {failure.errno} on a full backing disk")
            # What the refused call left behind on the mount is the caller's; take it away on both sides.
            for side in (mount.point, case.shadow):
                try: os.unlink(os.path.join(side, f"file-{i}"))
                except OSError: pass
    case.compare(mount.point, label="mount while the backing disk is full")
    if refused < 40: wait_until(lambda: mount.status().get("last_error"), 5, 0.2)
    error = mount.status().get("last_error")
    if refused < 40 and not error: case.violated(f"status does not show that the backing disk is full: {mount.status()}")
    mount.kill(); mount.clear(); mount.mount()
    case.compare(mount.point, label="mount after a kill while the backing disk is full")
    os.unlink(filler)
    case.finish(120)
    return case.count


def backing_gone(scenario):
    """The disk is unmounted lazily under the daemon; then another directory is put in its place."""
    base = os.path.join(scenario.base, "disk-gone"); os.mkdir(base)
    image, top = loop(scenario, base, 64)
    case = Case(scenario, "gone", "writeback_delay=100ms,writeback_deadline=1s", backing=top)
    mount = case.mount
    mount.mount()
    ignored = ("lost+found",)
    case.mixture("early")
    problem = mount.flush(30)
    if problem: case.violated(problem)
    subprocess.run(["umount", "-l", top], check=True)
    case.mixture("during")
    case.later("early")
    time.sleep(2)
    case.compare(mount.point, ignored, "mount while the backing directory is gone")
    if os.listdir(top): case.violated(f"written to the bare directory underneath: {os.listdir(top)}")
    mount.kill(); mount.clear()
    try:
        mount.mount()
        case.violated("mounted on the bare directory underneath, with the journal of the disk")
        mount.kill(); mount.clear()
    except MountFailure as failure:
        if "failed with" not in str(failure): case.violated(str(failure))
    if os.listdir(top): case.violated(f"written to the bare directory underneath by a mount: {os.listdir(top)}")
    subprocess.run(["mount", "-o", "loop", image, top], check=True)
    mount.mount()
    case.compare(mount.point, ignored, "mount after the disk is back")
    os.rmdir(os.path.join(mount.point, "lost+found"))
    case.finish()
    return case.count


def backing_replaced(scenario):
    """An ordinary directory is moved away and an empty one put in its place."""
    case = Case(scenario, "replaced", "writeback_delay=100ms,writeback_deadline=1s")
    mount = case.mount
    mount.mount()
    case.mixture("early")
    problem = mount.flush(30)
    if problem: case.violated(problem)
    away = mount.backing + ".away"
    os.rename(mount.backing, away); os.mkdir(mount.backing)
    case.mixture("during")
    case.later("early")
    time.sleep(2)
    case.compare(mount.point, label="mount while another directory is in the place of the backing directory")
    if os.listdir(mount.backing): case.violated(f"written to what took the place: {os.listdir(mount.backing)}")
    os.rmdir(mount.backing); os.rename(away, mount.backing)
    case.finish()
    return case.count


def main():
    parser = arguments(argparse.ArgumentParser())
    parser.add_argument("--only", default="journal,backing,full,gone")
    parser.add_argument("--all", action="store_true", help="every backing call with every errno, instead of a sample")
    given = parser.parse_args()
    scenario = Scenario("faults", given)
    cases = operations = 0
    with scenario:
        wanted = given.only.split(",")
        todo = []
        if "journal" in wanted:
            todo += [(journal_fails, call, error) for call in ("pwrite64", "fdatasync") for error in ("EIO", "ENOSPC")]
        if "backing" in wanted:
            calls = ["mkdirat", "openat", "renameat2", "renameat", "linkat", "symlinkat", "mknodat", "unlinkat", "fsync", "fchownat", "utimensat",
                     "fchmod", "chmod", "fsetxattr", "setxattr", "ftruncate", "getdents64", "newfstatat"]
            every = [(backing_fails, call, error, when) for call in calls for error in ("EIO", "ENOSPC", "EACCES", "ESTALE")
                     for when in ("1+", "1..3", "2+3")]
            todo += every if given.all else scenario.chance.sample(every, 10)
        if "full" in wanted: todo.append((backing_full,))
        if "gone" in wanted: todo += [(backing_gone,), (backing_replaced,)]
        for function, *words in todo:
            begun = time.monotonic()
            before = len(scenario.violations)
            try: operations += function(scenario, *words) or 0
            except Exception as error:
                import traceback
                scenario.violated(f"{function.__name__} {words}: {type(error).__name__}: {error}: {traceback.format_exc(limit=-2)}")
            cases += 1
            mount = scenario.mounts[-1]
            mount.kill_all(); mount.clear()
            if os.environ.get("VERBOSE"):
                print(f"{function.__name__} {' '.join(words)}: {time.monotonic() - begun:.1f} s, {len(scenario.violations) - before} violations", flush=True)
    scenario.finish(f"{cases} cases, {operations} operations acknowledged")
    return scenario.exit_status


if __name__ == "__main__": sys.exit(main())
