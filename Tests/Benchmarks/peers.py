"""The columns of the table: how each is mounted, and when all that was written through it is in the backing directory."""
import dataclasses, json, os, shutil, subprocess, time
from cells import Failed
from remote import free_port, wait_for_port

CACHES = "kernel_cache,dcache_timeout=600,dcache_max_size=200000,attr_timeout=600,entry_timeout=600,negative_timeout=600"


@dataclasses.dataclass
class Place:
    """Where a column is mounted in a cell.

    server   the directory in which the files end, to look at what has arrived
    near     the same directory as the column gets it: through sshfs when the server is far
    local    the local journaled disk, for journals and caches
    files    a directory there, for who works locally
    remote   the server, when it is far
    user     who runs the daemon, where another than root is needed
    """
    point: str
    server: str
    near: str
    local: str
    files: str
    remote: object
    programs: dict
    binary: str
    user: str = None
    options: tuple = ()   # more of ebbfs's


def wait_until_mounted(point, seconds=30):
    end = time.monotonic() + seconds
    while not os.path.ismount(point):
        if time.monotonic() > end: raise Failed("unmounted", f"{point} was not mounted within {seconds} s")
        time.sleep(0.02)


def run(*words, user=None, **more):
    words = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", *words] if user else list(words)
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, **more)
    if done.returncode: raise Failed("failed", f"{' '.join(words)}: {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout


class Direct:
    """The directory itself; when the server is far: on the local disk."""
    name, kinds = "native", ("slow", "fast")

    def mount(self, place):
        target = place.files if place.remote else place.server
        run("mount", "--bind", target, place.point)

    def settle(self, place):
        """Returns when all is in the backing directory: the time at which it was."""
        return time.monotonic()


class Ebbfs(Direct):
    name = "ebbfs"

    def mount(self, place):
        if place.remote: mount_sshfs(place.remote, place.server, place.near)
        self.attach(place)

    def attach(self, place, *more):
        """The daemon alone, on what is mounted already."""
        options = ",".join([f"state={os.path.join(place.local, 'state')}", "durability=batch=100", *place.options, *more])
        run(place.binary, "-o", options, place.near, place.point)

    def settle(self, place):
        run(place.binary, "flush", place.point)
        return time.monotonic()


class EbbfsOnTheDevice(Ebbfs):
    """As where the kernel's switch for requests over io_uring is off."""
    name = "ebbfs-device"

    def attach(self, place, *more): super().attach(place, "transport=device", *more)


class Sshfs(Direct):
    name, kinds, options = "sshfs", ("slow",), ""

    def mount(self, place): mount_sshfs(place.remote, place.server, place.point, self.options)


class SshfsWithCaches(Sshfs):
    name, options = "sshfs-caches", "," + CACHES


def mount_sshfs(remote, source, point, options=""):
    run("sshfs", f"root@127.0.0.1:{source}", point, "-o", remote.sshfs_options() + options)


class Rclone(Direct):
    def __init__(self, mode): self.name, self.mode = f"rclone-{mode}", mode

    def mount(self, place):
        self.port = free_port()
        home = os.path.join(place.local, "rclone")
        os.makedirs(home)
        configuration = os.path.join(home, "configuration")
        with open(configuration, "w") as file:
            file.write("\n".join(["[far]", *(place.remote.rclone_lines() if place.remote else ["type = local"]), ""]))
        with open(os.path.join(home, "log"), "w") as log:
            subprocess.Popen(["rclone", "mount", f"far:{place.server}", place.point, "--config", configuration,
                              "--vfs-cache-mode", self.mode, "--cache-dir", os.path.join(home, "cache"),
                              "--rc", "--rc-no-auth", "--rc-addr", f"127.0.0.1:{self.port}"],
                             stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try: wait_until_mounted(place.point)
        finally: print("".join(open(os.path.join(home, "log"))), flush=True)
        wait_for_port(self.port)

    def settle(self, place):
        """A file is queued some time after its close: the queue must stay empty for a second."""
        empty_since = None
        while True:
            queue = json.loads(run("rclone", "rc", "--rc-addr", f"127.0.0.1:{self.port}", "vfs/stats")).get("diskCache") or {}
            now = time.monotonic()
            if queue.get("uploadsInProgress") or queue.get("uploadsQueued"): empty_since = None
            else: empty_since = empty_since or now
            if empty_since and now > empty_since + 1: return empty_since
            time.sleep(0.1)


class Passthrough(Direct):
    """libfuse's example. As root it makes every file root's, so PostgreSQL needs it to run as its user."""

    def __init__(self, writeback):
        self.name, self.option = ("passthrough-wb", "writeback") if writeback else ("passthrough", "no_writeback")

    def mount(self, place):
        source = place.files if place.remote else place.server
        if "passthrough_ll" not in place.programs: raise Failed("missing", "libfuse3-dev has no examples")
        users = ",default_permissions" if place.user else ""
        if place.user: shutil.chown(place.point, place.user)
        run(place.programs["passthrough_ll"], "-o", f"source={source},{self.option}{users}", place.point, user=place.user)


class Bindfs(Direct):
    name, kinds = "bindfs", ("fast",)

    def mount(self, place): run("bindfs", place.server, place.point)


class Mergerfs(Direct):
    name, kinds = "mergerfs", ("fast",)

    def mount(self, place): run("mergerfs", "-o", "allow_other,minfreespace=0", place.server, place.point)


COLUMNS = [Ebbfs(), EbbfsOnTheDevice(), Direct(), Passthrough(False), Passthrough(True), Bindfs(), Mergerfs(), Sshfs(), SshfsWithCaches(),
           Rclone("writes"), Rclone("full")]
