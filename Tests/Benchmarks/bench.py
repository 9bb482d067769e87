#!/usr/bin/env python3
"""Measures ebbfs beside what users would take instead. See `--help` and README.md of this folder."""
import argparse, dataclasses, os, platform, shutil, sys, tempfile, time
import chart, figures, floors, goals, isolation, processors, table, workloads_apps, workloads_fast, workloads_slow
from cells import Cell, run_apart
from disks import GIGABYTE, Disk
from inputs import Inputs
from peers import COLUMNS, Place
from programs import compile_all
from remote import Remote
from results import Results
from rows import QUICK, Sizes

# Much like their sisters, or slow where nobody would take them.
NOT_QUICK = {("slow", "ebbfs-device"), ("slow", "sshfs-caches"), ("slow", "rclone-full"), ("fast", "rclone-full"), ("fast", "rclone-writes")}
LONG = 120   # seconds: a cell that took longer is not repeated


def all_groups(sizes):
    yield from workloads_slow.groups()
    yield from workloads_fast.groups()
    yield from workloads_apps.groups()
    yield from figures.groups(sizes)


class Bench:
    def __init__(self, given, sizes, groups, columns):
        self.given, self.sizes, self.groups, self.columns = given, sizes, groups, columns
        self.folder = tempfile.mkdtemp(prefix="ebbfs-bench-", dir=given.directory)
        self.output = given.output
        self.log = open(given.log, "w")
        rows = [row for group in groups for row in group.rows]
        about = {"ebbfs": given.binary, "kernel": platform.release(), "processors": os.cpu_count(),
                 "begun": time.strftime("%F %T"), "quick": given.quick, "repeats": given.repeats,
                 "sizes": dataclasses.asdict(self.sizes)}
        self.results = Results(rows, [column.name for column in columns], about)

    def prepare(self):
        """A copy of the binary: a build during the run changes nothing."""
        os.chmod(self.folder, 0o755)
        os.environ["HOME"] = self.folder   # nobody's configuration of git, rclone or shells
        self.binary = os.path.join(self.folder, "ebbfs")
        shutil.copy2(self.given.binary, self.binary)
        os.makedirs(os.path.join(self.folder, "programs"))
        self.programs = compile_all(os.path.join(self.folder, "programs"))
        self.inputs = Inputs(os.path.join(self.folder, "inputs"), self.sizes)
        os.makedirs(self.inputs.folder)
        self.local = Disk(self.folder, "local", (2 if self.given.quick else 12) * GIGABYTE)
        self.server = Disk(self.folder, "server", (2 if self.given.quick else 8) * GIGABYTE)
        for disk in (self.local, self.server): disk.prepare()

    def apart(self, work, limit):
        """Runs `work(report)` with fresh disks in a process of its own; leaves nothing mounted and nobody running."""
        for disk in (self.local, self.server): disk.mount()
        os.makedirs(os.path.join(self.local.point, "files"))
        try: return run_apart(work, limit, self.log)
        finally: self.clean()

    def clean(self):
        isolation.kill_processes()
        isolation.unmount_below(self.folder)
        for disk in (self.local, self.server):
            end = time.monotonic() + 5
            while not disk.is_free() and time.monotonic() < end: time.sleep(0.05)
            if not disk.is_free(): disk.replace()

    def measure_floors(self):
        def work(report):
            found = floors.measure(self.folder, self.programs, self.local.point, self.sizes.floor_seconds)
            report({"row": "floors", "figures": found})
        found, word = self.apart(work, 60)
        if word: print(f"floors: {word}", flush=True)
        self.results.add_floors(found.get("floors", {}))

    def place(self, group):
        """In the child: a far server is started there."""
        point, files = os.path.join(self.folder, "mount"), os.path.join(self.local.point, "files")
        os.makedirs(point, exist_ok=True)
        near, remote = self.server.point, None
        if group.kind == "slow":
            remote = Remote(os.path.join(self.local.point, "sshd"), self.programs, self.given.rtt or group.milliseconds)
            remote.start()
            near = os.path.join(self.folder, "near")
            os.makedirs(near, exist_ok=True)
        return Place(point, self.server.point, near, self.local.point, files, remote, self.programs, self.binary, group.user,
                     group.options)

    def cell(self, group, column):
        def work(report):
            place = self.place(group)
            if group.prepare: group.prepare(place, self.sizes, self.inputs)
            column.mount(place)
            group.work(Cell(column, place, self.sizes, self.inputs, report))
        print(f"== {group.name} {column.name}", file=self.log, flush=True)
        limit = self.given.limit or group.limit[1 if self.given.quick else 0]
        begun = time.monotonic()
        (found, word), stolen = processors.calmest(lambda: self.apart(work, limit), self.given.calm)
        for row in group.rows:
            if row.name in found: self.results.add(row.name, column.name, {**found[row.name], "stolen": stolen})
            else: self.results.add(row.name, column.name, {}, word)
        took = time.monotonic() - begun
        figures = ", ".join(f"{name} {figure['returned']:.4g}" + (f" / {figure['landed']:.4g}" if "landed" in figure else "")
                            for name, figure in found.items())
        print(f"  {column.name:15} {took:6.1f} s  {figures} {word or ''}  (others took {stolen:.0%})", flush=True)
        return took

    def run_group(self, group):
        """Round by round, so that the noise of the machine meets all columns alike."""
        chosen = [column for column in self.columns
                  if group.kind in column.kinds and (not group.columns or column.name in group.columns)
                  and (self.given.columns or not self.given.quick or (group.kind, column.name) not in NOT_QUICK)]
        tired = set()
        for number in range(self.given.repeats):
            print(f"{group.name} {number + 1}/{self.given.repeats}", flush=True)
            for column in chosen:
                if column.name in tired: continue
                if self.cell(group, column) > LONG: tired.add(column.name)

    def run(self):
        self.prepare()
        self.measure_floors()
        for number, group in enumerate(self.groups):
            if number % 10 == 9: self.measure_floors()
            self.run_group(group)
            self.results.write(self.output + ".json", [])

    def finish(self):
        reached = goals.outcomes(self.results, self.sizes)
        self.results.write(self.output + ".json", reached)
        print("\n" + table.report(self.results, self.sizes, reached, table.layout), flush=True)
        with open(self.output + ".md", "w") as file:
            file.write(table.report(self.results, self.sizes, reached, lambda lines, _: table.markdown(lines)) + "\n")
        chart.draw(self.results, self.output)


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", help="path of ebbfs")
    parser.add_argument("--quick", action="store_true", help="all rows, small")
    parser.add_argument("--only", help="rows that begin with one of these, with commas between")
    parser.add_argument("--columns", help="columns, with commas between")
    parser.add_argument("--repeats", type=int, help="rounds (default: 3, with --quick 1)")
    parser.add_argument("--calm", type=int, default=0,
                        help="how often a cell is run again while others take more than a twentieth of the processors' time: the "
                             "calmest run counts (default: 0)")
    parser.add_argument("--rtt", type=float, help="milliseconds of a round trip to the far server, for all its rows")
    parser.add_argument("--limit", type=float, help="seconds after which a cell is killed, instead of each row's own")
    parser.add_argument("--output", default="bench", help="name of the results without .json, .svg, .png (default: bench)")
    parser.add_argument("--log", help="what cells say (default: OUTPUT.log)")
    parser.add_argument("--directory", default="/tmp", help="where the disks' images are, on a local disk")
    parser.add_argument("--list", action="store_true", help="names of the rows and columns")
    given = parser.parse_args()
    given.repeats = given.repeats or (1 if given.quick else 3)
    given.output = os.path.abspath(given.output)
    given.log = given.log or given.output + ".log"
    return parser, given


