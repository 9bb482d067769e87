"""Runs the POSIX battery: `battery.py DIRECTORY MODULE...`, in a directory of a filesystem that must behave as ext4 does.

Each module has functions marked `@claim`. Each runs in a fresh directory, counts its assertions and goes on after one that fails.
The last line says how many assertions held; the exit status is 1 when one did not. With --ext4 first, claims about what ext4
lacks are left out.
"""
import ctypes, errno, importlib, os, signal, stat, struct, sys, time, traceback

sys.dont_write_bytecode = True
sys.modules["battery"] = sys.modules["__main__"]
libc = ctypes.CDLL(None, use_errno=True)
claims = []
counts = {"held": 0}
failures = []
is_ext4 = False


def claim(function):
    claims.append(function)
    return function


def not_ext4(function):
    function.is_left_out_on_ext4 = True
    return function


def where():
    frames = [f for f in traceback.extract_stack() if not f.filename.endswith("battery.py")]
    return f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}: {frames[-1].line}" if frames else "?"


def fail(text):
    failures.append(f"{where()}: {text}")


def expect(actual, wanted):
    if actual == wanted:
        counts["held"] += 1
    else:
        fail(f"is {actual!r:.300}, not {wanted!r:.300}")


def holds(condition, text="does not hold"):
    if condition:
        counts["held"] += 1
    else:
        fail(text)


def name_of(number):
    return errno.errorcode.get(number, str(number))


def refused(number, function, *arguments, **keywords):
    """Expects an OSError with this number."""
    try:
        result = function(*arguments, **keywords)
    except OSError as error:
        expect(name_of(error.errno), name_of(number))
    else:
        fail(f"not refused with {name_of(number)} but {result!r:.100}")


def call(name, *arguments):
    """A C function that gives -1 and errno."""
    ctypes.set_errno(0)
    function = getattr(libc, name)
    function.restype = ctypes.c_int
    result = function(*arguments)
    if result == -1:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")
    return result


def long(number):
    return ctypes.c_long(number)


def put(path, data=b"", mode=0o644):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        if data:
            expect(os.write(descriptor, data), len(data))
    finally:
        os.close(descriptor)
    return path


def get(path):
    with open(path, "rb") as file:
        return file.read()


class Opened:
    """A descriptor that is closed at the end of a `with`."""

    def __init__(self, path, flags=os.O_RDONLY, mode=0o644, **keywords):
        self.arguments = (path, flags, mode)
        self.keywords = keywords

    def __enter__(self):
        self.number = os.open(*self.arguments, **self.keywords)
        return self.number

    def __exit__(self, *_):
        os.close(self.number)


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def wait_a_tick():
    """Kernel time stamps are as coarse as its timer."""
    time.sleep(0.012)


class Times:
    """Which of a file's times change while a `with` runs."""

    def __init__(self, path, modified=None, changed=None, moved_to=None):
        self.path, self.new_path, self.wanted = path, moved_to or path, {"mtime": modified, "ctime": changed}

    def __enter__(self):
        self.before = os.lstat(self.path)
        wait_a_tick()

    def __exit__(self, *_):
        after = os.lstat(self.new_path)
        for name, wanted in self.wanted.items():
            if wanted is None:
                continue
            old, new = getattr(self.before, f"st_{name}_ns"), getattr(after, f"st_{name}_ns")
            if wanted:
                holds(new > old, f"{name} of {self.path} stays")
            else:
                holds(new == old, f"{name} of {self.path} changes")


def as_user(user, function, group=None, groups=()):
    """Runs a function in a child process with another user's rights; what it asserts counts here."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        failures.clear()
        counts["held"] = 0
        try:
            os.close(read_end)
            os.setgroups(list(groups))
            os.setresgid(*[user if group is None else group] * 3)
            os.setresuid(user, user, user)
            function()
        except BaseException:
            failures.append(f"{traceback.format_exc()}")
        text = f"{counts['held']}\0" + "\0".join(failures)
        view = memoryview(text.encode(errors="surrogateescape"))
        while view:
            view = view[os.write(write_end, view):]
        os._exit(0)
    os.close(write_end)
    data = b""
    while part := os.read(read_end, 65536):
        data += part
    os.close(read_end)
    os.waitpid(child, 0)
    held, *failed = data.decode(errors="surrogateescape").split("\0")
    counts["held"] += int(held)
    failures.extend(f"as user {user}: {text}" for text in failed if text)


def run_claim(function, directory):
    os.mkdir(directory, 0o755)
    os.chmod(directory, 0o755)
    os.chdir(directory)
    os.umask(0o022)
    first = len(failures)
    try:
        function()
    except BaseException:
        failures.append(traceback.format_exc())
    for text in failures[first:]:
        print(f"FAILED {function.__name__}: {text}", flush=True)


def main():
    global is_ext4
    words = sys.argv[1:]
    if words[0] == "--ext4":
        is_ext4 = True
        words = words[1:]
    root, modules = os.path.abspath(words[0]), words[1:]
    only = os.environ.get("CLAIM")
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    signal.alarm(110)
    for module in modules:
        claims.clear()
        importlib.import_module(module)
        for function in list(claims):
            if only and function.__name__ != only or is_ext4 and getattr(function, "is_left_out_on_ext4", False):
                continue
            run_claim(function, f"{root}/{module}.{function.__name__}")
    os.chdir("/")
    print(f"{counts['held']} assertions held, {len(failures)} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
