#!/usr/bin/env python3
"""PostgreSQL, Redis and etcd with their data on a mount whose daemon is killed.

Systems that live on write-ahead logs of their own. Each server runs with its usual durability (fsync on, appendfsync always); a client of
each records, outside the mount, every transaction that was acknowledged. The daemon is killed with kill -9 at random moments and at exact
system calls, in its recovery too; the servers, whose files are gone under them, are killed as well. After the remount each server recovers
by its own means and must start, find its data sound, and have every acknowledged transaction and at most the one in flight besides.
PostgreSQL also runs pgbench, whose four sums must agree. At the end the data in the backing directory must be sound without ebbfs.

Usage: servers.py EBBFS [--kills N] [--pace SECONDS] [--options OPTS] [--only postgres,redis,etcd] [--seed S]
"""
import argparse, base64, glob, http.client, json, os, pwd, shutil, signal, socket, subprocess, sys, threading, time
from torture import Scenario, arguments, run, wait_until


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def descendants(process):
    """Ids of the processes that a process has started, and these, and so on."""
    parents = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit(): continue
        try:
            with open(f"/proc/{entry}/stat") as file: parents[int(entry)] = int(file.read().rsplit(")", 1)[1].split()[1])
        except OSError: continue
    found = [process]
    for parent in found: found += [child for child, its in parents.items() if its == parent]
    return found[1:]


class Server:
    """Numbers 1, 2, 3 ... are stored one after another; `last` is the last one that was acknowledged."""
    process = None

    def __init__(self, folder, outside):
        self.folder, self.outside, self.last, self.verified = folder, outside, 0, 0

    def launch(self, words, **more):
        log = open(os.path.join(self.outside, f"{self.name}.log"), "ab")
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **more)

    def end(self, number=signal.SIGKILL):
        """Ends the server; none of the processes that it has started outlives it."""
        if self.process is None: return
        family = descendants(self.process.pid)
        self.process.send_signal(number)
        try: self.process.wait(60)
        except subprocess.TimeoutExpired: self.process.kill(); self.process.wait()
        for process in family:
            try: os.kill(process, signal.SIGKILL)
            except ProcessLookupError: pass
        self.process = None

    def judge(self, found):
        """The numbers found after a restart, against those acknowledged."""
        wrong = []
        if found != list(range(1, len(found) + 1)): wrong.append(f"{self.name}: numbers are missing between others")
        if not self.last <= len(found) <= self.last + 1: wrong.append(f"{self.name}: {len(found)} numbers, {self.last} were acknowledged")
        self.last = len(found)
        if not wrong: self.verified += len(found)
        return wrong


class Postgres(Server):
    name = "postgres"

    def __init__(self, folder, outside):
        super().__init__(folder, outside)
        self.programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        self.user = pwd.getpwnam("postgres")
        os.makedirs(folder); os.chown(folder, self.user.pw_uid, self.user.pw_gid); os.chmod(folder, 0o700)
        self.sockets = os.path.join(outside, "sockets")
        os.makedirs(self.sockets); os.chown(self.sockets, self.user.pw_uid, self.user.pw_gid)
        done = self.run("initdb", "-k", "-A", "trust", "-U", "postgres", "-D", folder)
        if done.returncode: raise RuntimeError(f"initdb: {done.stderr}")
        self.start()
        self.sql("CREATE TABLE numbers (n int PRIMARY KEY, text text)")
        done = self.run("pgbench", "-i", "-q", "-h", self.sockets, "postgres")
        if done.returncode: raise RuntimeError(f"pgbench -i: {done.stderr}")

    def words(self, program, *rest):
        return ["setpriv", f"--reuid={self.user.pw_uid}", f"--regid={self.user.pw_gid}", "--clear-groups",
                os.path.join(self.programs, program), *rest]

    def run(self, program, *rest, **more):
        return run(*self.words(program, *rest), cwd="/", **more)

    def start(self):
        self.launch(self.words("postgres", "-D", self.folder, "-k", self.sockets, "-c", "listen_addresses="), cwd="/")
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
                n = self.last + 1
                client.stdin.write(f"INSERT INTO numbers VALUES ({n}, repeat('{n} ', {n % 300}));\n\\echo {n}\n"); client.stdin.flush()
                if client.stdout.readline().strip() != str(n): break
                self.last = n
        except OSError: pass
        finally:
            for process in (bench, client): process.kill(); process.wait()

    def verify(self):
        self.sql("SELECT pg_catalog.pg_relation_size('numbers')")
        wrong = self.judge([int(line) for line in self.sql("SELECT n FROM numbers ORDER BY n").split()])
        if self.sql("SELECT count(*) FROM numbers WHERE text <> repeat(n || ' ', n % 300)").strip() != "0":
            wrong.append("postgres: a row holds other text")
        sums = self.sql("SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers), "
                        "(SELECT sum(bbalance) FROM pgbench_branches), (SELECT coalesce(sum(delta), 0) FROM pgbench_history)").strip()
        if len(set(sums.split("|"))) != 1: wrong.append(f"postgres: pgbench's sums are {sums}")
        return wrong

    def verify_backing(self, folder):
        done = self.run("pg_checksums", "--check", "-D", folder)
        return [f"pg_checksums: {done.stdout[-300:]} {done.stderr[-300:]}"] if done.returncode else []


