#!/usr/bin/env python3
"""Extracts a real tree into an ebbfs mount while the daemon is killed with SIGKILL.

After every kill it is mounted again, the extraction goes on, and each file that had been extracted completely is compared with the
source: bytes, mode, owner, mtime, link target, hard links, extended attributes. A second listing must equal the first, and
`ebbfs journal check` must find the journal clean. At the end `ebbfs flush`, and the backing directory must equal the source.

--during untar      at random moments of the extraction
         writeback  at the entry of the N-th backing call of some kind, N random, while plans are kept open by slowed-down fsyncs
         recovery   the mount after a kill is killed inside its recovery, at a random call, before the next one may succeed
         twice      two or three such mounts die one after the other
         all        a mixture

Usage: untar_kill.py EBBFS [SOURCE...] [--kills N] [--files N] [--during WHAT] [--options OPTS] [--pace SECONDS] [--seed S]
"""
import argparse, os, shutil, stat, subprocess, sys, threading
from torture import BACKING_CALLS, RECOVERY_CALLS, Scenario, arguments, difference, facts, is_running, listing, run, wait_until


def gather(sources, target, files_max):
    """Copies the sources into one tree, up to a number of files; adds what trees of packages lack."""
    os.makedirs(target)
    count = 0
    for source in sources:
        for folder, folders, files in os.walk(source):
            folders.sort()
            if count > files_max: break
            place = os.path.join(target, os.path.relpath(folder, os.path.dirname(source.rstrip("/"))))
            os.makedirs(place, exist_ok=True)
            for name in sorted(files):
                path = os.path.join(folder, name)
                if not stat.S_ISREG(os.lstat(path).st_mode) and not os.path.islink(path): continue
                shutil.copy2(path, os.path.join(place, name), follow_symlinks=False)
                count += 1
            shutil.copystat(folder, place)
    rare = os.path.join(target, "rare")
    os.makedirs(rare)
    for i in range(40):
        path = os.path.join(rare, f"linked-{i}")
        with open(path, "wb") as file: file.write(bytes([i]) * (1000 * i))
        for j in range(i % 4): os.link(path, os.path.join(rare, f"linked-{i}-again-{j}"))
    for i, mode in enumerate((0o4755, 0o2755, 0o1644, 0o000, 0o444, 0o777)):
        path = os.path.join(rare, f"mode-{i}")
        with open(path, "wb") as file: file.write(b"m" * 5000)
        os.chown(path, 1000 + i, 2000 + i); os.chmod(path, mode)
    os.mkdir(os.path.join(rare, "closed")); open(os.path.join(rare, "closed", "inside"), "w").close()
    os.chmod(os.path.join(rare, "closed"), 0o500)
    os.mkfifo(os.path.join(rare, "fifo"))
    open(os.path.join(rare, "n" * 255), "w").close()
    open(os.path.join(os.fsencode(rare), b"bytes-\xff\xfe"), "w").close()
    open(os.path.join(rare, "new\nline"), "w").close()
    os.symlink("nowhere", os.path.join(rare, "dangling"))
    os.symlink("x" * 1000, os.path.join(rare, "long"))
    path = os.path.join(rare, "attributes")
    with open(path, "w") as file: file.write("x")
    os.setxattr(path, "user.colour", b"blue"); os.setxattr(path, "user.long", b"l" * 1000)
    with open(os.path.join(rare, "sparse"), "wb") as file: file.truncate(30_000_000); file.seek(17_000_000); file.write(b"island")
    with open(os.path.join(rare, "large"), "wb") as file:
        for i in range(200): file.write(bytes([i]) * 100_003)
    return count


class Extraction:
    """tar x of members in archive order, so that it is known which are finished: GNU tar's -v prints a member when it begins."""

    def __init__(self, archive, names, target, base):
        self.archive, self.names, self.target, self.base, self.done = archive, names, target, base, 0
        self.is_frozen = False   # what tar says once the daemon is about to die does not count
        self.complaints = b""

    def go_on(self):
        first = max(0, self.done - 1)
        listed = os.path.join(self.base, "rest")
        with open(listed, "wb") as file: file.write(b"\0".join(self.names[first:]) + b"\0")
        with open(os.path.join(self.base, "tar.err"), "wb") as errors:
            process = subprocess.Popen(
                ["tar", "xvPpf", self.archive, "-C", self.target, "--xattrs", "--xattrs-include=*", "--no-recursion", "--numeric-owner",
                 "--quoting-style=escape", "--no-wildcards", "--null", "--verbatim-files-from", "-T", listed],
                stdout=subprocess.PIPE, stderr=errors)
            count = 0
            for _ in process.stdout:
                count += 1
                if not self.is_frozen: self.done = max(self.done, first + count - 1)   # the one before it is finished
            process.wait()
        with open(os.path.join(self.base, "tar.err"), "rb") as errors: self.complaints = errors.read(2000)
        if process.returncode == 0 and not self.is_frozen: self.done = len(self.names)
        return process.returncode == 0 and not self.is_frozen


