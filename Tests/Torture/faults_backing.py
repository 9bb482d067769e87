"""Cases of faults.py: calls on the backing directory fail."""
import os
from faults_case import ERRORS, Case
from torture import run, wait_until

# What write-back asks of the backing directory; calls that the journal makes too fail for the files of the mixture only.
WRITING_CALLS = ("mkdirat", "openat", "openat2", "renameat2", "renameat", "linkat", "symlinkat", "mknodat", "unlinkat", "fsync", "syncfs", "fchownat",
                 "utimensat", "fchmod", "chmod", "fsetxattr", "setxattr", "removexattr", "ftruncate", "fallocate", "pwrite64", "statx")
READING_CALLS = ("openat", "openat2", "statx", "pread64", "getdents64", "readlinkat", "listxattr", "getxattr", "lseek", "fstatfs")
SHARED_CALLS = ("pwrite64", "pread64", "openat")
WHENS = ("1+", "1..3", "2+3")
SEEN_AT_ONCE = ("mkdirat", "fsync", "openat2")


def files_of(mount):
    """Every path that a mixture has in the backing directory."""
    names = [f"{tag}-{name}" for tag in ("early", "during") for name in
             ("folder", "moved", *(f"file-{i}" for i in range(6)), "folder/inside", "moved/inside", "folder/renamed", "moved/renamed", "link")]
    return [mount.backing, *(os.path.join(mount.backing, name) for name in names)]


def backing_fails(scenario, call, error, when):
    """Retried until it goes: `when` says which of each thread's calls fail; for ever means until the fault ends after 2 s."""
    case = Case(scenario, f"backing-{call}-{error}-{when.replace('+', 'x').replace('.', '_')}", "writeback_delay=0,writeback_deadline=200ms")
    mount = case.mount
    mount.mount()
    case.mixture("early")
    problem = mount.flush(30)
    if problem: case.violated(problem)
    tracer = mount.attach(f"trace={call}", f"inject={call}:error={error}:when={when}", paths=files_of(mount) if call in SHARED_CALLS else ())
    case.mixture("during")
    case.later("early")
    shown = wait_until(lambda: mount.status().get("last_error"), 3, 0.1)
    if when == "1+":
        if not shown and call in SEEN_AT_ONCE: case.violated(f"the failure is not in status: {mount.status()}")
        # What was written back before may be read from the backing directory.
        if not case.compare_or_wait(tracer, "mount while the backing directory fails", call in READING_CALLS): tracer = None
        elif scenario.chance.random() < 0.5:   # the journal keeps it all
            mount.end_tracer(tracer)
            tracer = None
            case.again("mount after a kill while the backing directory failed")
    if tracer: mount.end_tracer(tracer)
    case.finish()


def reading_fails(scenario, call, error, when):
    """Cold files and directories cannot be read for a while: an error or what is there, and all of it afterwards."""
    case = Case(scenario, f"reading-{call}-{error}-{when.replace('+', 'x').replace('.', '_')}", "writeback_delay=100ms,writeback_deadline=1s")
    mount = case.mount
    mount.mount()
    case.mixture("early")
    case.later("early")
    for folder in ("cold", "cold/inner"): case.both(lambda top: os.mkdir(os.path.join(top, folder)))
    for i in range(8): case.write(f"cold/{'inner/' if i % 2 else ''}file-{i}", bytes([i + 1]) * 30_000)
    case.both(lambda top: os.symlink("cold/inner", os.path.join(top, "cold/symlink")))
    case.both(lambda top: os.setxattr(os.path.join(top, "cold/file-0"), "user.b", b"v" * 300))
    problem = mount.flush(30) or mount.unmount()
    if problem: case.violated(problem)
    mount.mount()
    paths = [os.path.join(folder, name) for folder, folders, files in os.walk(mount.backing) for name in folders + files]
    tracer = mount.attach(f"trace={call}", f"inject={call}:error={error}:when={when}",
                          paths=[mount.backing, *paths] if call in SHARED_CALLS else ())
    if case.compare_or_wait(tracer, "reading while the backing directory fails", True):
        try: os.statvfs(mount.point)
        except OSError: pass
        case.compare_or_wait(tracer, "reading again", True)
        mount.end_tracer(tracer)
    case.compare(mount.point, label="reading afterwards")
    case.mixture("during")
    case.finish()


def cases(chance, is_all):
    """Each call with each errno, at one moment or (`is_all`) at all."""
    return [(function, call, error, when) for function, calls in ((backing_fails, WRITING_CALLS), (reading_fails, READING_CALLS))
            for call in calls for error in (*ERRORS, "EACCES") for when in (WHENS if is_all else (chance.choice(WHENS),))]