class Redis(Server):
    name = "redis"

    def __init__(self, folder, outside):
        super().__init__(folder, outside)
        os.makedirs(folder)
        self.socket = os.path.join(outside, "redis.socket")
        self.start()

    def start(self):
        self.launch(["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", self.folder, "--save", "", "--daemonize", "no",
                     "--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "20",
                     "--auto-aof-rewrite-min-size", "200kb"])
        def ready():
            try: return self.ask("PING") == b"+PONG"
            except OSError: return self.process.poll() is not None
        if not wait_until(ready, 60, 0.05) or self.process.poll() is not None: raise RuntimeError("redis does not start")

    def connect(self):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(60); connection.connect(self.socket)
        return connection, connection.makefile("rb")

    def ask(self, command):
        connection, replies = self.connect()
        with connection:
            connection.sendall(command.encode() + b"\r\n")
            first = replies.readline().rstrip()
            return replies.read(int(first[1:])) if first[:1] == b"$" and first != b"$-1" else first

    def session(self, stop):
        try:
            connection, replies = self.connect()
            with connection:
                while not stop.is_set():
                    n = self.last + 1
                    connection.sendall(f"SET number:{n} {n}-{'v' * (n % 500)}\r\n".encode())
                    if replies.readline() != b"+OK\r\n": break
                    self.last = n
                    if n % 10 == 0: connection.sendall(b"INCR many\r\n"); replies.readline()
        except OSError: pass

    def verify(self):
        found, n, wrong = [], 0, []
        while True:
            value = self.ask(f"GET number:{n + 1}")
            if value == b"$-1": break
            n += 1
            found.append(n)
            if value != f"{n}-{'v' * (n % 500)}".encode(): wrong.append(f"redis: number:{n} holds {value[:40]}")
        return wrong + self.judge(found)

    def verify_backing(self, folder):
        done = run("redis-check-aof", *glob.glob(os.path.join(folder, "appendonlydir", "*.manifest")))
        return [f"redis-check-aof: {done.stdout[-300:]} {done.stderr[-300:]}"] if done.returncode else []


