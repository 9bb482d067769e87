"""Redis as a client: keys in an append-only file with appendfsync always, which is rewritten often; redis-check-aof to check."""
import glob, os, socket
from client import Client
from torture import run, wait_until


def value(n): return f"{n}-{'v' * (n % 500)}".encode()


class Redis(Client):
    name = "redis"

    def __init__(self, folder, outside):
        super().__init__(folder, outside)
        self.socket = os.path.join(outside, "redis.socket")

    def start(self):
        self.launch(["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", self.folder, "--save", "", "--daemonize", "no",
                     "--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "20",
                     "--auto-aof-rewrite-min-size", "200kb"])
        def ready():
            try:
                with Connection(self.socket) as connection: return connection.ask("PING") == b"+PONG"
            except OSError: return self.process.poll() is not None
        if not wait_until(ready, 60, 0.05) or self.process.poll() is not None: raise RuntimeError("redis does not start")

    def session(self, stop):
        try:
            with Connection(self.socket) as connection:
                while not stop.is_set():
                    n = self.begin()
                    if connection.ask(f"SET number:{n} {value(n).decode()}") != b"+OK": break
                    self.acknowledge(n)
                    if n % 10 == 0: connection.ask("INCR many")
        except OSError: pass

    def verify(self):
        """Looks for more than the numbers that may be there, as one may be missing between others."""
        found, wrong = [], []
        with Connection(self.socket) as connection:
            for n in range(1, self.most + 3):
                answer = connection.ask(f"GET number:{n}")
                if answer == b"$-1": continue
                found.append(n)
                if answer != value(n): wrong.append(f"redis: number:{n} holds {answer[:40]}")
        return wrong + self.judge(found)

    def check_files(self, folder):
        done = run("redis-check-aof", *glob.glob(os.path.join(folder, "appendonlydir", "*.manifest")))
        return [f"redis-check-aof: {done.stdout[-300:]} {done.stderr[-300:]}"] if done.returncode else []


class Connection:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        try: self.socket.connect(path)
        except OSError: self.socket.close(); raise
        self.replies = self.socket.makefile("rb")

    def __enter__(self): return self

    def __exit__(self, *_):
        self.replies.close(); self.socket.close()

    def ask(self, command):
        self.socket.sendall(command.encode() + b"\r\n")
        first = self.replies.readline().rstrip()
        return self.replies.read(int(first[1:]) + 2)[:-2] if first[:1] == b"$" and first != b"$-1" else first
