"""Cases of faults.py: whole disks fail, under the backing directory and under the state directory."""
import errno, os, subprocess, threading, time
from faults_case import Case, loop
from torture import MountFailure, run, wait_until


def fill(path):
    """Takes all the space that is left."""
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while True: file.write(b"f" * size)
            except OSError: pass


def backing_full(scenario):
    base = os.path.join(scenario.base, "disk-full"); os.mkdir(base)
    _, top = loop(scenario, base, 64)
    backing = os.path.join(top, "backing"); os.mkdir(backing)
    case = Case(scenario, "full", "writeback_delay=100ms,writeback_deadline=1s", backing=backing)
    mount = case.mount
    mount.mount()
    filler = os.path.join(top, "filler")
    fill(filler)
    refused = 0
    for i in range(40):
        try: case.write(f"file-{i}", bytes([i]) * (500_000))
        except OSError as failure:
            refused += 1
            if failure.errno not in (errno.ENOSPC, errno.EDQUOT): case.violated(f"errno {failure.errno} on a full backing disk")
            # What the refused call left behind on the mount is the caller's; take it away on both sides.
            for side in (mount.point, case.shadow):
                try: os.unlink(os.path.join(side, f"file-{i}"))
                except OSError: pass
    case.compare(mount.point, label="mount while the backing disk is full")
    if refused < 40: wait_until(lambda: mount.status().get("last_error"), 5, 0.2)
    error = mount.status().get("last_error")
    if refused < 40 and not error: case.violated(f"status does not show that the backing disk is full: {mount.status()}")
    case.again("mount after a kill while the backing disk is full")
    os.unlink(filler)
    case.finish(120)


def backing_gone(scenario):
    """The disk is unmounted lazily under the daemon; then another directory is put in its place."""
    base = os.path.join(scenario.base, "disk-gone"); os.mkdir(base)
    image, top = loop(scenario, base, 64)
    case = Case(scenario, "gone", "writeback_delay=100ms,writeback_deadline=1s", backing=top)
    mount = case.mount
    mount.mount()
    ignored = ("lost+found",)
    case.mixture("early")
    problem = mount.flush(30)
    if problem: case.violated(problem)
    subprocess.run(["umount", "-l", top], check=True)
    case.mixture("during")
    case.later("early")
    time.sleep(2)
    case.compare(mount.point, ignored, "mount while the backing directory is gone")
    if os.listdir(top): case.violated(f"written to the bare directory underneath: {os.listdir(top)}")
    mount.kill(); mount.clear()
    try:
        mount.mount()
        case.violated("mounted on the bare directory underneath, with the journal of the disk")
        mount.kill(); mount.clear()
    except MountFailure as failure:
        if "failed with" not in str(failure): case.violated(str(failure))
    if os.listdir(top): case.violated(f"written to the bare directory underneath by a mount: {os.listdir(top)}")
    subprocess.run(["mount", "-o", "loop", image, top], check=True)
    mount.mount()
    case.compare(mount.point, ignored, "mount after the disk is back")
    os.rmdir(os.path.join(mount.point, "lost+found"))
    case.finish()


def backing_replaced(scenario):
    """An ordinary directory is moved away and an empty one put in its place."""
    case = Case(scenario, "replaced", "writeback_delay=100ms,writeback_deadline=1s")
    mount = case.mount
    mount.mount()
    case.mixture("early")
    problem = mount.flush(30)
    if problem: case.violated(problem)
    away = mount.backing + ".away"
    os.rename(mount.backing, away); os.mkdir(mount.backing)
    case.mixture("during")
    case.later("early")
    time.sleep(2)
    case.compare(mount.point, label="mount while another directory is in the place of the backing directory")
    if os.listdir(mount.backing): case.violated(f"written to what took the place: {os.listdir(mount.backing)}")
    os.rmdir(mount.backing); os.rename(away, mount.backing)
    case.finish()


def state_full(scenario):
    """The state directory's disk is full: changes wait or are refused, nothing acknowledged is lost, and all goes on once there is room."""
    base = os.path.join(scenario.base, "disk-state-full"); os.mkdir(base)
    _, top = loop(scenario, base, 128)
    case = Case(scenario, "state-full", "writeback_delay=1h,writeback_deadline=1h,journal_size=96M", state=os.path.join(top, "state"))
    mount = case.mount
    mount.mount()
    case.mixture("before")
    filler = os.path.join(top, "filler")
    fill(filler)
    refused, done = {}, threading.Event()

    def work():
        for i in range(160):
            try: case.write(f"large-{i}", bytes([i + 1]) * 500_000)
            except OSError as failure: refused[f"large-{i}"] = failure.errno
        done.set()
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    done.wait(8)
    waited = not done.is_set()
    os.unlink(filler)
    thread.join(120)
    if thread.is_alive():
        case.violated(f"changes still wait 120 s after there is room: {mount.status()}")
        mount.kill(); thread.join(30)
        return
    for number in set(refused.values()) - {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS}: case.violated(f"errno {number}")
    failure = mount.status().get("journal_failure")
    if set(refused.values()) & {errno.EIO, errno.EROFS} and not failure: case.violated(f"changes refused, and status is silent: {mount.status()}")
    figures = f"{len(refused)} of 160 writes refused, {'waited' if waited else 'did not wait'}, journal failure {failure}"
    case.compare(mount.point, refused, "mount once there is room")
    case.again("after a kill", refused)
    for name in refused:
        try: os.unlink(os.path.join(mount.point, name))
        except FileNotFoundError: pass
    # A mount on a disk that is full again: it may be refused, with the journal as it was.
    case.write("last", b"last" * 1000)
    mount.kill(); mount.clear()
    fill(filler)
    try:
        mount.mount()
        case.compare(mount.point, label="mount on a full state disk")
        mount.kill()
    except MountFailure as failure:
        if "failed with" not in str(failure): case.violated(str(failure))
        figures += f"; mount on a full disk: {failure}"
    mount.clear()
    os.unlink(filler)
    mount.mount()
    case.later("before")
    case.finish(120)
    return figures


