#!/usr/bin/env python3
"""Runs the torture scenarios one after another and prints a table of what they did and found.

Each is a script of its own that ends with one line of JSON (`Scenario.finish` in torture.py says what the columns mean). One that fails
does not stop the others; the exit status is 0 only if every row says `ok`, or `caught` where a bug was planted on purpose.

Usage: all.py EBBFS [--apps] [--only NAME,...] [--quick] [--seed S] [--limit SECONDS]

--apps   sqlite, git, PostgreSQL, Redis, etcd and RocksDB instead
--only   rows whose names begin with one of these
--quick  a few minutes for everything: to try the scenarios themselves, it proves little
"""
import argparse, json, os, signal, subprocess, sys, tempfile, time
from collections import namedtuple

# `quick` takes the place of `words` with --quick.
Row = namedtuple("Row", "name script words quick")
ROWS = [
    Row("untar", "untar_kill", "--during all", "--during all --kills 4 --files 1500"),
    Row("storm", "storm", "--operations 200000", "--operations 8000"),
    Row("held", "held", "", "--kills 3"),
    Row("faults-journal", "faults", "--only journal", "--only journal --sample 4"),
    Row("faults-backing", "faults", "--only backing", "--only backing --sample 4"),
    Row("faults-disks", "faults", "--only full,gone,readonly", "--only full,gone,readonly"),
    Row("partial", "partial", "", "--rounds 2"),
    Row("slow", "slow", "", "--files 100 --runs 1 --direct-files 20 --least 20"),
    Row("overload", "overload", "", "--seconds 20"),
    Row("soak", "soak", "", "--seconds 15"),
    Row("powercut", "powercut", "--cuts 1000 --filesystem ext4,xfs", "--cuts 24 --seconds 3"),
    *(Row(f"canary-{bug}", "powercut", f"--cuts 300 --canary {bug}", f"--cuts 150 --seconds 4 --canary {bug}")
      for bug in ("journal", "journal-tenth", "backing")),
    *(Row(f"canary-{bug}", "soak", f"--seconds 10 --canary {bug}", f"--seconds 5 --canary {bug}")
      for bug in ("unlinked", "nameless", "names")),
]
APPS = [
    Row("databases", "databases", "", "--kills 3"),
    Row("servers", "servers", "", "--kills 2"),
    *(Row(f"powercut-{client}", "powercut_apps", f"--only {client}", f"--only {client} --cuts 4 --seconds 3")
      for client in ("repository", "postgres", "redis", "etcd", "rocksdb")),
    *(Row(f"canary-{client}", "powercut_apps", *[f"--only {client} --durability always --cuts 300 --canary {bug}"] * 2)
      for client, bug in (("repository", "journal"), ("redis", "journal-tenth"))),
]
COLUMNS = ("scenario", "crashes", "acknowledged", "verified", "lost", "violations", "seconds", "outcome")
FIGURES = COLUMNS[1:6]


def run(row, given, folder):
    """Runs one scenario; answers its figures."""
    path = os.path.join(folder, row.name)
    here = os.path.dirname(os.path.abspath(__file__))
    words = [sys.executable, os.path.join(here, row.script + ".py"), given.binary, "--figures", path,
             *(row.quick if given.quick else row.words).split()]
    if given.seed is not None: words += ["--seed", str(given.seed)]
    print(f"== {row.name}: {' '.join([row.script + '.py', *words[5:]])}", flush=True)
    begun = time.monotonic()
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL)
    try: status = process.wait(given.limit)
    except subprocess.TimeoutExpired:
        end(process)
        status = "took too long"
    except KeyboardInterrupt:
        end(process)
        raise
    try:
        with open(path) as file: figures = json.load(file)
    except (OSError, ValueError): figures = {}
    found = {"scenario": row.name, "seconds": time.monotonic() - begun, "outcome": "no figures", **figures}
    # The script has the last word: it may have died after it had written its figures.
    if (status == 0) != (found["outcome"] in ("ok", "caught")): found["outcome"] = f"FAILED ({status})"
    return found


def end(process):
    """SIGTERM lets a scenario clean up after itself."""
    process.send_signal(signal.SIGTERM)
    try: process.wait(60)
    except subprocess.TimeoutExpired: process.kill(); process.wait()


def table(rows):
    cells = [COLUMNS]
    for row in rows:
        cells.append((row["scenario"], *(f"{row[name]:,}" if name in row else "-" for name in FIGURES), f"{row['seconds']:.0f}", row["outcome"]))
    proofs = [row for row in rows if "lost" in row and row["outcome"] not in ("caught", "NOT CAUGHT")]   # what a canary finds was planted
    if len(proofs) > 1:
        cells.append(("without canaries", *(f"{sum(row[name] for row in proofs):,}" for name in FIGURES),
                      f"{sum(row['seconds'] for row in proofs):.0f}", ""))
    widths = [max(len(line[i]) for line in cells) for i in range(len(COLUMNS))]
    ends = (0, len(COLUMNS) - 1)   # words; figures stand to the right
    return "\n".join("  ".join(cell.ljust(width) if i in ends else cell.rjust(width) for i, (cell, width) in enumerate(zip(line, widths))).rstrip()
                     for line in cells)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", help="path of ebbfs")
    parser.add_argument("--apps", action="store_true"); parser.add_argument("--only")
    parser.add_argument("--quick", action="store_true"); parser.add_argument("--seed", type=int)
    parser.add_argument("--limit", type=float, default=7200, help="seconds after which a scenario is ended")
    given = parser.parse_args()
    rows = [row for row in (APPS if given.apps else ROWS) if given.only is None or row.name.startswith(tuple(given.only.split(",")))]
    if not rows: parser.error(f"no row begins with {given.only}")
    found, is_cut_short = [], False
    with tempfile.TemporaryDirectory(prefix="ebbfs-figures-") as folder:
        for row in rows:
            try: found.append(run(row, given, folder))
            except KeyboardInterrupt:
                is_cut_short = True
                break
    print("\n" + table(found), flush=True)
    failed = [row["scenario"] for row in found if row["outcome"] not in ("ok", "caught")]
    if failed: print(f"\nFAILED: {', '.join(failed)}")
    if is_cut_short: print(f"\ncut short after {len(found)} of {len(rows)} scenarios")
    return 130 if is_cut_short else 1 if failed else 0


if __name__ == "__main__": sys.exit(main())
