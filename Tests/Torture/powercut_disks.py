"""The disks of powercut.py: images in memory, their filesystems, and the states in which a power cut may leave them."""
import bisect, os, random, stat, subprocess, sys
from torture import run, wait_until

SECTOR = 512
CANARIES = ("journal", "journal-tenth", "backing")   # see plant


def must(*command):
    done = run(*command)
    if done.returncode: raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout.strip()


def copy_sparse(source, target):
    """Copies what is allocated of a file; holes stay holes. `target` becomes a new file: a filesystem that somebody still holds, as each
    new namespace of mounts does, may go on writing to the old one."""
    if os.path.exists(target): os.unlink(target)
    with open(source, "rb") as old, open(target, "wb") as new:
        size = os.fstat(old.fileno()).st_size
        new.truncate(size)
        at = 0
        while at < size:
            try: at = os.lseek(old.fileno(), at, os.SEEK_DATA)
            except OSError: return
            end = os.lseek(old.fileno(), at, os.SEEK_HOLE)
            while at < end:
                piece = os.pread(old.fileno(), min(end - at, 1 << 20), at)
                os.pwrite(new.fileno(), piece, at)
                at += len(piece)


class Disks:
    """Images below `folder` and where their filesystems are mounted: `folder`/on/NAME, from a device that always has the same name, as
    the journal knows its backing directory by it."""
    NAMES = ("backing", "state")   # in this order they are the record's images 0 and 1

    def __init__(self, folder, kind, images, megabytes=None):
        self.folder, self.kind, self.images = folder, kind, os.path.join(folder, images)
        self.megabytes = megabytes or (320 if kind == "xfs" else 128)
        self.server, self.devices, self.mounted = None, [], []
        os.makedirs(self.images)
        for name in self.NAMES: os.makedirs(self.at(name), exist_ok=True)

    @property
    def grain(self):
        """Sectors that are written whole: XFS does not survive half of one of its blocks (its recovery meets a wrong checksum)."""
        return 8 if self.kind == "xfs" else 1

    def image(self, name): return os.path.join(self.images, name)
    def at(self, name): return os.path.join(self.folder, "on", name)

    def make(self):
        for name in self.NAMES:
            with open(self.image(name), "wb") as file: file.truncate(self.megabytes << 20)
            if self.kind == "xfs": must("mkfs.xfs", "-q", self.image(name))
            else: must("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.image(name))

    def attach(self, recorded=None):
        """Mounts both; `recorded` is the path of the record to be made."""
        folder = self.images
        if recorded:
            folder = os.path.join(self.folder, "recorder")
            os.makedirs(folder, exist_ok=True)
            self.server = subprocess.Popen([sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "recorder.py"),
                                            self.images, folder, recorded])
            if not wait_until(lambda: os.path.ismount(folder), 10, 0.002): raise RuntimeError("the recorder did not mount")
        for name in self.NAMES:
            device = must("losetup", "--show", "-f", *(["--direct-io=on"] if recorded else []), os.path.join(folder, name))
            self.devices.append(device)
            known = os.path.join(self.folder, f"device-{name}")
            if os.path.lexists(known): os.unlink(known)
            os.mknod(known, stat.S_IFBLK | 0o600, os.stat(device).st_rdev)
            must("mount", "-o", "nouuid" if self.kind == "xfs" else "defaults", known, self.at(name))
            self.mounted.append(self.at(name))

    def detach(self):
        while self.mounted:
            point = self.mounted[-1]
            if not wait_until(lambda: run("umount", point).returncode == 0 or not os.path.ismount(point), 20):
                raise RuntimeError(f"cannot unmount {point}: " + run("umount", point).stderr.strip())
            self.mounted.pop()
        while self.devices: must("losetup", "-d", self.devices.pop())
        images = os.path.join(self.folder, "recorder") if self.server else self.images
        if not wait_until(lambda: not any(run("losetup", "-j", os.path.join(images, name)).stdout for name in self.NAMES), 20):
            raise RuntimeError(f"somebody still uses the disks in {images}")
        if self.server:
            self.server.terminate(); self.server.wait()
            self.server = None

    def abandon(self):
        """Takes everything away, whatever state it is in."""
        for point in reversed(self.mounted): run("umount", "-l", point)
        for device in self.devices: run("losetup", "-d", device)
        if self.server: self.server.terminate(); self.server.wait()
        self.mounted, self.devices, self.server = [], [], None


