#!/usr/bin/env python3
"""Extracts a real tree into an ebbfs mount while the daemon is killed with SIGKILL at random moments.

After every kill it is mounted again, the extraction goes on, and each file that had been extracted completely is compared with the
source: bytes, mode, owner, mtime, link target, hard links. A second listing must equal the first, and `ebbfs journal check` must find
the journal clean. At the end `ebbfs flush`, and the backing directory must equal the source.

Usage: untar_kill.py EBBFS SOURCE [--kills N] [--seed S] [--options OPTS] [--during untar|writeback|recovery|twice]
Prints one line of figures; exit status 0 when nothing was lost.
"""
import argparse, os, random, signal, stat, subprocess, sys, tempfile, threading, time

def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, **more)

class Mount:
    def __init__(self, binary, base, options):
        self.binary, self.options = binary, options
        self.backing, self.point, self.state = (os.path.join(base, n) for n in ("backing", "mount", "state"))
        for path in (self.backing, self.point): os.makedirs(path, exist_ok=True)
        self.recovery_seconds = []

    def mount(self):
        begun = time.monotonic()
        done = run(self.binary, self.backing, self.point, "-o", f"state={self.state}" + ("," + self.options if self.options else ""))
        if done.returncode: raise SystemExit(f"mount failed with {done.returncode}: {done.stderr.strip()}")
        self.recovery_seconds.append(time.monotonic() - begun)

    def process(self):
        for line in run(self.binary, "status", self.point).stdout.splitlines():
            if line.startswith("daemon:"): return int(line.split("process")[1].split(",")[0])
        raise SystemExit("no daemon")

    def kill(self):
        process = self.process()
        os.kill(process, signal.SIGKILL)
        while os.path.exists(f"/proc/{process}") and open(f"/proc/{process}/stat").read().split()[2] != "Z": time.sleep(0.005)
        subprocess.run(["umount", "-l", self.point], capture_output=True)

def facts(path):
    s = os.lstat(path)
    content = os.readlink(path) if stat.S_ISLNK(s.st_mode) else open(path, "rb").read() if stat.S_ISREG(s.st_mode) else None
    mtime = None if stat.S_ISDIR(s.st_mode) else s.st_mtime_ns
    return (s.st_mode, s.st_uid, s.st_gid, mtime, content, None if stat.S_ISDIR(s.st_mode) else s.st_nlink)

def listing(top):
    rows = []
    for folder, names, files in os.walk(top):
        for name in sorted(names + files):
            s = os.lstat(os.path.join(folder, name))
            rows.append((os.path.join(folder, name), s.st_mode, s.st_size, s.st_mtime_ns, s.st_nlink, s.st_uid, s.st_gid))
    return sorted(rows)

class Extraction:
    """tar x through a pipe of members in order, so that it is known which were finished: GNU tar's -v prints a member when it begins."""
    def __init__(self, archive, names, target):
        self.archive, self.names, self.target, self.done = archive, names, target, 0
        self.is_frozen = False   # what tar says once the daemon is about to die does not count

    def go_on(self):
        rest = self.names[max(0, self.done - 1):]
        listed = tempfile.NamedTemporaryFile("w", delete=False)
        listed.write("\n".join(rest) + "\n"); listed.close()
        process = subprocess.Popen(
            ["tar", "xvPpf", self.archive, "-C", self.target, "--no-recursion", "--verbatim-files-from", "-T", listed.name],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        first = max(0, self.done - 1)
        count = 0
        for _ in process.stdout:
            count += 1
            if self.is_frozen: continue
            self.done = max(self.done, first + count - 1)   # the one before it is finished
        process.wait(); os.unlink(listed.name)
        if process.returncode == 0 and not self.is_frozen: self.done = len(self.names)
        return process.returncode == 0 and not self.is_frozen

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary"); parser.add_argument("source")
    parser.add_argument("--kills", type=int, default=20); parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--options", default="writeback_delay=500ms"); parser.add_argument("--during", default="untar")
    parser.add_argument("--pace", type=float, default=1.0, help="longest time between kills, seconds")
    given = parser.parse_args()
    chance = random.Random(given.seed)
    base = tempfile.mkdtemp(prefix="ebbfs-untar-")
    archive = os.path.join(base, "tree.tar")
    subprocess.run(["tar", "cf", archive, "-C", given.source, "."], check=True)
    names = run("tar", "tf", archive).stdout.splitlines()
    mount = Mount(os.path.abspath(given.binary), base, given.options)
    mount.mount()
    work = Extraction(archive, names, mount.point)
    problems, kills, verified, finished = [], 0, 0, False
    while not finished or kills < given.kills:
        if kills < given.kills:
            def strike():
                work.is_frozen = True
                mount.kill()
            timer = threading.Timer(chance.uniform(0.05, given.pace), strike); timer.start()
        finished = work.go_on()
        if kills < given.kills:
            if finished: time.sleep(0.01)
            timer.join(); kills += 1; work.is_frozen = False
            if given.during in ("recovery", "twice"):
                mount.mount()
                if given.during == "recovery": time.sleep(chance.uniform(0, 0.1))
                mount.kill(); kills += 1
            check = run(mount.binary, "journal", "check", mount.state)
            if check.returncode: problems.append(f"journal check: {check.stdout.strip()} {check.stderr.strip()}")
            mount.mount()
        first = listing(mount.point)
        sample = names[:work.done] if not kills % 5 or finished else chance.sample(names[:work.done], min(work.done, 500))
        for name in sample:
            try: mine = facts(os.path.join(mount.point, name))
            except OSError as error: problems.append(f"after kill {kills}: {name}: {error}"); continue
            theirs = facts(os.path.join(given.source, name))
            verified += 1
            # tar sets a directory's mode only at its own end.
            if stat.S_ISDIR(theirs[0]): mine = theirs = None
            if mine != theirs:
                problems.append(f"after kill {kills}: {name}: {[(a, b) if not isinstance(a, bytes) else 'bytes' for a, b in zip(mine, theirs) if a != b]}")
        if listing(mount.point) != first: problems.append(f"after kill {kills}: a second listing differs from the first")
        if len(problems) > 10: break
    folders = [name for name in names if name.endswith("/")]
    subprocess.run(["tar", "xPpf", archive, "-C", mount.point, "--no-recursion", *folders], check=True)
    flush = run(mount.binary, "flush", mount.point)
    if flush.returncode: problems.append("flush: " + flush.stderr.strip())
    differences = run("diff", "-r", "--no-dereference", given.source, mount.backing).stdout.strip()
    if differences: problems.append("diff -r: " + differences[:500])
    compared = run("rsync", "-anc", "-i", "--delete", "-HAX", given.source.rstrip("/") + "/", mount.backing + "/").stdout.strip()
    if compared: problems.append("rsync: " + compared[:500])
    unmounted = run(mount.binary, "unmount", mount.point)
    if unmounted.returncode: problems.append("unmount: " + unmounted.stderr.strip()); subprocess.run(["umount", "-l", mount.point])
    for problem in problems[:20]: print("VIOLATION", problem)
    recoveries = sorted(mount.recovery_seconds)
    print(f"untar {given.during}: {len(names)} members, {kills} kills, {verified} files verified, {len(problems)} violations, "
          f"mount median {recoveries[len(recoveries) // 2]:.2f} s, longest {recoveries[-1]:.2f} s, seed {given.seed}")
    if not problems: subprocess.run(["rm", "-rf", base])
    else: print("kept", base)
    return 1 if problems else 0

sys.exit(main())
