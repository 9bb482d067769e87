"""What the processes of powercut.py did, and which trees a power cut may leave of it."""
import errno, hashlib, multiprocessing, os, pickle, stat, time
from operations import Operation, write_all
from storm import Worker
from torture import DEAD, difference, facts


def picture(top, domain, known=None):
    """What P3 compares of each object below a directory and of itself: relative path -> facts, of the contents their hash.
    `known` keeps hashes of files that did not change."""
    found = {}
    paths = [domain]
    for folder, folders, files in os.walk(os.path.join(top, domain)):
        paths += [os.path.relpath(os.path.join(folder, name), top) for name in folders + files]
    for path in paths:
        full = os.path.join(top, path)
        status = os.lstat(full)
        key = (path, status.st_ino, status.st_ctime_ns, status.st_size, status.st_nlink)
        one = known.get(key) if known is not None else None
        if one is None:
            one = facts(full)
            one["xattrs"] = sorted(one["xattrs"].items())
            if isinstance(one["contents"], bytes): one["contents"] = hashlib.blake2b(one["contents"], digest_size=16).hexdigest()
            if known is not None: known[key] = one
        found[path] = one
    return found


def digest(found): return hashlib.blake2b(repr(sorted(found.items())).encode(), digest_size=16).digest()


def differences(one, other):
    words = [f"{path} is missing" for path in sorted(set(other) - set(one))] + [f"{path} is too much" for path in sorted(set(one) - set(other))]
    for path in sorted(set(one) & set(other)):
        if one[path] != other[path]: words.append(f"{path}: {difference(one[path], other[path])}")
    return words


class Sync(Operation):
    """fsync or fdatasync of a file or directory, or a write through a descriptor opened with O_SYNC or O_DSYNC."""

    def perform(self, top, slots):
        v = self.values
        path = os.path.join(top, self.paths[0])
        if self.kind == "fsync":
            d = os.open(path, os.O_RDONLY)
            try: (os.fdatasync if v["data"] else os.fsync)(d)
            finally: os.close(d)
        else:
            d = os.open(path, os.O_WRONLY | v["flag"])
            try: write_all(d, v["bytes"], v["offset"])
            finally: os.close(d)

    def timed(self): return list(self.paths) if self.kind == "sync write" else []


class Step:
    """A change that was acknowledged: when it began and returned (seconds, entries of the record), and what its process's tree was then."""

    def __init__(self, text, begun, begun_at, ended, ended_at, found):
        self.text, self.begun, self.begun_at, self.ended, self.ended_at = text, begun, begun_at, ended, ended_at
        self.found, self.digest = found, digest(found)

    def shows(self, tree, tree_digest): return self.digest == tree_digest


class Half(Step):
    """The kernel makes two requests of a write(2) that begins inside a page it does not have: up to that page's end, and the rest. After
    the first one the file's time is the daemon's clock, which nobody has seen; `paths` are the file's names."""

    def __init__(self, text, begun, begun_at, found, paths):
        super().__init__("the first page of " + text, begun, begun_at, float("inf"), float("inf"), found)
        self.paths = paths

    def shows(self, tree, tree_digest):
        if any(path not in tree for path in self.paths): return False
        return digest(self.found | {path: self.found[path] | {"mtime": tree[path]["mtime"]} for path in self.paths}) == tree_digest


