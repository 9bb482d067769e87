"""Compiles the programs of the bench, and libfuse's passthrough_ll from the examples of libfuse3-dev."""
import gzip, os, shutil, subprocess

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs")
EXAMPLES = "/usr/share/doc/libfuse3-dev/examples"


def compile_all(folder):
    """The path of each program, by name. Those of libfuse are left out where their sources are missing."""
    words = ["pkg-config", "--cflags", "--libs", "fuse3"]
    fuse = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
    found = {}
    for source in sorted(name for name in os.listdir(HERE) if name.endswith(".c")):
        name = source.removesuffix(".c")
        found[name] = os.path.join(folder, name)
        gcc(os.path.join(HERE, source), found[name], fuse if "fuse" in name else [])
    if example("passthrough_ll.c", folder) and example("passthrough_helpers.h", folder):
        found["passthrough_ll"] = os.path.join(folder, "passthrough_ll")
        gcc(os.path.join(folder, "passthrough_ll.c"), found["passthrough_ll"], fuse)
    return found


def gcc(source, program, libraries):
    subprocess.run(["gcc", "-std=gnu11", "-O2", "-w", "-pthread", source, "-o", program, *libraries], check=True)


def example(name, folder):
    """Copies an example of libfuse, which Debian may have packed."""
    for path, opened in ((os.path.join(EXAMPLES, name), open), (os.path.join(EXAMPLES, name + ".gz"), gzip.open)):
        if os.path.exists(path):
            with opened(path, "rb") as packed, open(os.path.join(folder, name), "wb") as file: shutil.copyfileobj(packed, file)
            return True
    return False
