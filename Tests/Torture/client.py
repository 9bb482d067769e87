"""What the clients of servers.py and powercut_apps.py share: numbers that are stored one after another, and the process that keeps them."""
import os, signal, socket, subprocess


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


class Client:
    """Numbers 1, 2, 3 ... are stored one after another in `folder`; a session notes when one was asked for and when it was acknowledged.
    Of the numbers found later those up to `least` must be there and none above `most` may be.

    create()             makes `folder`, once
    start() and end()    the server; a client without one does nothing
    session(stop)        stores numbers until `stop` is set or the server fails
    verify()             lets the client read what it has, after its own recovery; returns what is wrong
    check_files(folder)  the client's own checker on the files of a server that is not running; returns what is wrong
    """
    process = None

    def __init__(self, folder, outside):
        self.folder, self.outside = folder, outside
        self.last = self.least = self.most = 0
        self.verified = self.missing = 0   # numbers found as they were acknowledged, and acknowledged ones that verify() did not find
        self.position = lambda: 0          # how far powercut_apps.py's record of block writes is
        self.begun, self.acknowledged = [], []   # number, position

    def create(self): os.makedirs(self.folder)
    def start(self): pass
    def check_files(self, folder): return []

    def begin(self):
        """The next number, which is about to be stored."""
        self.most = self.last + 1
        self.begun.append((self.most, self.position()))
        return self.most

    def acknowledge(self, n):
        self.last = self.least = n
        self.acknowledged.append((n, self.position()))

    def expect(self, cut):
        """What verify() must find is what a power cut before the record's entry `cut` may leave."""
        self.least = max((n for n, at in self.acknowledged if at <= cut), default=0)
        self.most = max((n for n, at in self.begun if at <= cut), default=0)

    def judge(self, found):
        """What is wrong with the numbers found. They are what is acknowledged from now on."""
        wrong = []
        if found != list(range(1, len(found) + 1)): wrong.append(f"{self.name}: numbers are missing between others")
        if not self.least <= len(found) <= self.most:
            wrong.append(f"{self.name}: {len(found)} numbers, {self.least} were acknowledged and {self.most} begun")
        self.missing = len(set(range(1, self.least + 1)) - set(found))
        self.last = self.least = self.most = len(found)
        if not wrong: self.verified += len(found)
        return wrong

    def launch(self, words, **more):
        with open(os.path.join(self.outside, f"{self.name}.log"), "ab") as log:
            self.process = subprocess.Popen(words, **{"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, **more})

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
