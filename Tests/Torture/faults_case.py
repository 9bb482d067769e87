"""What the cases of faults.py share: a mount with a shadow, and small disks."""
import os, subprocess, threading
from operations import KEEP_SIZE, PUNCH, allocate
from torture import difference, facts, run

ERRORS = ("EIO", "ENOSPC", "ESTALE", "EDQUOT")


class Case:
    """A mount with a shadow: what is acknowledged on the one is done to the other."""

    def __init__(self, scenario, name, options, **places):
        self.scenario, self.name = scenario, name
        self.base = os.path.join(scenario.base, name)
        os.mkdir(self.base)
        self.mount = scenario.mount(options, base=self.base, **places)
        self.shadow = os.path.join(self.base, "shadow"); os.mkdir(self.shadow)

    def violated(self, text, lost=0): self.scenario.violated(f"{self.name}: {text}", lost)

    def both(self, action):
        """Does something below the mount and, once that returned, below the shadow."""
        answer = action(self.mount.point)
        action(self.shadow)
        self.scenario.acknowledged += 1
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

        def punch(top):
            descriptor = os.open(path(top, "file-5"), os.O_RDWR)
            try: allocate(descriptor, PUNCH | KEEP_SIZE, 5000, 20_000)
            finally: os.close(descriptor)
        self.both(punch)
        self.both(lambda top: os.removexattr(path(top, "file-5"), "user.a"))
        self.both(lambda top: os.rename(path(top, "folder"), path(top, "moved")))
        self.both(lambda top: os.unlink(path(top, "symlink")))
        self.write(f"{tag}-file-4", b"later" * 3000, 7000)
        self.both(lambda top: os.unlink(path(top, "fifo")))
        self.both(lambda top: os.link(path(top, "file-5"), path(top, "moved/again")))
        self.both(lambda top: os.rename(path(top, "file-3"), path(top, "file-5")))
        self.both(lambda top: os.unlink(path(top, "link")))

    def compare(self, top, ignored=(), label="", may_fail=False):
        """Compares with the shadow; with `may_fail` what cannot be read is left out, but nothing may be shown that is wrong."""
        rows = {}
        for side in (top, self.shadow):
            found, failed = {}, []
            for folder, folders, files in os.walk(side, onerror=failed.append):
                relatives = {name: os.path.relpath(os.path.join(folder, name), side) for name in folders + files}
                folders[:] = [name for name in folders if relatives[name] not in ignored]
                for name, relative in relatives.items():
                    if relative in ignored: continue
                    path = os.path.join(folder, name)
                    try: found[relative] = facts(path, with_times=False)
                    except OSError as error: failed.append(error)
            if failed and not may_fail: self.violated(f"{label or top}: {len(failed)} could not be read: {failed[:3]}")
            rows[side] = found
        mine, theirs = rows[top], rows[self.shadow]
        wrong = [f"too many: {n}" for n in sorted(set(mine) - set(theirs))]
        if not may_fail: wrong += [f"missing: {n}" for n in sorted(set(theirs) - set(mine))]
        for name in sorted(set(mine) & set(theirs)):
            words = difference(mine[name], theirs[name])
            if words: wrong.append(f"{name}: {words}")
        if wrong: self.violated(f"{label or top}: {'; '.join(wrong[:6])}", lost=len(wrong))
        self.scenario.verified += max(0, len(mine) - len(wrong))

    def compare_or_wait(self, tracer, label, may_fail):
        """Compares while a fault lasts. A read of a file that a plan under way moves waits for the plan's end (WritePath.md): then the fault
        ends first, and the read must. Returns whether it still lasts."""
        thread = threading.Thread(target=self.compare, args=(self.mount.point, (), label, may_fail), daemon=True)
        thread.start()
        thread.join(10)
        if not thread.is_alive(): return True
        self.mount.end_tracer(tracer)
        thread.join(60)
        if thread.is_alive(): raise RuntimeError(f"{label}: a read still waits 60 s after the fault is over: {self.mount.status()}")
        return False

    def again(self, label, ignored=()):
        """kill -9 and a new mount, which must have everything."""
        self.mount.kill(); self.mount.clear()
        problem = self.mount.check()
        if problem: self.violated(problem)
        self.mount.mount()
        self.compare(self.mount.point, ignored, label)

    def finish(self, seconds=60):
        problem = self.mount.flush(seconds)
        if problem: return self.violated(problem + f" {self.mount.status()}")
        self.compare(self.mount.point, label="mount at the end")
        self.compare(self.mount.backing, label="backing directory at the end")
        problem = self.mount.unmount(seconds)
        if problem: self.violated(problem)


def loop(scenario, case_base, megabytes):
    """A small disk mounted; answers its mountpoint."""
    image, top = os.path.join(case_base, "image"), os.path.join(case_base, "disk")
    os.makedirs(top)
    with open(image, "wb") as file: file.truncate(megabytes << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    subprocess.run(["mount", "-o", "loop", image, top], check=True)
    scenario.undo.append(lambda: [run("umount", "-l", top) for _ in range(2)])
    return image, top