def remount(top, *options):
    """`mount -o remount`; what is open for writing makes the kernel refuse."""
    if not wait_until(lambda: run("mount", "-o", ",".join(("remount", *options)), top).returncode == 0, 20, 0.2):
        raise RuntimeError(f"cannot remount {top} {options}: {run('mount', '-o', ','.join(('remount', *options)), top).stderr}")


def backing_readonly(scenario):
    """The backing disk is remounted read-only, and later writable again: changes go on meanwhile, and after a kill too."""
    base = os.path.join(scenario.base, "disk-readonly"); os.mkdir(base)
    _, top = loop(scenario, base, 64)
    backing = os.path.join(top, "backing"); os.mkdir(backing)
    case = Case(scenario, "readonly", "writeback_delay=100ms,writeback_deadline=1s", backing=backing)
    mount = case.mount
    mount.mount()
    case.mixture("early")
    problem = mount.flush(30)
    if problem: case.violated(problem)
    remount(top, "ro")
    case.mixture("during")
    case.later("early")
    if not wait_until(lambda: mount.status().get("last_error"), 5, 0.1): case.violated(f"the failure is not in status: {mount.status()}")
    case.compare(mount.point, label="mount while the backing disk is read-only")
    case.again("mount after a kill while the backing disk is read-only")
    case.later("during")
    case.compare(mount.point, label="mount while the backing disk is still read-only")
    remount(top, "rw")
    case.finish(120)


def disk_aborted(scenario, which):
    """A disk's filesystem gives up, as after an I/O error of its own (ext4 `abort`): it is read-only for whatever is written. It is checked
    and mounted anew; everything that was acknowledged, and so synced (durability=always), is there."""
    base = os.path.join(scenario.base, f"disk-aborted-{which}"); os.mkdir(base)
    image, top = loop(scenario, base, 128)
    inside = os.path.join(top, "inside")
    if which == "backing": os.mkdir(inside)
    case = Case(scenario, f"aborted-{which}", "writeback_delay=200ms,writeback_deadline=1s,durability=always,journal_size=64M", **{which: inside})
    mount = case.mount
    mount.mount()
    case.mixture("early")
    if which == "backing":
        problem = mount.flush(30)
        if problem: case.violated(problem)
    remount(top, "abort")
    try: os.mkdir(os.path.join(top, "probe")); raise RuntimeError("the filesystem has not given up")
    except OSError: pass
    ignored = []
    if which == "backing":
        case.mixture("during")
        case.later("early")
    else:
        for i in range(5):
            try: case.write(f"refused-{i}", b"x" * 5000); case.violated("acknowledged by a journal on a filesystem that has given up")
            except OSError as failure:
                if failure.errno not in (errno.EIO, errno.EROFS): case.violated(f"errno {failure.errno}")
            ignored.append(f"refused-{i}")
        if not mount.status().get("journal_failure"): case.violated(f"status is silent: {mount.status()}")
    case.compare(mount.point, ignored, "mount after the filesystem has given up", may_fail=which == "backing")
    mount.kill(); mount.clear()
    if not wait_until(lambda: run("umount", top).returncode == 0, 10, 0.1): raise RuntimeError(f"cannot unmount {top}")
    checked = run("e2fsck", "-fy", image)
    if checked.returncode > 1: raise RuntimeError(f"e2fsck: {checked.stdout}")
    subprocess.run(["mount", "-o", "loop", image, top], check=True)
    mount.mount()
    case.compare(mount.point, ignored, "mount after the disk is back")
    for name in ignored:
        try: os.unlink(os.path.join(mount.point, name))
        except FileNotFoundError: pass
    case.later("during" if which == "backing" else "early")
    case.finish(60)


CASES = {"full": [(backing_full,), (state_full,)], "gone": [(backing_gone,), (backing_replaced,)],
         "readonly": [(backing_readonly,), (disk_aborted, "backing"), (disk_aborted, "state")]}
