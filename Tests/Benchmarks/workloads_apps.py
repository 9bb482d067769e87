"""Rows of programs that people run: git, SQLite, PostgreSQL; on a local disk."""
import glob, os, sqlite3, tempfile, time
from rows import PER_SECOND, Group, Row


def clone(cell):
    source = cell.inputs.repository()
    cell.timed("git-clone", lambda: cell.run("git", "clone", "-q", "--no-hardlinks", source, cell.path("clone")))


def insert(cell, mode):
    """Each insert is a transaction of its own, synced."""
    database = sqlite3.connect(cell.path("data.sqlite"), isolation_level=None)
    database.execute(f"PRAGMA journal_mode={'WAL' if mode == 'wal' else 'DELETE'}")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, text TEXT)")
    begun = time.monotonic()
    for number in range(cell.sizes.inserts): database.execute("INSERT INTO rows (text) VALUES (?)", ("x" * 100 + str(number),))
    took = time.monotonic() - begun
    count, = database.execute("SELECT count(*) FROM rows").fetchone()
    assert count == cell.sizes.inserts
    database.close()
    cell.record(f"sqlite-{mode}", cell.sizes.inserts / took)


USER = "postgres"


def open_to_user(place, *_):
    """PostgreSQL does not run as root, and its user must get through to the mount."""
    os.chmod(place.server, 0o777)


def postgres(cell):
    """A cluster of its own in the mount. Its socket is beside it, on no mount. With fewer branches than clients, pgbench says, these
    would wait for each other's rows and for nothing else."""
    programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
    sockets = tempfile.mkdtemp(prefix="postgres-", dir="/run")
    os.chmod(sockets, 0o777)

    def as_user(program, *words):
        return cell.run("setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups", os.path.join(programs, program), *words,
                        cwd=sockets, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": sockets})
    data = cell.path("cluster")
    as_user("initdb", "-D", data, "--auth=trust", "--no-sync")
    options = f"-c listen_addresses='' -c unix_socket_directories={sockets} -c fsync=on"
    as_user("pg_ctl", "-D", data, "-w", "-t", "60", "-l", os.path.join(sockets, "log"), "-o", options, "start")
    as_user("pgbench", "-h", sockets, "-i", "-q", "-s", 5, "postgres")
    as_user("psql", "-h", sockets, "-q", "-c", "CHECKPOINT", "postgres")
    cell.settle()
    said = as_user("pgbench", "-h", sockets, "-n", "-c", "4", "-j", "2", "-T", int(cell.sizes.bench_seconds), "postgres")
    line = next(line for line in said.splitlines() if line.startswith("tps"))
    cell.record("pgbench", float(line.split()[2]))


def groups():
    yield Group("git-clone", [Row("git-clone", "git clone")], clone, limit=(300, 60))
    for mode, words in (("wal", "WAL"), ("rollback", "rollback journal")):
        row = Row(f"sqlite-{mode}", f"sqlite3 inserts, {words}", PER_SECOND, "commits_1", is_synced=True)
        yield Group(row.name, [row], lambda cell, mode=mode: insert(cell, mode), limit=(300, 60))
    row = Row("pgbench", "pgbench -c 4", PER_SECOND, "commits_4", is_synced=True)
    yield Group(row.name, [row], postgres, prepare=open_to_user, user=USER,
                columns=("ebbfs", "native", "passthrough", "passthrough-wb", "bindfs", "mergerfs"), limit=(400, 90))
