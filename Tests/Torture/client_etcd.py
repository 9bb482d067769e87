"""etcd as a client: a single member's keys; it snapshots and cuts its log often; the restore of its database checks that."""
import base64, http.client, json, os, shutil, signal, tempfile
from client import Client, free_port
from torture import run, wait_until


def text(words): return base64.b64encode(words.encode()).decode()
def value(n): return f"{n}-{'v' * (n % 500)}"


class Etcd(Client):
    name = "etcd"

    def create(self):
        """Starts it once: one that is cut off while it makes its first log never becomes its own leader, on any filesystem."""
        super().create()
        self.start()
        self.end(signal.SIGINT)

    def start(self):
        self.port, peers = free_port(), free_port()
        client, peer = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{peers}"
        self.launch(["etcd", "--data-dir", self.folder, "--listen-client-urls", client, "--advertise-client-urls", client,
                     "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}",
                     "--snapshot-count", "300", "--heartbeat-interval", "50", "--election-timeout", "500"])
        def ready():
            try: return self.ask("range", {"key": text("ready")}) is not None
            except (OSError, http.client.HTTPException): return self.process.poll() is not None
        if not wait_until(ready, 90, 0.1) or self.process.poll() is not None: raise RuntimeError("etcd does not start")

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
                n = self.begin()
                if self.ask("put", {"key": text(f"number/{n:09}"), "value": text(value(n))}, connection) is None: break
                self.acknowledge(n)
        except (OSError, http.client.HTTPException): pass

    def verify(self):
        answer = self.ask("range", {"key": text("number/"), "range_end": text("number0"), "limit": "1000000"})
        if answer is None: return ["etcd: no answer"]
        pairs = [(base64.b64decode(row["key"]).decode(), base64.b64decode(row["value"]).decode()) for row in answer.get("kvs", [])]
        numbers = [int(key.split("/")[1]) for key, _ in pairs]
        wrong = [f"etcd: {key} holds {found[:40]}" for (key, found), n in zip(pairs, numbers) if found != value(n)]
        return wrong + self.judge(numbers)

    def check_files(self, folder):
        with tempfile.TemporaryDirectory(dir=self.outside) as scratch:
            copy = os.path.join(scratch, "copy.db")
            shutil.copy2(os.path.join(folder, "member", "snap", "db"), copy)
            done = run("etcdctl", "snapshot", "restore", "--skip-hash-check", "--data-dir", os.path.join(scratch, "restored"), copy,
                       env={**os.environ, "ETCDCTL_API": "3"})
        return [f"etcd's database: {done.stderr[-300:]}"] if done.returncode else []
