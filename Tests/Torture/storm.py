#!/usr/bin/env python3
"""Processes do random operations on an ebbfs mount while its daemon is killed every few seconds.

The oracle is the kernel: each process makes every operation a second time, in a shadow directory on the host's filesystem, as soon as
the mount has acknowledged it; both must give the same errno. Each process owns a subtree; all share one more, where an operation is made
and shadowed under a lock. After a kill the mount must equal the shadow; the one operation that a process had in flight may have
happened or not. Times: what fstat on the mount showed after an operation is given to the shadow, so a time may not change in a crash.
At the end everything is written back and the backing directory must equal the shadow too.

Usage: storm.py EBBFS [--operations N] [--processes N] [--pace SECONDS] [--options OPTS] [--seed S]
"""
import argparse, errno, multiprocessing, os, random, stat, sys, threading, time
from operations import EXCHANGE, KEEP_SIZE, NO_REPLACE, PUNCH, ZERO, Operation
from torture import DEAD, BACKING_CALLS, RECOVERY_CALLS, MountFailure, Scenario, arguments, difference, facts, wait_until

class Worker:
    """One process: makes operations until the mount dies, then compares its subtree when told to."""

    def __init__(self, number, given, seed, mount, shadow, lock, dead, pipe, log):
        self.number, self.given, self.chance = number, given, random.Random(seed)
        self.mount, self.shadow, self.lock, self.dead, self.pipe = mount, shadow, lock, dead, pipe
        self.log = open(log, "w", buffering=1)
        self.slots, self.shadow_slots, self.slot_inodes = {}, {}, {}
        self.doubt = None
        self.count = self.failed = self.compared = 0
        self.told = []

    def violated(self, text, lost=0):
        self.log.write("VIOLATION " + text + "\n")
        self.told.append((f"process {self.number}, operation {self.count}: {text}", lost))

    # Choosing.

    def folder(self, domain):
        """A directory that exists in the shadow; any name one time in twenty."""
        chance = self.chance
        path = domain
        for _ in range(chance.choice((0, 0, 1, 1, 2, 3))):
            name = chance.choice(("d0", "d1", "d2", "d3"))
            if chance.random() > 0.05 and not os.path.isdir(os.path.join(self.shadow, path, name)): continue
            path = os.path.join(path, name)
        return path

    def name(self, domain, is_folder=False):
        names = ["d0", "d1", "d2", "d3"] if is_folder != (self.chance.random() < 0.05) else [f"f{i}" for i in range(12)]
        return os.path.join(self.folder(domain), self.chance.choice(names))

    def existing(self, domain, is_folder=False):
        """A name that exists in the shadow, mostly."""
        for _ in range(6):
            name = self.name(domain, is_folder)
            if os.path.lexists(os.path.join(self.shadow, name)): return name
        return name

    def contents(self):
        chance = self.chance
        size = chance.choice((1, 10, 100, 1000, 4096, 4097, 10000, chance.randrange(1, 66000)))
        offset = chance.choice((0, 0, chance.randrange(0, 4096), chance.randrange(0, 100000)))
        return bytes([chance.randrange(1, 256)]) * size, offset

    def choose(self, domain):
        chance = self.chance
        kind = chance.choices(
            ["create", "write", "append", "slot write", "slot truncate", "slot read", "slot open", "slot close", "truncate",
             "open truncate", "allocate", "rename", "rename2", "link", "unlink", "mkdir", "rmdir", "symlink", "mknod", "chmod", "chown",
             "utimens", "setxattr", "removexattr", "read", "list", "stat"],
            [14, 14, 7, 4, 1, 2, 3, 1, 5, 2, 5, 14, 4, 4, 9, 7, 3, 3, 1, 4, 2, 4, 4, 1, 5, 2, 4])[0]
        if kind.startswith("slot"):
            if domain == "shared": kind = "write"
            elif kind == "slot open": return Operation(kind, [self.existing(domain)], slot=chance.randrange(4))
            elif not self.slots: kind = "write"
            else:
                slot = chance.choice(sorted(self.slots))
                if kind == "slot write":
                    data, offset = self.contents()
                    return Operation(kind, [], slot=slot, bytes=data, offset=offset)
                if kind == "slot truncate": return Operation(kind, [], slot=slot, size=chance.randrange(0, 50000))
                if kind == "slot read": return Operation(kind, [], slot=slot, count=chance.randrange(1, 30000), offset=chance.randrange(0, 60000))
                return Operation(kind, [], slot=slot)
        if kind == "create": return Operation(kind, [self.name(domain)], mode=chance.choice((0o644, 0o600, 0o444, 0o755)))
        if kind in ("write", "append"):
            data, offset = self.contents()
            return Operation(kind, [self.existing(domain)], bytes=data, offset=offset, sync=chance.random() < 0.05)
        if kind == "truncate": return Operation(kind, [self.existing(domain)], size=chance.choice((0, 1, 4096, chance.randrange(0, 80000))))
        if kind == "allocate":
            mode = chance.choice((0, KEEP_SIZE, PUNCH | KEEP_SIZE, PUNCH | KEEP_SIZE, ZERO, ZERO | KEEP_SIZE))
            return Operation(kind, [self.existing(domain)], mode=mode, offset=chance.randrange(0, 60000), count=chance.randrange(1, 30000))
        folders = chance.random() < 0.25   # otherwise mostly files
        if kind == "rename": return Operation(kind, [self.existing(domain, folders), self.name(domain, folders)])
        if kind == "rename2":
            flags = chance.choice((EXCHANGE, EXCHANGE, NO_REPLACE))
            return Operation(kind, [self.existing(domain, folders), self.existing(domain, folders and chance.random() < 0.8)
                                    if flags == EXCHANGE else self.name(domain, folders)], flags=flags)
        if kind == "link": return Operation(kind, [self.existing(domain), self.name(domain)])
        if kind == "mkdir": return Operation(kind, [self.name(domain, True)], mode=chance.choice((0o755, 0o700, 0o777)))
        if kind in ("rmdir", "list"): return Operation(kind, [self.existing(domain, True)])
        if kind == "symlink": return Operation(kind, [self.name(domain)], target="t" * chance.randrange(1, 200))
        if kind == "mknod": return Operation(kind, [self.name(domain)], mode=chance.choice((stat.S_IFIFO, stat.S_IFSOCK)) | 0o640)
        if kind == "chmod": return Operation(kind, [self.existing(domain, folders)], mode=chance.choice((0o644, 0o400, 0o000, 0o755, 0o1777)))
        if kind == "chown": return Operation(kind, [self.existing(domain, folders)], uid=chance.choice((-1, 0, 1000)), gid=chance.choice((-1, 0, 1001)))
        if kind == "utimens":
            return Operation(kind, [self.existing(domain, folders)], ns=(0, chance.choice((0, 10 ** 18, chance.randrange(0, 2 * 10 ** 18)))))
        if kind == "setxattr":
            return Operation(kind, [self.existing(domain, folders)], name="user." + chance.choice("abc"),
                             value=bytes([chance.randrange(256)]) * chance.choice((0, 5, 300)), flags=chance.choice((0, 0, 1, 2)))
        if kind == "removexattr": return Operation(kind, [self.existing(domain)], name="user." + chance.choice("abc"))
        return Operation(kind, [self.existing(domain)])

    # A FIFO or socket is not to be opened.
    def is_harmless(self, operation):
        if operation.kind in ("write", "append", "open truncate", "allocate", "read", "slot open", "truncate", "list") and operation.paths:
            try: mode = os.stat(os.path.join(self.shadow, operation.paths[0])).st_mode
            except OSError: return True
            return stat.S_ISREG(mode) or stat.S_ISDIR(mode)
        if operation.kind == "slot open" and operation.values["slot"] in self.slots: return False
        return True

    # Making.

    def run(self, count, until_dead):
        for _ in range(count):
            domain = "shared" if self.chance.random() < 0.3 else f"p{self.number}"
            if domain == "shared":
                with self.lock:
                    if self.dead.value: break
                    alive = self.make(self.choose(domain))
            else: alive = self.make(self.choose(domain))
            if not alive or self.told: break
        return

    def make(self, operation):
        """Whether the mount is alive."""
        if operation.kind == "slot open" and operation.values["slot"] in self.slots: return True
        if not self.is_harmless(operation): return True
        self.count += 1
        mine, shown = None, None
        try: shown = operation.perform(self.mount, self.slots)
        except OSError as error:
            mine = error.errno
            if mine in DEAD:
                self.dead.value = 1
                self.doubt = operation
                self.count -= 1
                self.log.write(f"? {operation!r}\n")
                return False
        self.log.write(f"{time.time():.4f} {mine or ''} {operation!r}\n")
        theirs, expected = None, None
        try: expected = operation.perform(self.shadow, self.shadow_slots)
        except OSError as error: theirs = error.errno
        if mine != theirs:
            self.violated(f"{operation!r}: {errno.errorcode.get(mine, mine)}, the host's filesystem says {errno.errorcode.get(theirs, theirs)}")
            return True
        if shown != expected:
            self.violated(f"{operation!r}: shows {str(shown)[:200]}, the host's filesystem shows {str(expected)[:200]}")
        if mine is not None: self.failed += 1
        else: return self.give_times(operation)
        return True

    def give_times(self, operation):
        try:
            if operation.kind in ("slot write", "slot truncate"):
                slot = operation.values["slot"]
                os.utime(self.shadow_slots[slot], ns=(0, os.fstat(self.slots[slot]).st_mtime_ns))
            for path in operation.timed():
                nanoseconds = os.lstat(os.path.join(self.mount, path)).st_mtime_ns
                os.utime(os.path.join(self.shadow, path), ns=(0, nanoseconds), follow_symlinks=False)
        except OSError as error:
            if error.errno in DEAD:
                self.dead.value = 1
                self.doubt = operation   # happened; only its time is unknown
                self.doubt.is_done = True
                return False
            if os.path.lexists(os.path.join(self.shadow, (operation.paths or [""])[0])):
                self.violated(f"{operation!r}: no time to be had: {error}")
        return True

    # Comparing.

    def drop_slots(self):
        for slots in (self.slots, self.shadow_slots):
            for descriptor in slots.values():
                try: os.close(descriptor)
                except OSError: pass
            slots.clear()

    def settle(self, top):
        """Compares my subtree (and the shared one if my operation in flight was there) and decides that operation."""
        operation, self.doubt = self.doubt, None
        domains = [f"p{self.number}"]
        if operation and operation.paths and operation.paths[0].startswith("shared"): domains.append("shared")
        slot_paths = []
        if operation and operation.kind.startswith("slot"):
            inode = os.fstat(self.shadow_slots[operation.values["slot"]]) if operation.values["slot"] in self.shadow_slots else None
            if inode: slot_paths = self.paths_of(inode.st_ino)
        if operation and getattr(operation, "is_done", False):
            self.drop_slots()
            return self.compare(top, domains, set(operation.timed() + slot_paths), adopt=True)
        if operation is None:
            self.drop_slots()
            return self.compare(top, domains, set())
        if operation.kind in ("read", "list", "stat", "slot read", "slot open", "slot close"):
            self.drop_slots()
            return self.compare(top, domains, set())
        first = self.compare(top, domains, set(), only_tell=True)
        if not first:
            self.drop_slots()
            return
        for request in operation.requests(self.shadow):
            try: request.perform(self.shadow, self.shadow_slots)
            except OSError as error: self.log.write(f"? cannot have happened: {error}\n")
            second = self.compare(top, domains, set(operation.timed() + slot_paths), adopt=True, only_tell=True)
            if not second: break
        self.drop_slots()
        if second:
            self.violated(f"with {operation!r} in flight; if it had not happened: {'; '.join(first[:5])}; if it had: {'; '.join(second[:5])}", 1)

    def paths_of(self, inode):
        found = []
        for folder, _, files in os.walk(os.path.join(self.shadow, f"p{self.number}")):
            for name in files:
                path = os.path.join(folder, name)
                if os.lstat(path).st_ino == inode: found.append(os.path.relpath(path, self.shadow))
        return found

    def compare(self, top, domains, untimed, adopt=False, only_tell=False):
        problems = []
        inodes = set()   # a file's time shows under all its names
        for path in untimed:
            try: inodes.add(os.lstat(os.path.join(self.shadow, path)).st_ino)
            except OSError: pass
        untimed = inodes
        for domain in domains:
            problems += self.compare_domain(top, domain, untimed, adopt)
        if problems and not only_tell: self.violated("; ".join(problems[:6]), len(problems))
        return problems

    def compare_domain(self, top, domain, untimed, adopt):
        problems = self.compare_folder(top, domain, untimed, adopt)
        one, other = facts(os.path.join(top, domain)), facts(os.path.join(self.shadow, domain))
        if one["mtime"] != other["mtime"] and os.lstat(os.path.join(self.shadow, domain)).st_ino in untimed:
            if adopt: os.utime(os.path.join(self.shadow, domain), ns=(0, one["mtime"]))
            other["mtime"] = one["mtime"]
        words = difference(one, other)
        return problems + ([f"{domain}: {words}"] if words else [])

    def compare_folder(self, top, folder, untimed, adopt):
        problems = []
        a, b = os.path.join(top, folder), os.path.join(self.shadow, folder)
        try: mine, theirs = sorted(os.listdir(a)), sorted(os.listdir(b))
        except OSError as error: return [f"{folder}: {error}"]
        if mine != theirs:
            problems.append(f"{folder} has {sorted(set(mine) - set(theirs))} too many and lacks {sorted(set(theirs) - set(mine))}")
        for name in sorted(set(mine) & set(theirs)):
            path = os.path.join(folder, name)
            self.compared += 1
            try: one, other = facts(os.path.join(top, path)), facts(os.path.join(self.shadow, path))
            except OSError as error: problems.append(f"{path}: {error}"); continue
            if one["mtime"] != other["mtime"] and os.lstat(os.path.join(self.shadow, path)).st_ino in untimed:
                if adopt: os.utime(os.path.join(self.shadow, path), ns=(0, one["mtime"]), follow_symlinks=False)
                other["mtime"] = one["mtime"]
            words = difference(one, other)
            if words: problems.append(f"{path}: {words}")
            if stat.S_ISDIR(one["mode"]) and stat.S_ISDIR(other["mode"]):
                problems += self.compare_folder(top, path, untimed, adopt)
        return problems

    def serve(self):
        """Obeys the parent: ("run", n), ("settle", top), ("compare", top, domains), ("end",)."""
        while True:
            message = self.pipe.recv()
            try:
                if message[0] == "run": self.run(message[1], True)
                elif message[0] == "settle": self.settle(message[1])
                elif message[0] == "compare": self.drop_slots(); self.compare(message[1], message[2], set())
                elif message[0] == "close": self.drop_slots()
                else: return
            except Exception as error:
                import traceback
                self.log.write(traceback.format_exc())
                self.violated(f"{message[0]}: {type(error).__name__} {error}")
            self.pipe.send((self.count, self.failed, self.compared, self.told))
            self.told = []


