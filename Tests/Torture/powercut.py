#!/usr/bin/env python3
"""Power cuts under a real mount.

The state directory and the backing directory are each on an image with a filesystem of its own, on loop devices over recorder.py, which
records every write and every flush of both disks in one order. Processes make changes on the mount, each in its own subtree, with fsync,
O_SYNC and O_DSYNC among them; each notes when a change began and returned, in seconds and in entries of the record. Sessions end with
kill -9 of the daemon, with `ebbfs flush` or with `ebbfs unmount`, and it is mounted again, so cuts fall into load, write-back, recycling
of segments, unmount, mount and recovery. Beside them sqlite3 commits transactions, with a rollback journal and with a WAL in turn.

Then the power fails at many places of the record, on both disks at one moment: right before and right after flushes, and anywhere. What a
disk's last flush covers is there; of the writes after it any subset, some torn between sectors of 512 bytes (xfs: 4096). The images are
rebuilt, their filesystems mounted (which replays their journals), `ebbfs journal check` must find no corruption, ebbfs is mounted, and

P2  everything is there that was acknowledged before an fsync began that had returned before the cut; all that had returned under
    durability=always; all that had returned MS milliseconds (and --margin) before the cut under durability=batch=MS;
P3  each process's tree is exactly one of the states it went through, and all of them together are one prefix of history: no change is
    there that began after one returned that is not there;
and sqlite3 finds its database whole, with every transaction whose COMMIT had returned, whatever the durability is;
then `ebbfs flush`: the backing directory must equal what the mount shows; then unmount. One cut in ten is followed by a second one: its
recovery and write-back run over a recorder again and the power fails there; what had been shown must be shown again.

--canary plants a bug in the daemon of the first part; the run succeeds if it is found: `journal` every sync of the journal answers 0
and does nothing, `journal-tenth` one in ten of them, `backing` those of the backing directory.

What this does not model: a disk that lies about a flush, that lets a later write overtake an earlier one to the same sector, or that
tears below 512 bytes; the moments between two entries of the record are one moment. The order of the record is the order in which writes
complete on one queue for both disks.

Usage: powercut.py EBBFS [--cuts N] [--durability always,batch=100,os] [--filesystem ext4,xfs] [--seconds N] [--processes N]
                         [--margin SECONDS] [--options OPTS] [--canary journal|journal-tenth|backing] [--seed S]
"""
import argparse, multiprocessing, os, random, shutil, sys, time
from torture import Scenario, arguments, run, with_own_mounts
from recorder import Counter, Log
from powercut_database import MODES, Client, Judge
from powercut_disks import CANARIES, CrashStates, Disks, choose_cuts, copy_sparse, keep, must, plant
from powercut_history import History, Writer, differences, picture

ENDS = ("kill", "flush", "kill", "unmount")   # how the sessions end, in turn
QUICK, SLOW = "writeback_delay=100ms,writeback_deadline=1s", "writeback_delay=3s,writeback_deadline=10s"
OPTIONS = "journal_size=32M"


def populate(top, domains):
    """What is there before: each process's directory with files and directories."""
    for domain in domains:
        folder = os.path.join(top, domain)
        os.makedirs(os.path.join(folder, "d0", "d1"))
        for name, size in (("f0", 10), ("f1", 5000), ("f2", 70000), ("d0/f3", 4096), ("d0/d1/f4", 20000)):
            with open(os.path.join(folder, name), "wb") as file: file.write(name[-1:].encode() * size)
        os.link(os.path.join(folder, "f1"), os.path.join(folder, "d0", "f5"))
        os.setxattr(os.path.join(folder, "f2"), "user.a", b"old")


