#!/usr/bin/env python3
"""Power cuts under git, PostgreSQL, Redis, etcd and RocksDB.

Each client stores numbers in a directory of its own on a mount whose state directory and backing directory are on recorded disks, as in
powercut.py. It notes of each number how many entries the record had before it was asked for and after it was acknowledged: the commit
returned, the server answered. Its first and last session end with kill -9 of the daemon and of the server, the second one with a clean
unmount; after each the server starts again, recovers and is checked.

Then the power fails at many places of the record, often right at an acknowledgement, on both disks at one moment (powercut_disks.py says
what is left of them). The
filesystems are mounted, `ebbfs journal check` must find no corruption, ebbfs is mounted, the server starts on the mount and recovers by
its own means, and every number that was acknowledged before the cut must be there, whole, and none that had not been asked for. The
client's own checker must find its data sound, on the mount, and after `ebbfs flush` and unmount in the backing directory. What a client
calls acknowledged it has synced itself: so this holds for every durability.

--canary plants a bug in the daemon of the first part, see powercut.py; the run succeeds if acknowledged numbers are found missing.

Usage: powercut_apps.py EBBFS [--only repository,postgres,redis,etcd,rocksdb] [--cuts N] [--durability always,batch=100] [--seconds N]
                              [--filesystem ext4|xfs] [--options OPTS] [--canary journal|journal-tenth|backing] [--seed S]
"""
import argparse, os, random, shutil, signal, sys, threading, time
from torture import Scenario, arguments, run, with_own_mounts
from client_git import Git
from recorder import Counter, Log
from powercut_disks import CANARIES, CrashStates, Disks, choose_cuts, copy_sparse, keep, must, plant
from servers import KINDS as SERVERS

KINDS = {Git.name: Git} | SERVERS
ENDS = ("kill", "unmount", "kill")   # how the sessions end
OPTIONS = "journal_size=64M,writeback_delay=100ms,writeback_deadline=1s"
MEGABYTES = 1024   # of each disk; little of that is in memory


class Place:
    """Two disks and a mount on them, below `folder`."""

    def __init__(self, scenario, folder, images, durability):
        self.disks = Disks(folder, scenario.given.filesystem, images, MEGABYTES)
        scenario.undo.append(self.disks.abandon)
        self.mount = scenario.mount(f"{scenario.given.options},durability={durability}", base=folder,
                                    backing=os.path.join(self.disks.at("backing"), "b"), state=os.path.join(self.disks.at("state"), "s"))


