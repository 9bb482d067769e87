"""One cell of the table: a workload through one column. It runs in a process of its own that can be killed when it hangs."""
import errno, json, os, select, signal, subprocess, sys, time, traceback


class Failed(Exception):
    """`word` is what the table says."""

    def __init__(self, word, detail=""):
        super().__init__(f"{word}: {detail}")
        self.word, self.detail = word, detail


class Cell:
    """What a workload gets: `point` to work in, and a way to report figures."""

    def __init__(self, column, place, sizes, inputs, report):
        self.column, self.place, self.sizes, self.inputs, self.report = column, place, sizes, inputs, report
        self.point, self.programs = place.point, place.programs
        self.is_far = place.remote is not None

    def record(self, row, returned, landed=None, **more):
        """`returned` in the row's unit; `landed`, when everything is in the backing directory, likewise."""
        self.report({"row": row, "figures": {"returned": returned, **({} if landed is None else {"landed": landed}), **more}})

    def timed(self, row, work, check=lambda: None, **more):
        """Records the seconds until `work` returns and until all is in the backing directory, if `check` finds it there. `more` are
        functions."""
        sent, begun = self.bytes_sent(), time.monotonic()
        work()
        returned = time.monotonic() - begun
        landed = max(returned, self.column.settle(self.place) - begun)
        check()
        if self.is_far: more["sent_bytes"] = lambda: self.bytes_sent() - sent
        self.record(row, returned, landed, **{name: function() for name, function in more.items()})

    def bytes_sent(self): return self.place.remote.bytes_sent() if self.is_far else 0

    def settle(self): self.column.settle(self.place)

    def run(self, *words, **more):
        done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, capture_output=True, text=True, **more)
        if done.returncode:
            raise Failed("failed", f"{' '.join(map(str, words))}: {done.returncode}: {done.stderr.strip()[-500:]}")
        return done.stdout

    def path(self, *names): return os.path.join(self.point, *names)

    def stats(self):
        """The counters of ebbfs; those with a label as a dictionary by that."""
        found = json.loads(self.run(self.place.binary, "stats", "--json", self.point))
        for name, value in found.items():
            if isinstance(value, list):
                labels = [next(text for text in entry.values() if isinstance(text, str)) for entry in value]
                found[name] = dict(zip(labels, (entry.get("value", entry.get("count")) for entry in value)))
        return found


def run_apart(work, limit, log):
    """Runs `work(report)` in a child for at most `limit` seconds. Returns figures by row, and the word of a failure."""
    reader, writer = os.pipe()
    sys.stdout.flush(); log.flush()
    child = os.fork()
    if child == 0: be_child(work, reader, writer, log)
    os.close(writer)
    end, text, word = time.monotonic() + limit, b"", None
    try:
        while True:
            ready, _, _ = select.select([reader], [], [], max(0, end - time.monotonic()))
            if not ready:
                word = "timeout"
                break
            piece = os.read(reader, 65536)
            if not piece: break
            text += piece
    finally:
        os.close(reader)
        if word or sys.exc_info()[0]: os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0) if word is None else reap_late(child)
    reports = [json.loads(line) for line in text.decode().splitlines() if line.endswith("}")]
    errors = [report for report in reports if "error" in report]
    if errors: word = errors[0]["error"]
    elif word is None and not any("done" in report for report in reports): word = "died"
    return {report["row"]: report["figures"] for report in reports if "row" in report}, word


def reap_late(child):
    """A killed child that waits for a FUSE mount ends only when that is gone; then init or the next wait has it."""
    for _ in range(50):
        if os.waitpid(child, os.WNOHANG)[0]: return
        time.sleep(0.01)


def be_child(work, reader, writer, log):
    """Never returns."""
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_DFL); signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.close(reader)
        os.dup2(log.fileno(), 1); os.dup2(log.fileno(), 2)

        def report(line): os.write(writer, (json.dumps(line) + "\n").encode())
        try:
            work(report)
            report({"done": True})
        except Failed as failure:
            print(f"   {failure.word}: {failure.detail}", flush=True)
            report({"error": failure.word})
        except BaseException as error:
            print("  ", "".join(traceback.format_exception(error)), flush=True)
            report({"error": errno.errorcode.get(getattr(error, "errno", None), type(error).__name__)})
    finally:
        os._exit(0)
