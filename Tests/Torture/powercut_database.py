"""A database in powercut.py: transactions of sqlite3, whose COMMIT promises that they survive, by the program's own fsyncs."""
import os, pickle, shutil, sqlite3, tempfile, time

MODES = ("DELETE", "WAL")


class Client:
    """Writes transactions to `folder`/db, and notes of each COMMIT that had returned how many entries the record had then."""

    def __init__(self, folder, counter):
        self.path, self.counter = os.path.join(folder, "db"), counter
        self.last, self.commits = 0, []

    def go(self, until, mode):
        """Ends early when the daemon dies."""
        try:
            # One process: the index of the WAL is in its memory, not in a mapping of the mount.
            connection = sqlite3.connect(self.path, timeout=1, isolation_level=None)
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute(f"PRAGMA journal_mode={mode}")
            connection.execute("PRAGMA synchronous=FULL")
            for table in "ab": connection.execute(f"CREATE TABLE IF NOT EXISTS {table} (n INTEGER PRIMARY KEY, text TEXT)")
            self.last = connection.execute("SELECT max(n) FROM b").fetchone()[0] or 0
            while time.monotonic() < until:
                n = self.last + 1
                connection.execute("BEGIN")
                for table in "ab": connection.execute(f"INSERT INTO {table} VALUES (?, ?)", (n, text(n)))
                connection.execute("COMMIT")
                self.last = n
                self.commits.append((n, self.counter.read()))
            connection.close()
        except sqlite3.Error: pass

    def save(self, path):
        with open(path, "wb") as file: pickle.dump(self.commits, file)


def text(n): return str(n) * (n % 300)


class Judge:
    def __init__(self, path):
        with open(path, "rb") as file: self.commits = pickle.load(file)

    def judge(self, top, cut):
        """What is wrong with the database below `top` after a cut before entry `cut`. Opens a copy: opening it changes it."""
        promised = max((n for n, ended_at in self.commits if ended_at <= cut), default=0)
        with tempfile.TemporaryDirectory() as copy:
            for name in os.listdir(top):
                if name.startswith("db"): shutil.copy(os.path.join(top, name), copy)
            try:
                connection = sqlite3.connect(os.path.join(copy, "db"), isolation_level=None)
                answer = connection.execute("PRAGMA integrity_check").fetchone()[0]
                if answer != "ok": return [f"sqlite: {answer}"]
                tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]
                rows = {table: connection.execute(f"SELECT n, text FROM {table} ORDER BY n").fetchall() if table in tables else []
                        for table in "ab"}
                connection.close()
            except sqlite3.Error as error: return [f"sqlite: {error}"]
        count = len(rows["a"])
        if rows["a"] != rows["b"]: return [f"sqlite: half a transaction, {count} and {len(rows['b'])} rows"]
        if rows["a"] != [(n, text(n)) for n in range(1, count + 1)]: return [f"sqlite: wrong rows among {count}"]
        if count < promised: return [f"sqlite: {count} transactions, {promised} were committed"]
        return []