class Etcd(Server):
    name = "etcd"

    def __init__(self, folder, outside):
        super().__init__(folder, outside)
        self.port, self.peers = free_port(), free_port()
        self.start()

    def start(self):
        client, peer = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.peers}"
        self.launch(["etcd", "--data-dir", self.folder, "--listen-client-urls", client, "--advertise-client-urls", client,
                     "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"])
        def ready():
            try: return self.ask("range", {"key": self.text("ready")}) is not None
            except (OSError, http.client.HTTPException): return self.process.poll() is not None
        if not wait_until(ready, 90, 0.1) or self.process.poll() is not None: raise RuntimeError("etcd does not start")

    @staticmethod
    def text(words): return base64.b64encode(words.encode()).decode()

    def ask(self, what, question, connection=None):
        link = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        link.request("POST", f"/v3/kv/{what}", json.dumps(question))
        answer = link.getresponse()
        body = answer.read()
        return json.loads(body) if answer.status == 200 else None

    def session(self, stop):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            while not stop.is_set():
                n = self.last + 1
                if self.ask("put", {"key": self.text(f"number/{n:09}"), "value": self.text(f"{n}-{'v' * (n % 500)}")}, connection) is None: break
                self.last = n
        except (OSError, http.client.HTTPException): pass

    def verify(self):
        answer = self.ask("range", {"key": self.text("number/"), "range_end": self.text("number0"), "limit": "1000000"})
        if answer is None: return ["etcd: no answer"]
        pairs = [(base64.b64decode(row["key"]).decode(), base64.b64decode(row["value"]).decode()) for row in answer.get("kvs", [])]
        numbers = [int(key.split("/")[1]) for key, _ in pairs]
        wrong = [f"etcd: {key} holds {value[:40]}" for (key, value), n in zip(pairs, numbers) if value != f"{n}-{'v' * (n % 500)}"]
        return wrong + self.judge(numbers)

    def verify_backing(self, folder):
        copy = os.path.join(self.outside, "etcd-copy.db")
        shutil.copy2(os.path.join(folder, "member", "snap", "db"), copy)
        done = run("etcdctl", "snapshot", "restore", "--skip-hash-check", "--data-dir", os.path.join(self.outside, "etcd-copy"), copy,
                   env={**os.environ, "ETCDCTL_API": "3"})
        return [f"etcd's database: {done.stderr[-300:]}"] if done.returncode else []


KINDS = {kind.name: kind for kind in (Postgres, Redis, Etcd)}


def life(scenario, mount, servers, pace):
    """Lets clients work, kills the daemon and the servers, remounts. Returns how many kills were at an exact call."""
    chance = scenario.chance
    stop = threading.Event()
    threads = [threading.Thread(target=server.session, args=(stop,)) for server in servers]
    for thread in threads: thread.start()
    time.sleep(chance.uniform(0.5, pace))
    exact = mount.attach_killer(chance)
    mount.kill()
    stop.set()
    for server in servers: server.end()
    for thread in threads: thread.join(90)
    return exact + mount.remount(scenario)


def main():
    parser = arguments(argparse.ArgumentParser())
    parser.add_argument("--kills", type=int, default=10); parser.add_argument("--pace", type=float, default=5.0)
    parser.add_argument("--options", default="writeback_delay=300ms,writeback_deadline=1s")
    parser.add_argument("--only", default=",".join(KINDS))
    given = parser.parse_args()
    scenario = Scenario("servers", given)
    os.chmod(scenario.base, 0o755)
    exact, servers = 0, []
    with scenario:
        mount = scenario.mount(given.options)
        mount.mount()
        for name in given.only.split(","):
            server = KINDS[name](os.path.join(mount.point, name), scenario.base)
            servers.append(server)
            scenario.undo.append(server.end)
        while mount.kills < given.kills and not scenario.violations:
            exact += life(scenario, mount, servers, given.pace)
            for server in servers:
                server.start()
                for text in server.verify(): scenario.violated(f"after kill {mount.kills}: {text}", lost=1)
        for server in servers: server.end(signal.SIGINT)
        for problem in (mount.flush(), mount.unmount()):
            if problem: scenario.violated(problem)
        for server in servers:
            for text in server.verify_backing(os.path.join(mount.backing, server.name)): scenario.violated("backing: " + text, lost=1)
    acknowledged = ", ".join(f"{server.last} of {server.name}" for server in servers)
    scenario.acknowledged, scenario.verified = sum(server.last for server in servers), sum(server.verified for server in servers)
    scenario.finish(f"acknowledged transactions {acknowledged}, {exact} kills at an exact call, {scenario.mount_times()}")
    return scenario.exit_status


if __name__ == "__main__": sys.exit(main())