class Writer(Worker):
    """A process that changes its own subtree, here and in the shadow, and notes each step."""

    def __init__(self, number, seed, mount, shadow, counter, log):
        super().__init__(number, None, seed, mount, shadow, None, multiprocessing.Value("b", 0, lock=False), None, log)
        self.counter, self.known = counter, {}
        self.domain = f"p{number}"
        self.steps = [Step("the beginning", 0, 0, 0, 0, picture(shadow, self.domain, self.known))]
        self.syncs = []   # (seconds when it began, entries when it returned)

    def choose(self, domain):
        chance = self.chance
        kind = chance.random() / self.often
        if kind < 0.05:
            return Sync("fsync", [self.existing(domain, chance.random() < 0.3)], data=chance.random() < 0.5)
        if kind < 0.08:
            data, offset = self.contents()
            return Sync("sync write", [self.existing(domain)], bytes=data, offset=offset, flag=chance.choice((os.O_SYNC, os.O_DSYNC)))
        while True:
            operation = super().choose(domain)
            if operation.values.get("sync") and chance.random() > self.often: continue
            if operation.kind not in ("read", "list", "stat", "slot read"): return operation

    def is_harmless(self, operation):
        if isinstance(operation, Sync):
            try: mode = os.stat(os.path.join(self.shadow, operation.paths[0])).st_mode
            except OSError: return True
            return stat.S_ISREG(mode) or stat.S_ISDIR(mode)
        if operation.kind == "slot open" and operation.values["slot"] in self.slots: return False
        return super().is_harmless(operation)

    def go(self, until, often):
        """`often`: 1 for one sync in twelve operations, less for fewer. Ends early when the daemon dies."""
        self.often = often
        while time.monotonic() < until and not self.told and not self.doubt:
            operation = self.choose(self.domain)
            if self.is_harmless(operation): self.note(operation)

    def note(self, operation):
        """Makes the operation, then the same in the shadow."""
        mine = theirs = None
        begun, begun_at = time.monotonic(), self.counter.read()
        try: operation.perform(self.mount, self.slots)
        except OSError as error: mine = error.errno
        ended, ended_at = time.monotonic(), self.counter.read()
        self.log.write(f"{time.time():.4f} {mine or ''} {operation!r}\n")
        if mine in DEAD:
            self.doubt, self.times = operation, (begun, begun_at, None, None)
            return
        requests = operation.requests(self.shadow)
        if len(requests) > 1 and mine is None:
            requests[0].perform(self.shadow, self.shadow_slots)
            self.steps.append(Half(repr(operation), begun, begun_at, *self.half(requests[0])))
        try: requests[-1].perform(self.shadow, self.shadow_slots)
        except OSError as error: theirs = error.errno
        if mine != theirs:
            return self.violated(f"{operation!r}: {errno.errorcode.get(mine, mine)}, the host says {errno.errorcode.get(theirs, theirs)}")
        if mine is not None: return
        self.count += 1
        if isinstance(operation, Sync) or operation.values.get("sync"): self.syncs.append((begun, ended_at))
        if operation.kind == "fsync": return
        if self.give_times(operation): self.add(operation, begun, begun_at, ended, ended_at)
        else: self.times = (begun, begun_at, ended, ended_at)

    def add(self, operation, *times): self.steps.append(Step(repr(operation), *times, picture(self.shadow, self.domain, self.known)))

    def resume(self):
        """After a kill and a new mount: decides the operation that was under way; what is shown now counts as acknowledged now."""
        operation = self.doubt
        if operation is None: return self.settle(self.mount)

        def requests(top):
            all = type(operation).requests(operation, top)
            for request in all[:-1]:
                yield request
                self.steps.append(Half(repr(operation), *self.times[:2], *self.half(request)))
            yield all[-1]
        operation.requests = requests
        self.settle(self.mount)
        del operation.requests
        begun, begun_at, ended, ended_at = self.times
        if ended is None: ended, ended_at = time.monotonic(), self.counter.read()
        self.add(operation, begun, begun_at, ended, ended_at)

    def half(self, request):
        """The tree after the first request of two, and the names of its file."""
        slot = request.values.get("slot")
        status = os.stat(os.path.join(self.shadow, request.paths[0])) if slot is None else os.fstat(self.shadow_slots[slot])
        names = [os.path.relpath(path, self.shadow) for path in self.names_of(status.st_ino)]
        return picture(self.shadow, self.domain, self.known), names

    def names_of(self, inode):
        for folder, _, files in os.walk(os.path.join(self.shadow, self.domain)):
            for name in files:
                path = os.path.join(folder, name)
                if os.lstat(path).st_ino == inode: yield path

    def save(self, path):
        with open(path, "wb") as file: pickle.dump((self.steps, self.syncs, self.told), file)


