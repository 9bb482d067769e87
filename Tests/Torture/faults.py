#!/usr/bin/env python3
"""Disks that fail under a running daemon: system calls that fail (strace injects the errno), and whole disks.

journal    each call on the journal fails with EIO, ENOSPC, ESTALE, EDQUOT:
           its writes and syncs: nothing above is acknowledged, changes stop with EROFS, EIO or ENOSPC for good, reads go on, `status` says so;
           preparing, recycling and removing segments: changes wait or are refused, which `status` says, and go on otherwise;
           reading it: an error or the right bytes;
           a mount that recovers: it fails, or goes on; the next one has everything, and `journal check` finds it clean in between
backing    each call on the backing directory fails with these and EACCES, a few times or for a while:
           calls that write back: no operation on the mount notices, `status` shows the last error, everything is written back in the end;
           calls that read what is cold: an error or what is there, and no name less in a listing that succeeded
full       the backing disk is full: nothing acknowledged is lost, written back once there is room; the state disk is full: changes wait or
           are refused and go on once there is room, a mount on it succeeds or leaves the journal as it was
gone       the backing directory is unmounted underneath, or another one put in its place: nothing is written to what took its place
readonly   the backing disk is remounted read-only and writable again later; the filesystem of the backing directory, or of the journal, gives up
           (ext4 aborts), is checked and mounted anew

In every case the mount is compared with a shadow while the fault lasts, after a kill -9 where one fits, and at the end, and then the
backing directory. Not covered: faults of close(2), which says nothing; several faults at once; a disk that answers wrong bytes.

Usage: faults.py EBBFS [--only journal,backing,full,gone,readonly] [--all] [--sample N] [--case WORD,...] [--seed S]

--all      backing calls at each of three moments; otherwise each with each errno at one of them, by chance
--sample   only so many of the cases of system calls
--case     only cases in whose function or words this is
"""
import argparse, os, sys, time
import faults_backing, faults_disks, faults_journal
from torture import Scenario, arguments, with_own_mounts


def main():
    parser = arguments(argparse.ArgumentParser())
    parser.add_argument("--only", default="journal,backing,full,gone,readonly")
    parser.add_argument("--all", action="store_true"); parser.add_argument("--sample", type=int); parser.add_argument("--case")
    given = parser.parse_args()
    scenario = Scenario("faults", given)
    with scenario:
        calls, disks, wanted = [], [], given.only.split(",")
        if "journal" in wanted: calls += faults_journal.cases()
        if "backing" in wanted: calls += faults_backing.cases(scenario.chance, given.all)
        for name in wanted: disks += faults_disks.CASES.get(name, [])
        if given.sample is not None: calls = scenario.chance.sample(calls, min(given.sample, len(calls)))
        todo = [case for case in calls + disks
                if given.case is None or all(word in [case[0].__name__, *case[1:]] for word in given.case.split(","))]
        for function, *words in todo:
            begun = time.monotonic()
            before = len(scenario.violations)
            figures = None
            try: figures = function(scenario, *words)
            except Exception as error:
                import traceback
                scenario.violated(f"{function.__name__} {words}: {type(error).__name__}: {error}: {traceback.format_exc(limit=-2)}")
            mount = scenario.mounts[-1]
            mount.kill_all(); mount.clear()
            if os.environ.get("VERBOSE"):
                print(f"{function.__name__} {' '.join(words)}: {time.monotonic() - begun:.1f} s, {len(scenario.violations) - before} violations"
                      + (f", {figures}" if figures else ""), flush=True)
    scenario.finish(f"{len(todo)} cases, {scenario.acknowledged} operations acknowledged, {scenario.verified} objects compared")
    return scenario.exit_status


if __name__ == "__main__":
    with_own_mounts()
    sys.exit(main())
