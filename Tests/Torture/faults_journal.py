"""Cases of faults.py: calls on the journal fail."""
import errno, os, threading, time
from faults_case import ERRORS, Case
from torture import run, wait_until

# What the journal asks of its files and its directory, and what a mount asks that finds it.
FINAL_CALLS = ("pwrite64", "fdatasync")
SEGMENT_CALLS = ("openat", "fsync", "renameat2", "unlinkat")
MOUNT_CALLS = ("openat", "getdents64", "pread64", "statx", "flock", "ftruncate", "pwrite64", "fdatasync", "fsync", "renameat2", "unlinkat", "fstatfs")
REFUSALS = {errno.EIO, errno.EROFS, errno.ENOSPC}   # and what the call itself said


def journal_fails(scenario, call, error):
    """A failed journal is final: read-only from then on, and it says so."""
    case = Case(scenario, f"journal-{call}-{error}", "writeback_delay=1h,writeback_deadline=1h")
    mount = case.mount
    mount.mount()
    case.mixture("before")
    tracer = mount.attach(f"trace={call}", f"inject={call}:error={error}")
    refused = 0
    for i in range(5):
        try:
            descriptor = os.open(os.path.join(mount.point, "refused"), os.O_WRONLY | os.O_CREAT, 0o600)
            try: os.write(descriptor, b"x" * 100); os.fsync(descriptor)
            finally: os.close(descriptor)
        except OSError as failure:
            refused += 1
            if failure.errno not in REFUSALS | {getattr(errno, error)}: case.violated(f"errno {failure.errno}")
    if refused < 5: case.violated(f"{5 - refused} of 5 fsyncs were acknowledged by a journal that cannot write")
    case.compare(mount.point, ("refused",), "reading while the journal fails")
    if not mount.status().get("journal_failure"): case.violated(f"status is silent: {mount.status()}")
    mount.end_tracer(tracer)
    for action in (lambda: os.mkdir(os.path.join(mount.point, "new")), lambda: os.unlink(os.path.join(mount.point, "before-link"))):
        try: action(); case.violated("a change was acknowledged after the journal had failed")
        except OSError as failure:
            if failure.errno not in (errno.EROFS, errno.EIO): case.violated(f"errno {failure.errno} after the journal had failed")
    mount.kill(); mount.clear()
    problem = mount.check()
    if problem: case.violated(problem)
    mount.mount()
    case.compare(mount.point, ("refused",), "after the remount")
    try: os.unlink(os.path.join(mount.point, "refused"))
    except FileNotFoundError: pass
    case.later("before")
    case.finish()


def files_of(mount):
    """The state directory and what is in it, and segments to come: strace knows calls on a descriptor by its path."""
    names = os.listdir(mount.state)
    last = max((int(name[8:], 16) for name in names if name.startswith("segment-")), default=0)
    to_come = [f"{kind}{number:016x}" for number in range(last + 1, last + 5) for kind in ("segment-", ".preparing-")]
    return [mount.state] + [os.path.join(mount.state, name) for name in names + to_come]


def segments_fail(scenario, call, error):
    """Segments cannot be prepared, recycled or removed: changes may wait or be refused, none is lost; it is not final by itself."""
    case = Case(scenario, f"segments-{call}-{error}", "writeback_delay=0,writeback_deadline=200ms,journal_size=32M")
    mount = case.mount
    mount.mount()
    case.mixture("before")
    tracer = mount.attach(f"trace={call}", f"inject={call}:error={error}", paths=files_of(mount)[:60])
    refused = {}

    def work():
        for i in range(80):
            try: case.write(f"large-{i}", bytes([i + 1]) * 500_000)   # one request
            except OSError as failure: refused[f"large-{i}"] = failure.errno
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(3)
    mount.end_tracer(tracer)
    thread.join(30)
    if thread.is_alive():
        case.violated(f"changes still wait 30 s after the fault is over: {mount.status()}")
        mount.kill(); thread.join(30)
        return
    for number in set(refused.values()) - REFUSALS - {getattr(errno, error)}: case.violated(f"errno {number}")
    if refused and not mount.status().get("journal_failure"): case.violated(f"{len(refused)} changes refused, and status is silent")
    case.again("after a kill", refused)
    for name in refused:   # a file was made, and nothing could be written to it
        try: os.unlink(os.path.join(mount.point, name))
        except FileNotFoundError: pass
    case.later("before")
    case.finish()


def reading_fails(scenario, call, error):
    """What is only in the journal cannot be read for a while: an error or the right bytes, and all of it afterwards."""
    case = Case(scenario, f"reading-{call}-{error}", "writeback_delay=1h,writeback_deadline=1h,memory=16M")
    mount = case.mount
    mount.mount()
    for i in range(24): case.write(f"file-{i}", bytes([i + 1]) * 1_000_000)
    run("sh", "-c", "echo 1 > /proc/sys/vm/drop_caches")
    tracer = mount.attach(f"trace={call}", f"inject={call}:error={error}", paths=files_of(mount)[:60])
    case.compare(mount.point, label="reading while the journal cannot be read", may_fail=True)
    mount.end_tracer(tracer)
    run("sh", "-c", "echo 1 > /proc/sys/vm/drop_caches")
    case.compare(mount.point, label="reading afterwards")
    case.finish()


def mounting_fails(scenario, call, error):
    """A call on the journal fails while a mount recovers from it: the mount fails, or it goes on; either way the next one has everything."""
    case = Case(scenario, f"mounting-{call}-{error}", "writeback_delay=100ms,writeback_deadline=1s,journal_size=32M")
    mount = case.mount
    mount.mount()
    case.mixture("early")
    case.later("early")
    time.sleep(scenario.chance.uniform(0, 0.5))
    case.mixture("before")
    mount.kill(); mount.clear()
    for when in ("1+", str(scenario.chance.choice((1, 2, 3, 5)))):
        mount.mount_with_fault(call, error, when, files_of(mount)[:60])
        problem = mount.check()
        if problem: case.violated(f"after a mount in which {call} failed ({when}): {problem}")
    mount.mount()
    case.compare(mount.point, label="mount afterwards")
    case.later("before")
    case.finish()


def cases():
    return [(function, call, error) for function, calls in ((journal_fails, FINAL_CALLS), (segments_fail, SEGMENT_CALLS),
                                                            (reading_fails, ("pread64",)), (mounting_fails, MOUNT_CALLS))
            for call in calls for error in ERRORS]
