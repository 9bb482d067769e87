"""What the torture scenarios share: a mount that can be killed at a random or at an exact moment, and cleaning up.

A crash point is exact when strace kills the daemon at the entry of its N-th call of some kind (`when=` counts per thread).
"""
import errno, json, os, random, shutil, signal, stat, subprocess, sys, tempfile, time

# Calls by which the daemon changes the backing directory, and those by which it writes its journal.
BACKING_CALLS = ["openat", "mkdirat", "symlinkat", "mknodat", "linkat", "unlinkat", "renameat", "renameat2", "fsync",
                 "fchownat", "utimensat", "fchmod", "ftruncate", "fallocate", "fsetxattr", "pwrite64"]
JOURNAL_CALLS = ["pwrite64", "fdatasync"]
RECOVERY_CALLS = BACKING_CALLS + ["pread64", "fdatasync", "newfstatat", "statx", "getdents64", "openat2", "readlinkat", "close"]
# What a system call may answer when the daemon dies under it or is dead.
DEAD = {errno.ENOTCONN, errno.ECONNABORTED, errno.ECONNREFUSED, errno.ENODEV}


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, errors="surrogateescape", **more)


def wait_until(condition, seconds, pause=0.02):
    """Whether `condition` became true within `seconds`."""
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer: return answer
        if time.monotonic() > end: return answer
        time.sleep(pause)