def main():
    parser = arguments(argparse.ArgumentParser())
    parser.add_argument("sources", nargs="*", default=["/usr/include", "/usr/share/doc"])
    parser.add_argument("--kills", type=int, default=20); parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--options", default="writeback_delay=500ms")
    parser.add_argument("--during", default="untar", choices=("untar", "writeback", "recovery", "twice", "all"))
    parser.add_argument("--pace", type=float, default=1.5, help="longest time between kills, seconds")
    given = parser.parse_args()
    scenario = Scenario("untar", given)
    exact = 0
    names, size = [], 0
    with scenario:
        chance = scenario.chance
        source, archive = os.path.join(scenario.base, "source"), os.path.join(scenario.base, "tree.tar")
        gather(given.sources or ["/usr/include", "/usr/share/doc"], source, given.files)
        # Members by name in byte order, each directory before what is in it.
        found = [b"."] + sorted(os.path.relpath(os.path.join(folder, name), os.fsencode(source))
                                for folder, folders, files in os.walk(os.fsencode(source)) for name in folders + files)
        members = os.path.join(scenario.base, "members")
        with open(members, "wb") as file: file.write(b"\0".join(found) + b"\0")
        subprocess.run(["tar", "cf", archive, "--format=posix", "--xattrs", "--numeric-owner", "--sparse", "-C", source, "--no-recursion",
                        "--null", "--verbatim-files-from", "-T", members], check=True)
        names, size = found, os.path.getsize(archive)
        mount = scenario.mount(given.options)
        mount.mount()
        work = Extraction(archive, names, mount.point, scenario.base)
        finished = False
        while (not finished or mount.kills < given.kills) and len(scenario.violations) < 10:
            during = given.during if given.during != "all" else chance.choice(("untar", "writeback", "recovery", "twice"))
            timer = None
            if mount.kills < given.kills:
                moment, call, when = chance.uniform(0.05, given.pace), chance.choice(BACKING_CALLS), chance.randrange(1, 60)

                def strike():
                    nonlocal exact
                    if during == "writeback":
                        process = mount.process
                        mount.attach(f"trace={call},fsync", *(["inject=fsync:delay_enter=20000"] if call != "fsync" else []),
                                     f"inject={call}:signal=SIGKILL:when={when}")
                        # Lines that tar prints until the daemon's death count only if they come before it: stop counting now.
                        work.is_frozen = True
                        if wait_until(lambda: not is_running(process), 3): exact += 1
                    work.is_frozen = True
                    mount.kill()
                timer = threading.Timer(moment, strike); timer.start()
            finished = work.go_on()
            scenario.acknowledged = max(scenario.acknowledged, work.done)
            if not timer:
                if not finished: scenario.violated(f"tar failed without a kill: {work.complaints!r}"); break
            else:
                timer.join(); work.is_frozen = False; finished = finished and work.done == len(names)
                mount.clear()
                for _ in range({"recovery": 1, "twice": chance.choice((2, 3))}.get(during, 0)):
                    exact += mount.mount_killed_at(chance.choice(RECOVERY_CALLS), chance.choice((1, 2, 3, 5, 10, 30, 100, 300)), chance)
                    mount.clear()
                problem = mount.check()
                if problem: scenario.violated(problem)
                mount.mount()
            first = listing(mount.point)
            everything = finished or chance.random() < 0.2
            for name in names[:work.done] if everything else chance.sample(names[:work.done], min(work.done, 1500)) + names[max(0, work.done - 50):work.done]:
                shown = os.fsdecode(name)
                try: mine = facts(os.path.join(mount.point, shown))
                except OSError as error: scenario.violated(f"after kill {mount.kills}: {shown}: {error}", lost=1); continue
                theirs = facts(os.path.join(source, shown))
                scenario.verified += 1
                if stat.S_ISDIR(theirs["mode"]):   # tar sets a directory's mode and times when it has left it
                    mine = theirs = {"kind": stat.S_IFMT(mine["mode"])}
                elif theirs["links"] > 1:          # the other names may come later
                    for one in (mine, theirs): one.pop("links")
                words = difference(mine, theirs)
                if words: scenario.violated(f"after kill {mount.kills}: {shown}: {words}", lost=1)
                if len(scenario.violations) > 10: break
            if listing(mount.point) != first: scenario.violated(f"after kill {mount.kills}: a second listing differs from the first")
        if not scenario.violations:
            folders = os.path.join(scenario.base, "folders")
            with open(folders, "wb") as file:
                file.write(b"\0".join(n for n in names if os.path.isdir(os.path.join(os.fsencode(source), n))
                                      and not os.path.islink(os.path.join(os.fsencode(source), n))) + b"\0")
            subprocess.run(["tar", "xPpf", archive, "-C", mount.point, "--xattrs", "--xattrs-include=*", "--numeric-owner", "--no-recursion",
                            "--no-wildcards", "--null", "--verbatim-files-from", "-T", folders], check=True)
            problem = mount.flush()
            if problem: scenario.violated(problem)
            for top in (mount.backing, mount.point):
                words = run("diff", "-r", "--no-dereference", "-x", "fifo", source, top).stdout.strip()
                if words: scenario.violated(f"diff -r {top}: {words[:500]}", lost=1)
                words = run("rsync", "-anci", "--delete", "-HAX", "--numeric-ids", source + "/", top + "/").stdout.strip()
                if words: scenario.violated(f"rsync {top}: {words[:500]}", lost=1)
                scenario.verified += len(names)
            problem = mount.unmount()
            if problem: scenario.violated(problem)
            words = run("rsync", "-anci", "--delete", "-HAX", "--numeric-ids", source + "/", mount.backing + "/").stdout.strip()
            if words: scenario.violated(f"rsync after unmount: {words[:500]}", lost=1)
            scenario.verified += len(names)
    scenario.finish(f"during {given.during}, {len(names)} members of {size >> 20} MiB, {exact} kills at an exact call, "
                    f"{scenario.verified} files verified, {scenario.mount_times()}")
    return scenario.exit_status


if __name__ == "__main__": sys.exit(main())