class Round:
    """One client under one durability: its life on recorded disks, and the power cuts in it."""

    def __init__(self, scenario, folder, kind, durability):
        self.scenario, self.folder, self.durability = scenario, folder, durability
        self.base, self.record = os.path.join(folder, "base"), os.path.join(folder, "record")
        self.live, self.cut = (Place(scenario, folder, images, durability) for images in ("images", "cut"))
        more = {"is_synced": durability != "always"} if kind is Git else {}
        outside = os.path.join(scenario.base, os.path.basename(folder))   # its log is kept with the images of a cut
        os.mkdir(outside)
        self.client = kind(os.path.join(self.live.mount.backing, kind.name), outside, **more)
        scenario.undo.append(self.client.end)

    def prepare(self):
        """The client makes its directory, without ebbfs."""
        disks = self.live.disks
        disks.make()
        disks.attach()
        os.mkdir(self.live.mount.backing)
        self.client.create()
        disks.detach()
        os.mkdir(self.base)
        for name in Disks.NAMES: copy_sparse(disks.image(name), os.path.join(self.base, name))

    def go(self):
        """The life of the client."""
        disks, mount, client = self.live.disks, self.live.mount, self.client
        if self.scenario.canary: plant(mount, self.scenario.canary, self.scenario.base)
        disks.attach(self.record)
        client.position = Counter(self.record).read
        client.folder = os.path.join(mount.point, client.name)
        for number, end in enumerate(ENDS):
            mount.mount()
            client.start()
            if number: self.complain(f"after session {number}", client.verify(), client.missing)
            self.session(end)
        disks.detach()

    def session(self, end):
        mount, client, stop = self.live.mount, self.client, threading.Event()
        thread = threading.Thread(target=client.session, args=(stop,), daemon=True)
        thread.start()
        time.sleep(self.scenario.given.seconds / len(ENDS))
        if end == "kill":
            mount.kill()
            client.end()
        stop.set()
        thread.join(90)
        if thread.is_alive(): raise RuntimeError(f"{client.name}'s session does not end")
        client.end(signal.SIGINT)
        if end == "kill":
            mount.clear()
            self.complain("after a kill", [mount.check()])
        else: self.complain("at the end", [mount.unmount()])

    def complain(self, where, problems, lost=0):
        """`lost` numbers: how many that were acknowledged are missing."""
        for problem in filter(None, problems): self.scenario.violated(f"{self.client.name} {self.durability} {where}: {problem}")
        self.scenario.lost += lost

    def recover(self):
        """Mounts, and lets the client recover and be checked; returns what is wrong."""
        mount, client, problems = self.cut.mount, self.client, []
        client.missing = 0
        try:
            self.cut.disks.attach()
            if os.path.exists(mount.state) and any(name.startswith("segment") for name in os.listdir(mount.state)): problems.append(mount.check())
            mount.mount(60)
            client.start()
            problems += client.verify()
            client.end(signal.SIGINT)
            problems += client.check_files(client.folder)
            problems += [mount.flush(60), mount.unmount(60)]
            problems += client.check_files(os.path.join(mount.backing, client.name))
            if mount.is_mounted(): problems.append("still mounted")
        except Exception as error:
            problems.append(f"{type(error).__name__}: {error}")
        problems = list(filter(None, problems))
        if problems:
            mount.kill_all()
            client.end()
            mount.clear()
            self.cut.disks.abandon()
        self.cut.disks.detach()
        return problems

    def places(self, log, count, chance):
        """Where the power fails, in ascending order: half of the cuts are at the moment of an acknowledgement, when nothing later
        makes up for a sync that was forgotten."""
        moments = sorted({at for _, at in self.client.acknowledged if at})
        at_once = chance.sample(moments, min(count // 2, len(moments)))
        return sorted({*at_once, *(place for place, _ in choose_cuts(log, count - len(at_once), chance))})

    def cut_all(self, count):
        scenario, chance, log = self.scenario, self.scenario.chance, Log(self.record)
        states = CrashStates(log, self.base, os.path.join(self.folder, "durable"), self.cut.disks.grain)
        for place in self.places(log, count, chance):
            seed = chance.randrange(1 << 30)
            how = states.rebuild(place, self.cut.disks.images, random.Random(seed))
            self.client.expect(place)
            problems = self.recover()
            scenario.power_cuts += 1
            self.complain(f"{how} seed {seed}", problems, self.client.missing)
            if scenario.canary and self.client.missing: scenario.is_caught = True; break
            if problems and not scenario.canary: keep(scenario, self.folder, log, place, seed, self.cut.disks.grain)
            if len(scenario.violations) >= (100 if scenario.canary else 10): break
        states.close()


def main():
    parser = arguments(argparse.ArgumentParser())
    parser.add_argument("--only", default=",".join(KINDS)); parser.add_argument("--durability", default="always,batch=100")
    parser.add_argument("--cuts", type=int, default=50, help="for each client")
    parser.add_argument("--seconds", type=float, default=6, help="of each client's life under each durability")
    parser.add_argument("--filesystem", default="ext4"); parser.add_argument("--options", default=OPTIONS)
    parser.add_argument("--canary", choices=CANARIES)
    given = parser.parse_args()
    scenario = Scenario("powercut-apps", given)
    os.chmod(scenario.base, 0o755)
    words = []
    with scenario:
        memory = os.path.join(scenario.base, "memory")
        os.mkdir(memory)
        must("mount", "-t", "tmpfs", "-o", "mode=755", "powercut", memory)
        scenario.undo.append(lambda: run("umount", "-l", memory))
        durabilities = given.durability.split(",")
        for name, durability in ((name, durability) for name in given.only.split(",") for durability in durabilities):
            folder = os.path.join(memory, f"{name}-{durability}")
            os.mkdir(folder)
            one = Round(scenario, folder, KINDS[name], durability)
            one.prepare()
            one.go()
            one.cut_all(given.cuts // len(durabilities))
            scenario.acknowledged += len(one.client.acknowledged)
            scenario.verified += one.client.verified
            words.append(f"{len(one.client.acknowledged)} of {name} {durability} in {os.path.getsize(one.record) // 32} writes and flushes")
            if scenario.is_caught: break
            if not scenario.violations: shutil.rmtree(folder)
    scenario.finish(f"{scenario.power_cuts} cuts, numbers acknowledged: {', '.join(words)}")
    return scenario.exit_status


if __name__ == "__main__":
    with_own_mounts()
    sys.exit(main())