def is_running(process):
    try:
        with open(f"/proc/{process}/stat") as file: return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def processes_naming(word):
    """Ids of the processes that have `word` in an argument: ours are known by the scenario's directory."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid(): continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file: arguments = file.read()
        except OSError:
            continue
        if os.fsencode(word) in arguments: found.append(int(entry))
    return found


def with_own_mounts():
    """Begins the script anew in a mount namespace of its own. Another process that makes one would take copies of our mounts along, which
    keep a disk in use after we have unmounted it; so ours gives back those of other scenarios."""
    if os.environ.get("EBBFS_TORTURE_MOUNTS") == "own":
        with open("/proc/self/mounts") as file: points = [line.split()[1] for line in file]
        for point in reversed(points):
            if point.startswith(os.path.join(tempfile.gettempdir(), "ebbfs-")): run("umount", "-l", point)
        return
    os.environ["EBBFS_TORTURE_MOUNTS"] = "own"
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])


class MountFailure(Exception):
    pass


class Mount:
    """A backing directory, its state directory and its mountpoint, in `base`."""

    def __init__(self, binary, base, options="", backing=None, state=None):
        self.binary, self.base, self.options = os.path.abspath(binary), base, options
        self.backing = backing or os.path.join(base, "backing")
        self.point, self.state = os.path.join(base, "mount"), state or os.path.join(base, "state")
        for path in (self.backing, self.point): os.makedirs(path, exist_ok=True)
        self.kills = 0
        self.seconds = []       # how long each mount took
        self.process = None     # the daemon's id
        self.straces = []

    def words(self):
        return [self.binary, self.backing, self.point, "-o", f"state={self.state}" + ("," + self.options if self.options else "")]

    def mount(self, seconds=120):
        begun = time.monotonic()
        try: done = run(*self.words(), timeout=seconds)
        except subprocess.TimeoutExpired: raise MountFailure(f"mount took more than {seconds} s")
        if done.returncode: raise MountFailure(f"mount failed with {done.returncode}: {done.stderr.strip()}")
        self.seconds.append(time.monotonic() - begun)
        self.process = self.status()["pid"]

    def mount_killed_at(self, call, when, chance):
        """Mounts under strace, which kills the daemon at a call; kills it a moment after the mount when that never came."""
        tracer = subprocess.Popen(
            ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
             "-e", f"inject={call}:signal=SIGKILL:when={when}", *self.words()],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        is_exact = True
        begun = time.monotonic()
        while tracer.poll() is None:
            if os.path.ismount(self.point) or time.monotonic() - begun > 60:
                time.sleep(chance.uniform(0, 0.15))
                is_exact = tracer.poll() is not None
                break
            time.sleep(0.005)
        self.kill_all()   # first: strace does not end before what it has started, or only after 10 s
        self.end_tracer(tracer)
        self.kills += 1
        return is_exact

    def mount_with_fault(self, call, error, when, paths, seconds=60):
        """Tries to mount while a call fails; whether it is mounted then. Ends the fault, and the daemon if there is one."""
        expressions = ["-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={when}"]
        for path in paths: expressions += ["-P", path]
        tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", *expressions, *self.words()],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not wait_until(lambda: tracer.poll() is not None or os.path.ismount(self.point), seconds):
            raise MountFailure(f"the mount neither fails nor succeeds within {seconds} s while {call} fails with {error}")
        mounted = tracer.poll() is None
        self.kill()
        self.end_tracer(tracer)
        self.clear()
        return mounted

    def status(self):
        return json.loads(run(self.binary, "status", self.point, "--json", timeout=30).stdout)

    def attach(self, *expressions, follow=True, paths=()):
        """strace on the running daemon: `trace=...`, `inject=...`. With `paths` only for calls that name one of these, or a descriptor of
        exactly one of these."""
        words = ["strace", "-qq", "-o", "/dev/null", "-p", str(self.process)] + (["-f"] if follow else [])
        for expression in expressions: words += ["-e", expression]
        for path in paths: words += ["-P", path]
        tracer = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.straces.append(tracer)

        def is_attached(thread):
            try:
                with open(f"/proc/{self.process}/task/{thread}/status") as file: return f"TracerPid:\t{tracer.pid}\n" in file.read()
            except OSError:
                return True   # it has ended

        def threads():
            try: return os.listdir(f"/proc/{self.process}/task") if follow else [str(self.process)]
            except OSError: return []
        wait_until(lambda: all(is_attached(thread) for thread in threads()), 20, 0.005)
        return tracer

    def end_tracer(self, tracer):
        if tracer.poll() is None: tracer.terminate()
        try: tracer.wait(10)
        except subprocess.TimeoutExpired: tracer.kill(); tracer.wait()
        if tracer in self.straces: self.straces.remove(tracer)

    def kill(self):
        """SIGKILL to the daemon; returns when it is gone. The mountpoint stays, dead: see `clear`."""
        self.kill_all()
        self.kills += 1

    def kill_all(self):
        mine = [p for p in processes_naming(self.state) if os.path.exists(f"/proc/{p}/exe") and self.is_daemon(p)]
        for process in mine:
            try: os.kill(process, signal.SIGKILL)
            except ProcessLookupError: pass
        if not wait_until(lambda: not any(is_running(p) for p in mine), 30, 0.002):
            raise MountFailure(f"processes {mine} survived SIGKILL for 30 s")
        for tracer in list(self.straces): self.end_tracer(tracer)
        self.process = None

    def is_daemon(self, process):
        try: return os.path.realpath(f"/proc/{process}/exe") == os.path.realpath(self.binary)
        except OSError: return False

    def clear(self):
        """Takes the dead mount away."""
        while True:
            if run("umount", "-l", self.point).returncode: return

    def attach_killer(self, chance):
        """In two of five cases has strace kill the daemon at one of the calls to come. Returns whether it died of that within 3 s."""
        if chance.random() >= 0.4: return False
        process, call = self.process, chance.choice(BACKING_CALLS + ["fdatasync"] * 4)
        self.attach(f"trace={call}", f"inject={call}:signal=SIGKILL:when={chance.randrange(1, 30)}")
        return bool(wait_until(lambda: not is_running(process), 3))

    def remount(self, scenario):
        """Mounts again after a kill, now and then with kills inside the recovery; the journal must be clean before. Returns how many of
        these kills were at an exact call."""
        chance, exact = scenario.chance, 0
        self.clear()
        for _ in range(chance.choice((0, 0, 1, 2))):
            exact += self.mount_killed_at(chance.choice(RECOVERY_CALLS), chance.choice((1, 2, 3, 10, 30)), chance)
            self.clear()
        problem = self.check()
        if problem: scenario.violated(problem)
        self.mount()
        return exact

    def check(self):
        """What `ebbfs journal check` says; empty when it is clean."""
        done = run(self.binary, "journal", "check", self.state)
        return "" if done.returncode == 0 else f"journal check {done.returncode}: {done.stdout.strip()} {done.stderr.strip()}"

    def flush(self, seconds=300):
        try: done = run(self.binary, "flush", self.point, timeout=seconds)
        except subprocess.TimeoutExpired: return f"flush took more than {seconds} s: {self.status()}"
        return "" if done.returncode == 0 else f"flush {done.returncode}: {done.stderr.strip()}"

    def unmount(self, seconds=300):
        try: done = run(self.binary, "unmount", self.point, timeout=seconds)
        except subprocess.TimeoutExpired: return f"unmount took more than {seconds} s"
        return "" if done.returncode == 0 else f"unmount {done.returncode}: {done.stderr.strip()}"

    def is_mounted(self):
        try: return os.path.ismount(self.point)
        except OSError: return True

    def mount_times(self):
        ordered = sorted(self.seconds) or [0]
        return f"mount median {ordered[len(ordered) // 2]:.2f} s, longest {ordered[-1]:.2f} s"


class Scenario:
    """A directory under /tmp that is removed at the end, unless there were violations. Use with `with`."""

    def __init__(self, name, arguments):
        self.name, self.given = name, arguments
        self.seed = arguments.seed if arguments.seed is not None else int.from_bytes(os.urandom(4), "little")
        self.chance = random.Random(self.seed)
        self.base = tempfile.mkdtemp(prefix=f"ebbfs-{name}-")
        self.binary = os.path.join(self.base, "ebbfs")   # a copy: a build during the run changes nothing
        shutil.copy2(arguments.binary, self.binary)
        self.violations, self.mounts, self.undo = [], [], []
        self.canary = getattr(arguments, "canary", None)   # the bug that was planted; to be caught is success then
        # The figures of the table, see `finish`. A canary is caught by what sets `is_caught`, not by any violation.
        self.acknowledged = self.verified = self.lost = self.power_cuts = 0
        self.is_caught = False
        self.begun = time.monotonic()

    def mount(self, options="", **more):
        mount = Mount(self.binary, more.pop("base", self.base), options, **more)
        self.mounts.append(mount)
        return mount

    def violated(self, text, lost=0):
        """`lost` says how much of that is something acknowledged that is not there, or not as it was acknowledged."""
        self.violations.append(text)
        self.lost += lost
        print("VIOLATION", text[:2000], flush=True)

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        return self

    def __exit__(self, kind, error, trace):
        if error and not isinstance(error, SystemExit):
            import traceback
            traceback.print_exception(kind, error, trace)
            self.violations.append(f"{kind.__name__}: {error}")
            print("VIOLATION", self.violations[-1], flush=True)
        for mount in self.mounts:
            try: mount.kill_all()
            except Exception as failure: print("cleaning up:", failure)
            mount.clear()
        for action in reversed(self.undo):
            try: action()
            except Exception as failure: print("cleaning up:", failure)
        if (self.violations or error) and not (self.canary and self.is_caught): print("kept", self.base)
        else: shutil.rmtree(self.base, ignore_errors=True)
        return not isinstance(error, SystemExit)

    def finish(self, words):
        """Prints what was done, in words; for --figures also as one line of JSON, which is a row of all.py's table:

        crashes       daemons killed and power cuts
        acknowledged  operations that returned success
        verified      how often an operation, or an object that operations made, was looked at and found as it had been acknowledged
        lost          how often it was not
        violations    everything that was wrong, what was lost included
        """
        if not self.verified: self.violated("nothing was verified")
        kills = sum(mount.kills for mount in self.mounts)
        seconds = time.monotonic() - self.begun
        print(f"{self.name}: {kills} kills, {words}, {self.lost} lost, {len(self.violations)} violations, "
              f"{seconds:.0f} s, seed {self.seed}", flush=True)
        if self.canary: print(f"canary {self.canary}: {self.outcome}", flush=True)
        if self.given.figures:
            with open(self.given.figures, "w") as file:
                json.dump({"crashes": kills + self.power_cuts, "acknowledged": self.acknowledged, "verified": self.verified,
                           "lost": self.lost, "violations": len(self.violations), "seconds": round(seconds, 1), "seed": self.seed,
                           "outcome": self.outcome}, file)
                file.write("\n")

    @property
    def outcome(self):
        if self.canary: return "caught" if self.is_caught else "NOT CAUGHT"
        return "FAILED" if self.violations else "ok"

    @property
    def exit_status(self): return 0 if self.outcome in ("ok", "caught") else 1

    def mount_times(self): return self.mounts[0].mount_times() if self.mounts else "never mounted"


def arguments(parser):
    """Adds what every scenario takes."""
    parser.add_argument("binary", help="path of ebbfs")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--figures", help="file that gets one line of JSON at the end, for all.py")
    return parser


def facts(path, with_times=True):
    """What P3 compares of one object: type, mode, owner, links, mtime, contents, extended attributes."""
    status = os.lstat(path)
    mode = status.st_mode
    contents = None
    if stat.S_ISLNK(mode): contents = os.readlink(path)
    elif stat.S_ISREG(mode):
        with open(path, "rb") as file: contents = file.read()
    attributes = {}
    for name in os.listxattr(path, follow_symlinks=False):
        attributes[name] = os.getxattr(path, name, follow_symlinks=False)
    return {"mode": mode, "uid": status.st_uid, "gid": status.st_gid, "links": status.st_nlink,
            "size": status.st_size if not stat.S_ISDIR(mode) else None,
            "mtime": status.st_mtime_ns if with_times else None,
            "device": status.st_rdev if stat.S_ISBLK(mode) or stat.S_ISCHR(mode) else None,
            "contents": contents, "xattrs": attributes}


def difference(mine, theirs):
    """The fields that differ, in words; empty when none does."""
    words = []
    for key in mine:
        a, b = mine[key], theirs[key]
        if a == b: continue
        if isinstance(a, bytes) and isinstance(b, bytes):
            first = next((i for i in range(min(len(a), len(b))) if a[i] != b[i]), min(len(a), len(b)))
            a, b = f"{len(a)} bytes {a[first:first + 8].hex()}", f"{len(b)} bytes {b[first:first + 8].hex()} from {first}"
        words.append(f"{key} {a} != {b}")
    return ", ".join(words)


def listing(top):
    """Every name below `top` with what lstat says of it, sorted."""
    rows = []
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(folder, name)
            s = os.lstat(path)
            rows.append((path, s.st_mode, s.st_size, s.st_mtime_ns, s.st_nlink, s.st_uid, s.st_gid, s.st_ino))
    return sorted(rows)