class History:
    """All processes' steps. `promised` is "always", a number of milliseconds, or None for `os`."""

    def __init__(self, paths, promised, margin):
        self.steps, self.syncs, self.told = {}, [], []
        for domain, path in paths.items():
            with open(path, "rb") as file: steps, syncs, told = pickle.load(file)
            self.steps[domain] = steps
            self.syncs += syncs
            self.told += told
        self.promised, self.margin = promised, margin
        self.longest_loss, self.lost, self.shown = 0, 0, 0   # shown: changes that the trees judged last hold

    def acknowledged(self): return sum(not isinstance(step, Half) for steps in self.steps.values() for step in steps[1:])

    def floor(self, steps, cut, moment):
        """The last step that must be there after a cut before entry `cut`, at `moment`; and why."""
        synced = max((begun for begun, ended_at in self.syncs if ended_at <= cut), default=-1)
        limit = moment - self.promised / 1000 - self.margin if isinstance(self.promised, (int, float)) else -1
        best, why = 0, "it began"
        for number, step in enumerate(steps):
            if step.ended <= synced: best, why = number, "fsync"
            elif self.promised == "always" and step.ended_at <= cut: best, why = number, "durability=always"
            elif step.ended <= limit: best, why = number, f"durability=batch={self.promised}"
        # A step whose own write was synchronous ended after its sync had begun.
        for number, step in enumerate(steps):
            if step.ended_at > cut or number <= best: continue
            if (step.begun, step.ended_at) in self.own_syncs: best, why = number, "O_SYNC"
        return best, why

    @property
    def own_syncs(self):
        if not hasattr(self, "kept"): self.kept = set(self.syncs)
        return self.kept

    def judge(self, trees, cut, moment):
        """What is wrong with the trees (by domain) that are shown after a cut; empty when they are a prefix that holds what was promised."""
        problems, allowed = [], {}
        for domain, steps in self.steps.items():
            low, why = self.floor(steps, cut, moment)
            high = max(number for number, step in enumerate(steps) if step.begun_at <= cut)
            shown = digest(trees[domain])
            matching = [number for number, step in enumerate(steps) if step.shows(trees[domain], shown)]
            allowed[domain] = [number for number in matching if low <= number <= high]
            if allowed[domain]: continue
            if matching: problems.append(f"{domain} is at step {matching[-1]}, but {low} ({steps[low].text}) is promised by {why} and {high} had begun")
            else:
                nearest = min(range(max(0, low - 50), high + 1), key=lambda number: len(differences(trees[domain], steps[number].found)))
                words = differences(trees[domain], steps[nearest].found)[:6]
                problems.append(f"{domain} is at no step (promised {low} by {why}, begun {high}); nearest {nearest} ({steps[nearest].text}): {words}")
        if problems: return problems
        return self.judge_order(allowed, cut, moment)

    def judge_order(self, allowed, cut, moment):
        """One prefix of all processes' steps together: nothing is there that began after something that is not there had returned."""
        ends = {domain: numbers[-1] for domain, numbers in allowed.items()}
        begins = {domain: numbers[0] for domain, numbers in allowed.items()}
        for domain, steps in self.steps.items():
            for other, others in self.steps.items():
                after = ends[other] + 1
                if other != domain and after < len(others) and others[after].ended < steps[begins[domain]].begun:
                    return [f"{domain} has step {begins[domain]} ({steps[begins[domain]].text}), but {other} lacks step {after} "
                            f"({others[after].text}), which had returned before that began"]
        self.shown = sum(not isinstance(step, Half) for domain, steps in self.steps.items() for step in steps[1:ends[domain] + 1])
        for domain, steps in self.steps.items():
            lost = [step for step in steps[ends[domain] + 1:] if step.ended_at <= cut and step.ended <= moment]
            self.lost += len(lost)
            if lost: self.longest_loss = max(self.longest_loss, moment - lost[0].ended)
        return []
