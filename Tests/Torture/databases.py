#!/usr/bin/env python3
"""sqlite3 in both journal modes and git commits, on a mount whose daemon is killed.

A process inserts rows and records, outside the mount, each transaction whose COMMIT had returned. After every kill and remount the
database is opened again: integrity_check says ok, every recorded transaction is there whole, and no more than the one in flight besides.
Git: commits in a loop; after every kill `git fsck --full` finds nothing, each recorded commit is reachable and its tree is whole.

Usage: databases.py EBBFS [--kills N] [--pace SECONDS] [--options OPTS] [--seed S]
"""
import argparse, os, sqlite3, sys, threading, time
from client_git import Git
from torture import Scenario, arguments


class Database:
    """Each transaction writes rows of equal text in two tables, so that half of one shows."""

    def __init__(self, path, mode, ledger):
        self.path, self.mode, self.ledger = path, mode, ledger
        self.last = self.verified = 0

    def session(self, stop):
        try:
            connection = sqlite3.connect(self.path, timeout=5, isolation_level=None)
            connection.execute(f"PRAGMA journal_mode={self.mode}")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("CREATE TABLE IF NOT EXISTS a (n INTEGER PRIMARY KEY, text TEXT)")
            connection.execute("CREATE TABLE IF NOT EXISTS b (n INTEGER PRIMARY KEY, text TEXT)")
            with open(self.ledger, "a") as ledger:
                while not stop.is_set():
                    n = self.last + 1
                    connection.execute("BEGIN")
                    connection.execute("INSERT INTO a VALUES (?, ?)", (n, str(n) * (n % 700)))
                    if n % 5 == 0: connection.execute("UPDATE a SET text = text WHERE n % 7 = ?", (n % 7,))
                    connection.execute("INSERT INTO b VALUES (?, ?)", (n, str(n) * (n % 700)))
                    connection.execute("COMMIT")
                    self.last = n
                    ledger.write(f"{n}\n"); ledger.flush()
            connection.close()
        except sqlite3.Error as error: self.error = error

    def verify(self, path=None):
        """Returns the violations."""
        path = path or self.path
        if not os.path.exists(path): return [f"{path} is missing"] if self.last else []
        try:
            connection = sqlite3.connect(path, timeout=5, isolation_level=None)
            answer = connection.execute("PRAGMA integrity_check").fetchone()[0]
            if answer != "ok": return [f"{path}: integrity_check: {answer}"]
            tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]
            if "b" not in tables: return [f"{path}: tables are missing"] if self.last else []
            a = connection.execute("SELECT n, text FROM a ORDER BY n").fetchall()
            b = connection.execute("SELECT n, text FROM b ORDER BY n").fetchall()
            connection.close()
        except sqlite3.Error as error: return [f"{path}: {error}"]
        wrong = []
        if a != b: wrong.append(f"{path}: half a transaction: {len(a)} and {len(b)} rows")
        if [row[0] for row in a] != list(range(1, len(a) + 1)): wrong.append(f"{path}: rows are missing between others")
        if not self.last <= len(a) <= self.last + 1: wrong.append(f"{path}: {len(a)} transactions, {self.last} were acknowledged")
        if any(text != str(n) * (n % 700) for n, text in a): wrong.append(f"{path}: a row holds other text")
        self.last = len(a)
        if not wrong: self.verified += len(a)
        return wrong


def main():
    parser = arguments(argparse.ArgumentParser())
    parser.add_argument("--kills", type=int, default=10); parser.add_argument("--pace", type=float, default=3.0)
    parser.add_argument("--options", default="writeback_delay=300ms,writeback_deadline=1s")
    given = parser.parse_args()
    scenario = Scenario("databases", given)
    exact = 0
    works = []
    with scenario:
        chance = scenario.chance
        mount = scenario.mount(given.options)
        mount.mount()
        wal = Database(os.path.join(mount.point, "wal.db"), "WAL", os.path.join(scenario.base, "wal.ledger"))
        rollback = Database(os.path.join(mount.point, "rollback.db"), "DELETE", os.path.join(scenario.base, "rollback.ledger"))
        truncate = Database(os.path.join(mount.point, "truncate.db"), "TRUNCATE", os.path.join(scenario.base, "truncate.ledger"))
        repository = Git(os.path.join(mount.point, "repository"), scenario.base, fsync="none")
        repository.create()
        works = [wal, rollback, truncate, repository]
        while mount.kills < given.kills and not scenario.violations:
            stop = threading.Event()
            threads = [threading.Thread(target=work.session, args=(stop,)) for work in works]
            for thread in threads: thread.start()
            time.sleep(chance.uniform(0.3, given.pace))
            exact += mount.attach_killer(chance)
            mount.kill()
            stop.set()
            for thread in threads: thread.join(60)
            exact += mount.remount(scenario)
            for work in works:
                for text in work.verify(): scenario.violated(f"after kill {mount.kills}: {text}", lost=1)
        if not scenario.violations:
            problem = mount.flush()
            if problem: scenario.violated(problem)
            for work in works[:3]:
                for text in work.verify(os.path.join(mount.backing, os.path.basename(work.path))): scenario.violated("backing: " + text, lost=1)
            for text in repository.check_files(os.path.join(mount.backing, repository.name)): scenario.violated("backing: " + text, lost=1)
            problem = mount.unmount()
            if problem: scenario.violated(problem)
    acknowledged = ", ".join(str(work.last) for work in works[:3]) if works else "0"
    scenario.acknowledged = sum(work.last for work in works)
    scenario.verified = sum(work.verified for work in works)
    scenario.finish(f"transactions in WAL, DELETE, TRUNCATE mode: {acknowledged}, {works[3].last if works else 0} git commits, "
                    f"{exact} kills at an exact call, {scenario.mount_times()}")
    return scenario.exit_status


if __name__ == "__main__": sys.exit(main())
