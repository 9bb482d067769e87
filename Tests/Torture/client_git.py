"""git as a client: a commit for each number, `git fsck` to check. It repacks often."""
import os
from client import Client
from torture import run


def path_of(n, i): return os.path.join(f"folder-{(n + i) % 7}", f"file-{i}")
def contents(n, i): return f"{n} {i}\n" * (50 * i + 1)


class Git(Client):
    """`fsync` is git's core.fsync. git syncs no directory, so the last rename of a commit is not what a sync promises: with
    `is_synced` a commit counts as acknowledged once the directory of the branch is synced as well."""
    name = "repository"

    def __init__(self, folder, outside, fsync="all", is_synced=False):
        super().__init__(folder, outside)
        self.fsync, self.is_synced = fsync, is_synced

    def create(self):
        done = run("git", "init", "-q", self.folder)
        if done.returncode: raise RuntimeError(f"git init: {done.stderr}")

    def git(self, *words):
        return run("git", "-C", self.folder, "-c", "user.name=t", "-c", "user.email=t@localhost", "-c", f"core.fsync={self.fsync}",
                   "-c", "gc.auto=40", "-c", "gc.autoDetach=false", *words)

    def session(self, stop):
        while not stop.is_set():
            n = self.begin()
            try:
                for i in range(8):
                    path = os.path.join(self.folder, path_of(n, i))
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    with open(path, "w") as file: file.write(contents(n, i))
                if self.git("add", "-A").returncode or self.git("commit", "-q", "-m", str(n)).returncode: return
                if self.is_synced: self.sync_branch()
            except OSError: return
            self.acknowledge(n)

    def sync_branch(self):
        directory = os.open(os.path.join(self.folder, ".git", "refs", "heads"), os.O_RDONLY)
        try: os.fsync(directory)
        finally: os.close(directory)

    def verify(self):
        # What a killed git leaves behind, on any filesystem.
        for folder, _, files in os.walk(os.path.join(self.folder, ".git")):
            for name in files:
                if name.endswith(".lock"): os.unlink(os.path.join(folder, name))
        wrong = self.check_files(self.folder)
        found = sorted(int(line) for line in self.git("log", "--format=%s").stdout.split())
        wrong += self.judge(found)
        if not found: return wrong
        done = self.git("reset", "-q", "--hard")
        if done.returncode: return wrong + [f"git reset: {done.stderr[-300:]}"]
        for i in range(8):
            with open(os.path.join(self.folder, path_of(found[-1], i))) as file: text = file.read()
            if text != contents(found[-1], i): wrong.append(f"git: {path_of(found[-1], i)} of commit {found[-1]} holds {text[:40]!r}")
        return wrong

    def check_files(self, folder):
        done = run("git", "-C", folder, "fsck", "--full", "--strict", "--no-dangling")
        return [f"git fsck: {done.returncode} {done.stdout[-500:]} {done.stderr[-500:]}"] if done.returncode else []
