"""PostgreSQL as a client: a table of numbers, pgbench beside it, pg_amcheck and pg_checksums to check."""
import glob, os, pwd, signal, subprocess
from client import Client
from torture import run, wait_until


# What a server that is killed leaves in shared memory goes with its namespace. A namespace of mounts would do the same for /dev/shm, but
# it would hold every mount that there is just then, and nobody could really unmount it.
ALONE = ["unshare", "--ipc"]


class Postgres(Client):
    name = "postgres"

    def __init__(self, folder, outside):
        super().__init__(folder, outside)
        self.programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        self.user = pwd.getpwnam("postgres")
        self.sockets = os.path.join(outside, "sockets")

    def create(self):
        for path in (self.folder, self.sockets):
            os.makedirs(path)
            os.chown(path, self.user.pw_uid, self.user.pw_gid); os.chmod(path, 0o700)
        done = self.run("initdb", "-k", "-A", "trust", "-U", "postgres", "-D", self.folder)
        if done.returncode: raise RuntimeError(f"initdb: {done.stderr}")
        self.start()
        self.sql("CREATE TABLE numbers (n int PRIMARY KEY, text text)")
        self.sql("CREATE EXTENSION amcheck")
        done = self.run("pgbench", "-i", "-q", "-h", self.sockets, "postgres")
        if done.returncode: raise RuntimeError(f"pgbench -i: {done.stderr}")
        self.end(signal.SIGINT)

    def words(self, program, *rest):
        return ["setpriv", f"--reuid={self.user.pw_uid}", f"--regid={self.user.pw_gid}", "--clear-groups",
                os.path.join(self.programs, program), *rest]

    def run(self, program, *rest, **more):
        return run(*self.words(program, *rest), cwd="/", **more)

    def start(self):
        self.launch(ALONE + self.words("postgres", "-D", self.folder, "-k", self.sockets, "-c", "listen_addresses=",
                                       "-c", "dynamic_shared_memory_type=sysv"), cwd="/")
        ready = lambda: self.run("pg_isready", "-q", "-h", self.sockets).returncode == 0 or self.process.poll() is not None
        if not wait_until(ready, 120, 0.1) or self.process.poll() is not None: raise RuntimeError("postgres does not start")

    def sql(self, text):
        done = self.run("psql", "-X", "-q", "-A", "-t", "-h", self.sockets, "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-c", text)
        if done.returncode: raise RuntimeError(f"psql: {done.stderr.strip()}")
        return done.stdout

    def session(self, stop):
        bench = subprocess.Popen(self.words("pgbench", "-n", "-c", "2", "-T", "60", "-h", self.sockets, "-U", "postgres", "postgres"),
                                 cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        client = subprocess.Popen(self.words("psql", "-X", "-q", "-h", self.sockets, "-U", "postgres", "-v", "ON_ERROR_STOP=1"), cwd="/",
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            while not stop.is_set():
                n = self.begin()
                client.stdin.write(f"INSERT INTO numbers VALUES ({n}, repeat('{n} ', {n % 300}));\n\\echo {n}\n"); client.stdin.flush()
                if client.stdout.readline().strip() != str(n): break
                self.acknowledge(n)
        except OSError: pass
        finally:
            for process in (bench, client): process.kill(); process.wait()

    def verify(self):
        wrong = self.judge([int(line) for line in self.sql("SELECT n FROM numbers ORDER BY n").split()])
        if self.sql("SELECT count(*) FROM numbers WHERE text <> repeat(n || ' ', n % 300)").strip() != "0":
            wrong.append("postgres: a row holds other text")
        sums = self.sql("SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers), "
                        "(SELECT sum(bbalance) FROM pgbench_branches), (SELECT coalesce(sum(delta), 0) FROM pgbench_history)").strip()
        if len(set(sums.split("|"))) != 1: wrong.append(f"postgres: pgbench's sums are {sums}")
        done = self.run("pg_amcheck", "--heapallindexed", "-h", self.sockets, "-U", "postgres", "postgres")
        if done.returncode or done.stdout: wrong.append(f"pg_amcheck: {done.stdout[-300:]} {done.stderr[-300:]}")
        return wrong

    def check_files(self, folder):
        done = self.run("pg_checksums", "--check", "-D", folder)
        return [f"pg_checksums: {done.stdout[-300:]} {done.stderr[-300:]}"] if done.returncode else []