class Live:
    """The first part: changes on a mount whose disks are recorded."""

    def __init__(self, scenario, folder, kind, durability, given):
        self.scenario, self.folder, self.durability, self.given = scenario, folder, durability, given
        self.domains = [f"p{number}" for number in range(given.processes)]
        self.disks = Disks(folder, kind, "images")
        scenario.undo.append(self.disks.abandon)
        self.base, self.record = os.path.join(folder, "base"), os.path.join(folder, "record")
        self.shadow = os.path.join(scenario.base, f"shadow-{os.path.basename(folder)}")

    def prepare(self):
        self.disks.make()
        self.disks.attach()
        backing = os.path.join(self.disks.at("backing"), "b")
        os.mkdir(backing)
        populate(backing, self.domains)
        must("cp", "-a", backing, self.shadow)
        self.disks.detach()
        os.mkdir(self.base)
        for name in Disks.NAMES: copy_sparse(self.disks.image(name), os.path.join(self.base, name))

    def options(self, delays): return ",".join((self.given.options, delays, f"durability={self.durability}"))

    def mount(self, canary):
        mount = self.scenario.mount(self.options(QUICK), base=self.folder, backing=os.path.join(self.disks.at("backing"), "b"),
                                    state=os.path.join(self.disks.at("state"), "s"))
        if canary: plant(mount, canary, self.scenario.base)
        return mount

    def go(self, promised):
        self.prepare()
        self.disks.attach(self.record)
        counter = Counter(self.record)
        mount = self.mount(self.given.canary)
        mount.mount()
        files = {domain: os.path.join(self.folder, f"{domain}.steps") for domain in self.domains}
        barrier = multiprocessing.Barrier(len(self.domains) + 2)
        ends = multiprocessing.Value("d", 0)

        def work(number):
            writer = Writer(number, self.scenario.seed * 100 + number, mount.point, self.shadow, counter,
                            os.path.join(self.scenario.base, f"{self.domains[number]}.log"))
            try:
                for session in range(self.given.sessions):
                    barrier.wait(300)
                    if session and ENDS[(session - 1) % len(ENDS)] == "kill": writer.resume()
                    writer.go(ends.value, (0.01, 1, 0.1)[session % 3])
                    if ENDS[session % len(ENDS)] != "kill": writer.drop_slots()
                    barrier.wait(300)
                writer.save(files[self.domains[number]])
            except BaseException:
                barrier.abort()
                raise

        database = os.path.join(self.folder, "database.commits")

        def transact():
            client = Client(mount.point, counter)
            for session in range(self.given.sessions):
                barrier.wait(300)
                client.go(ends.value, MODES[session % len(MODES)])
                barrier.wait(300)
            client.save(database)

        processes = [multiprocessing.Process(target=work, args=(number,), daemon=True) for number in range(len(self.domains))]
        processes.append(multiprocessing.Process(target=transact, daemon=True))
        for process in processes: process.start()
        synced = []
        for session in range(self.given.sessions):
            seconds, end = self.given.seconds / self.given.sessions, ENDS[session % len(ENDS)]
            ends.value = time.monotonic() + seconds + (60 if end == "kill" else 0)
            barrier.wait(300)
            if end == "kill":
                time.sleep(seconds)
                mount.kill()
            barrier.wait(seconds + 300)
            begun = time.monotonic()
            if end == "kill":
                mount.clear()
                self.complain(mount.check())
            else:
                self.complain(mount.flush() if end == "flush" else mount.unmount())
                synced.append((begun, counter.read()))
                if end == "flush": self.complain(mount.unmount())
            if session + 1 < self.given.sessions:
                # Long delays leave the journal to its own timer: under `os` hardly anything syncs it then.
                mount.options = self.options(SLOW if session % 2 == 0 else QUICK)
                mount.mount()
        for process in processes: process.join(60)
        self.disks.detach()
        history = History(files, promised, self.given.margin)
        history.syncs += synced
        for text, lost in history.told: self.scenario.violated(text, lost)
        self.database = Judge(database)
        return history

    def complain(self, problem):
        if problem: self.scenario.violated(f"{self.durability}: {problem}")


class Cut:
    """One power cut: the disks as it left them, and the daemon that recovers on them."""

    def __init__(self, live):
        self.live = live
        self.disks = Disks(live.folder, live.disks.kind, "cut")
        live.scenario.undo.append(self.disks.abandon)
        self.mount = live.mount(None)

    def recover(self, judge, recorded=None):
        """Mounts, has the trees judged, writes everything back; returns the trees, what is wrong, and how much of that is something lost."""
        self.disks.attach(recorded)
        problems, trees, lost = [], {}, 0
        try:
            if os.path.exists(self.mount.state) and any(name.startswith("segment") for name in os.listdir(self.mount.state)):
                problem = self.mount.check()
                if problem: problems.append(problem)
            self.mount.mount(30)
            trees = {domain: picture(self.mount.point, domain) for domain in self.live.domains}
            wrong = judge(trees)
            problems += wrong
            lost = len(wrong)
            problem = self.mount.flush(60)
            if problem: problems.append(problem)
            for top in (self.mount.backing, self.mount.point):
                left = sorted(name for name in set(os.listdir(top)) - set(self.live.domains) if not name.startswith("db"))
                if left: problems.append(f"left in {top}: {left}")
                for domain in self.live.domains:
                    words = differences(picture(top, domain), trees[domain])
                    if words: problems.append(f"{top} after write-back: {words[:6]}"); lost += 1
            problem = self.mount.unmount(60)
            if problem: problems.append(problem)
            if self.mount.is_mounted(): problems.append("still mounted")
        except Exception as error:
            problems.append(f"{type(error).__name__}: {error}")
        if problems:
            self.mount.kill_all()
            self.mount.clear()
            self.disks.abandon()
        self.disks.detach()
        return trees, problems, lost

    def again(self, trees, place, first, record, chance, count):
        """The power fails `count` times while the recovery of `record`, which began on the images in `first` as a cut before entry
        `place` had left them, was under way."""
        log = Log(record)
        states = CrashStates(log, first, os.path.join(self.live.folder, "durable-second"), self.disks.grain)
        done = []
        for cut, _ in choose_cuts(log, count, chance):
            how = states.rebuild(cut, self.disks.images, chance)

            def judge(shown):
                wrong = [word for domain in trees for word in differences(shown[domain], trees[domain])[:6]]
                return wrong + self.live.database.judge(self.mount.point, place)
            done.append((f"second {how}", *self.recover(judge)[1:]))
        states.close()
        os.rmdir(states.folder)
        return done