class CrashStates:
    """Rebuilds the images as a power cut leaves them: on each disk all that its last flush covers, of the writes after it any subset,
    some of these torn between units of `grain` sectors. Cuts are asked for in ascending order."""

    def __init__(self, log, base, folder, grain=1):
        self.log, self.folder, self.applied, self.grain = log, folder, 0, grain
        self.pending = [[] for _ in Disks.NAMES]
        self.durable = []
        os.makedirs(folder)
        for name in Disks.NAMES:
            path = os.path.join(folder, name)
            copy_sparse(os.path.join(base, name), path)
            self.durable.append(open(path, "r+b", buffering=0))

    def close(self):
        for number, name in enumerate(Disks.NAMES):
            self.durable[number].close()
            os.unlink(os.path.join(self.folder, name))

    def write(self, file, entry, sectors=None):
        data = self.log.bytes(entry)
        if sectors is None: os.pwrite(file.fileno(), data, entry[3]); return
        for sector in sectors: os.pwrite(file.fileno(), data[sector * SECTOR:(sector + 1) * SECTOR], entry[3] + sector * SECTOR)

    def rebuild(self, cut, images, chance):
        """Makes `images` as a cut before the record's entry `cut` leaves them; returns in words how."""
        for entry in self.log.entries[self.applied:cut]:
            if not entry[1]: self.pending[entry[0]].append(entry); continue
            for one in self.pending[entry[0]]: self.write(self.durable[entry[0]], one)
            self.pending[entry[0]].clear()
        self.applied = cut
        words = []
        for number, name in enumerate(Disks.NAMES):
            path = os.path.join(images, name)
            copy_sparse(os.path.join(self.folder, name), path)
            share = chance.choice((0, 0.1, 0.5, 0.9, 1))
            kept = torn = 0
            with open(path, "r+b", buffering=0) as file:
                for entry in self.pending[number]:
                    if chance.random() >= share: continue
                    sectors = None
                    # ext4 writes its superblock in place and does not survive half of one.
                    if share < 1 and entry[2] > SECTOR and entry[3] >= 4096 and chance.random() < 0.2:
                        count = -(-entry[2] // (SECTOR * self.grain))
                        whole = range(chance.randrange(count)) if chance.random() < 0.5 else \
                            [number for number in range(count) if chance.random() < 0.5]
                        sectors = [sector for number in whole for sector in range(number * self.grain, (number + 1) * self.grain)
                                   if sector * SECTOR < entry[2]]
                        torn += 1
                    self.write(file, entry, sectors)
                    kept += 1
            words.append(f"{name}: {kept} of {len(self.pending[number])} unflushed writes, {torn} torn")
        return f"cut {cut} of {len(self.log.entries)} ({', '.join(words)})"


def choose_cuts(log, count, chance):
    """Where the power fails: right before or after a flush of either disk, anywhere in the record, or at any time. Pairs in ascending
    order: the entry before which it is cut, and the seconds when it is."""
    entries = log.entries
    if not entries: return []
    flushes = [[i for i, entry in enumerate(entries) if entry[1] and entry[0] == number] for number in range(len(Disks.NAMES))]
    times = [entry[5] for entry in entries]
    cuts = {}
    for _ in range(count * 3):
        if len(cuts) >= count: break
        where = chance.random()
        near = flushes[0] if where < 0.15 else flushes[1] if where < 0.5 else None
        moment = chance.uniform(times[0], times[-1])
        if near: cut = chance.choice(near) + chance.randrange(2)
        else: cut = bisect.bisect_right(times, moment) if where > 0.75 else chance.randrange(1, len(entries) + 1)
        cuts[cut] = moment if where > 0.75 else times[max(0, cut - 1)]
    return sorted(cuts.items())


def keep(scenario, folder, log, place, seed, grain):
    """Keeps the images as that cut left them; mount them over loop devices at the places the violation names."""
    kept = os.path.join(scenario.base, f"cut-{os.path.basename(folder)}-{place}")
    if os.path.exists(kept): return
    states = CrashStates(log, os.path.join(folder, "base"), os.path.join(folder, "durable-kept"), grain)
    os.mkdir(kept)
    states.rebuild(place, kept, random.Random(seed))
    states.close()
    os.rmdir(states.folder)


def plant(mount, canary, folder):
    """Has the mount's daemon run with a bug: some of its syncs answer 0 and do nothing. `journal` all of the journal, `journal-tenth` one
    in ten of these, `backing` all of the backing directory."""
    library = os.path.join(folder, "liar.so")
    if not os.path.exists(library):
        must("gcc", "-shared", "-fPIC", "-o", library, os.path.join(os.path.dirname(os.path.abspath(__file__)), "powercut_liar.c"))
    where = mount.backing if canary == "backing" else os.path.join(mount.state, "segment")
    words = mount.words
    mount.words = lambda: ["env", f"LD_PRELOAD={library}", f"EBBFS_LIAR_PATH={where}",
                           f"EBBFS_LIAR_EVERY={10 if canary == 'journal-tenth' else 1}", *words()]