def main():
    parser = arguments(argparse.ArgumentParser())
    parser.add_argument("--operations", type=int, default=20_000); parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--pace", type=float, default=4.0, help="longest time between kills, seconds")
    parser.add_argument("--options", default="writeback_delay=300ms,writeback_deadline=2s,journal_size=1G")
    parser.add_argument("--no-kills", action="store_true")
    given = parser.parse_args()
    scenario = Scenario("storm", given)
    done = failed = exact = 0
    with scenario:
        chance = scenario.chance
        mount = scenario.mount(given.options)
        shadow = os.path.join(scenario.base, "shadow")
        domains = [f"p{i}" for i in range(given.processes)] + ["shared"]
        for top in (mount.backing, shadow):
            for domain in domains: os.makedirs(os.path.join(top, domain))
        for domain in domains: os.utime(os.path.join(shadow, domain), ns=(0, os.stat(os.path.join(mount.backing, domain)).st_mtime_ns))
        lock, dead = multiprocessing.Lock(), multiprocessing.Value("b", 0, lock=False)
        pipes, processes = [], []
        for i in range(given.processes):
            here, there = multiprocessing.Pipe()
            worker = Worker(i, given, scenario.seed * 100 + i, mount.point, shadow, lock, dead, there, os.path.join(scenario.base, f"p{i}.log"))
            process = multiprocessing.Process(target=worker.serve, daemon=True)
            process.start()
            pipes.append(here); processes.append(process)

        def ask(message, seconds=300, some=None):
            answers = []
            for pipe in some or pipes: pipe.send(message)
            for number, pipe in enumerate(some or pipes):
                if not pipe.poll(seconds): raise MountFailure(f"process {number} does not answer {message[0]}: hung? {mount.status()}")
                answers.append(pipe.recv())
            for answer in answers:
                for text, lost in answer[3]: scenario.violated(text, lost)
            return answers

        mount.mount()
        while done < given.operations and not scenario.violations:
            dead.value = 0
            share = max(1, (given.operations - done + given.processes - 1) // given.processes)
            timer = None
            if not given.no_kills:
                how = chance.random()
                moment = chance.uniform(0.2, given.pace)

                def strike(process=mount.process, how=how, when=chance.randrange(1, 40), call=chance.choice(BACKING_CALLS)):
                    if how < 0.35:
                        mount.attach(f"trace={call}", f"inject={call}:signal=SIGKILL:when={when}")
                        wait_until(lambda: not os.path.exists(f"/proc/{process}/task") or mount.process is None, 1.5)
                    mount.kill()
                timer = threading.Timer(moment, strike); timer.start()
            answers = ask(("run", share))
            if timer: timer.join()
            done, failed = sum(a[0] for a in answers), sum(a[1] for a in answers)
            scenario.acknowledged = done - failed
            if timer:
                mount.clear()
                for _ in range(chance.choice((0, 0, 1, 2))):
                    exact += mount.mount_killed_at(chance.choice(RECOVERY_CALLS), chance.choice((1, 2, 3, 5, 10, 30, 100)), chance)
                    mount.clear()
                problem = mount.check()
                if problem: scenario.violated(problem); break
                mount.mount()
                ask(("settle", mount.point))
                ask(("compare", mount.point, ["shared"]), some=pipes[:1])
        if not scenario.violations:
            ask(("compare", mount.point, ["p0", "shared"]), some=pipes[:1])
            ask(("close",))
            problem = mount.flush()
            if problem: scenario.violated(problem)
            for i, pipe in enumerate(pipes): ask(("compare", mount.backing, [f"p{i}"] + (["shared"] if i == 0 else [])), some=[pipe])
            left = [n for n in os.listdir(mount.backing) if n not in domains]
            if left: scenario.violated(f"left in the backing directory: {left}")
            problem = mount.unmount()
            if problem: scenario.violated(problem)
            for i, pipe in enumerate(pipes):
                scenario.verified += ask(("compare", mount.backing, [f"p{i}"]), some=[pipe])[0][2]
        for pipe in pipes:
            try: pipe.send(("end",))
            except OSError: pass
        for process in processes:
            process.join(5)
            if process.is_alive(): process.terminate()
    scenario.finish(f"{done} operations acknowledged ({failed} with an errno as expected), {scenario.verified} objects compared, "
                    f"{exact} kills inside recovery, {scenario.mount_times()}")
    return scenario.exit_status


if __name__ == "__main__": sys.exit(main())