def tell(scenario, where, problems, lost, history):
    """Counts one power cut and what was found after it."""
    scenario.power_cuts += 1
    if not problems: scenario.verified += history.shown
    for problem in problems: scenario.violated(f"{where}: {problem}")
    scenario.lost += lost
    if lost: scenario.is_caught = scenario.canary is not None


def cut_all(live, history, count, chance, figures):
    scenario, log = live.scenario, Log(live.record)
    states = CrashStates(log, live.base, os.path.join(live.folder, "durable"), live.disks.grain)
    cut = Cut(live)
    second = os.path.join(live.folder, "first")
    os.mkdir(second)
    before = len(scenario.violations)
    for number, (place, moment) in enumerate(choose_cuts(log, count, chance)):
        seed = chance.randrange(1 << 30)
        how = states.rebuild(place, cut.disks.images, random.Random(seed))
        is_twice = number % 10 == 9
        record = os.path.join(live.folder, "second") if is_twice else None
        if is_twice:
            for name in Disks.NAMES: shutil.copy2(cut.disks.image(name), os.path.join(second, name))
        trees, problems, lost = cut.recover(
            lambda trees: history.judge(trees, place, moment) + live.database.judge(cut.mount.point, place), record)
        figures["cuts"] += 1
        tell(scenario, f"{live.durability} {live.disks.kind} {how} seed {seed}", problems, lost, history)
        if is_twice and not problems:
            for words, problems, lost in cut.again(trees, place, second, record, chance, 3):
                figures["second"] += 1
                tell(scenario, f"{live.durability} {live.disks.kind} {how} seed {seed}, {words}", problems, lost, history)
        if problems and not live.given.canary: keep(live.scenario, live.folder, log, place, seed, live.disks.grain)
        if scenario.is_caught or len(scenario.violations) - before >= (100 if live.given.canary else 10): break
    states.close()


def main():
    parser = arguments(argparse.ArgumentParser())
    parser.add_argument("--cuts", type=int, default=1000, help="in all")
    parser.add_argument("--durability", default="always,batch=100,os"); parser.add_argument("--filesystem", default="ext4")
    parser.add_argument("--seconds", type=float, default=8); parser.add_argument("--sessions", type=int, default=4)
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--margin", type=float, default=1.0, help="seconds that batch=MS may lose more, for a machine under load")
    parser.add_argument("--options", default=OPTIONS)
    parser.add_argument("--canary", choices=CANARIES)
    given = parser.parse_args()
    scenario = Scenario("powercut", given)
    figures = {"cuts": 0, "second": 0, "acknowledged": 0, "syncs": 0, "commits": 0, "entries": 0}
    losses = []
    with scenario:
        memory = os.path.join(scenario.base, "memory")
        os.mkdir(memory)
        must("mount", "-t", "tmpfs", "powercut", memory)
        scenario.undo.append(lambda: run("umount", "-l", memory))
        rounds = [(kind, durability) for kind in given.filesystem.split(",") for durability in given.durability.split(",")]
        for number, (kind, durability) in enumerate(rounds):
            promised = durability if durability == "always" else float(durability[6:]) if durability.startswith("batch=") else None
            folder = os.path.join(memory, str(number))
            os.mkdir(folder)
            live = Live(scenario, folder, kind, durability, given)
            history = live.go(promised)
            figures["acknowledged"] += history.acknowledged(); figures["syncs"] += len(history.syncs)
            figures["commits"] += len(live.database.commits)
            figures["entries"] += os.path.getsize(live.record) // 32
            cut_all(live, history, given.cuts // len(rounds), scenario.chance, figures)
            losses.append(f"{kind} {durability} lost at most {history.longest_loss * 1000:.0f} ms")
            if scenario.is_caught: break
            if not scenario.violations: shutil.rmtree(folder)
    scenario.acknowledged = figures["acknowledged"] + figures["commits"]
    scenario.finish(f"{figures['cuts']} cuts and {figures['second']} second ones in {figures['entries']} writes and flushes, "
                    f"{figures['acknowledged']} changes, {figures['syncs']} syncs and {figures['commits']} transactions acknowledged, "
                    f"{', '.join(losses)}")
    return scenario.exit_status


if __name__ == "__main__":
    with_own_mounts()
    sys.exit(main())