def chosen_groups(only, sizes):
    return [group for group in all_groups(sizes)
            if only is None or any(row.name.startswith(tuple(only.split(","))) for row in group.rows)]


def main():
    parser, given = parse()
    sizes = QUICK if given.quick else Sizes()
    groups = chosen_groups(given.only, sizes)
    if given.list:
        print("columns:", ", ".join(column.name for column in COLUMNS), "\n")
        print("\n".join(f"{row.name:22} {row.title}" for group in groups for row in group.rows))
        return 0
    if not groups: parser.error(f"no row begins with {given.only}")
    names = given.columns.split(",") if given.columns else [column.name for column in COLUMNS]
    columns = [column for column in COLUMNS if column.name in names]
    if len(columns) != len(names): parser.error(f"columns are {', '.join(column.name for column in COLUMNS)}")
    if os.geteuid() != 0: parser.error("only root may mount disks")
    isolation.enter()
    bench = Bench(given, sizes, groups, columns)
    try:
        with isolation.rings_of_the_kernel(): bench.run()
        return 0
    except KeyboardInterrupt:
        print("\ncut short", flush=True)
        return 130
    finally:
        bench.finish()
        bench.clean()
        shutil.rmtree(bench.folder, ignore_errors=True)


if __name__ == "__main__": sys.exit(main())
