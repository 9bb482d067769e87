"""Made-up inputs, the same in every run: trees of files as tar archives, a great file, a small C project."""
import functools, io, os, random, subprocess, tarfile

FILES_PER_DIRECTORY = 12
MEAN_SIZE = 10 << 10


def tree(count, seed=1):
    """Paths and sizes: sources have many small files and few large ones."""
    chance = random.Random(seed)
    for number in range(count):
        directory = number // FILES_PER_DIRECTORY
        parents = [f"d{directory // 13:03}"] if directory % 13 == 0 else [f"d{directory // 13:03}", f"s{directory % 13:02}"]
        yield "/".join([*parents, f"file-{number:05}.c"]), min(int(chance.expovariate(1 / MEAN_SIZE)) + 100, 200 << 10)


def sync(path):
    """Nothing of an input is left to be written while it is used."""
    with open(path, "rb") as file: os.fsync(file.fileno())


def content(size, seed):
    """Text that compresses about as sources do."""
    chance = random.Random(seed)
    words = [f"{chance.randrange(1 << 24):x}" for _ in range(size // 28 + 8)]
    return " ".join(chance.choices(words, k=size // 6 + 8)).encode()[:size].ljust(size, b"\n")


class Inputs:
    """Made when they are first asked for, in `folder`. `sources` is how many files the C project has."""

    def __init__(self, folder, sizes):
        self.folder, self.sizes = folder, sizes

    def archive(self, count):
        """A tar of a tree in a directory `tree`."""
        path = os.path.join(self.folder, f"tree-{count}.tar")
        if os.path.exists(path): return path
        with tarfile.open(path + ".new", "w") as archive:
            made = set()
            for name, size in tree(count):
                parts = name.split("/")
                for depth in range(len(parts)):
                    directory = "/".join(["tree", *parts[:depth]])
                    if directory not in made:
                        made.add(directory)
                        self.add(archive, directory, tarfile.DIRTYPE, 0o755)
                self.add(archive, "tree/" + name, tarfile.REGTYPE, 0o644, content(size, name))
        sync(path + ".new")
        os.rename(path + ".new", path)
        return path

    def add(self, archive, name, kind, mode, data=b""):
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode, entry.size, entry.mtime = kind, mode, len(data), 1700000000
        archive.addfile(entry, io.BytesIO(data))

    @functools.cache
    def tree_size(self, count): return sum(size for _, size in tree(count))

    def great_file(self, size):
        """Random bytes: nothing on the way may compress them."""
        path = os.path.join(self.folder, f"great-{size}")
        if not os.path.exists(path):
            with open(path, "wb") as file:
                for _ in range(size >> 20): file.write(random.randbytes(1 << 20))
            sync(path)
        return path

    def repository(self):
        """A git repository of the great tree."""
        path = os.path.join(self.folder, "repository")
        if os.path.exists(path): return path
        subprocess.run(["git", "init", "-q", path], check=True)
        subprocess.run(["tar", "-xf", self.archive(self.sizes.tree_files), "-C", path], check=True)
        for words in (["add", "."], [*AUTHOR, "commit", "-q", "-m", "tree"]):
            subprocess.run(["git", "-C", path, *words], check=True)
        return path

    def project(self):
        """A directory with a C program of several files and its Makefile."""
        path = os.path.join(self.folder, "project")
        if os.path.exists(path): return path
        os.makedirs(path)
        names = [f"part{number}" for number in range(self.sizes.sources)]
        files = {"parts.h": "".join(f"int {name}(int);\n" for name in names)}
        for name in names:
            body = "\n".join(f"  if (x % {i + 2} == 0) x = x * {i + 3} + {i}; else x += {i};" for i in range(40))
            files[name + ".c"] = f'{INCLUDES}int {name}(int x) {{\n{body}\n  return x;\n}}\n'
        calls = "".join(f"  x = {name}(x);\n" for name in names)
        files["main.c"] = f'{INCLUDES}int main(void) {{\n  int x = 1;\n{calls}  printf("%d\\n", x);\n}}\n'
        objects = " ".join(f"{name}.o" for name in ["main", *names])
        files["Makefile"] = f"CFLAGS = -O1\nprogram: {objects}\n\t$(CC) -o $@ {objects}\n{objects}: parts.h\n"
        for name, text in files.items():
            with open(os.path.join(path, name), "w") as file: file.write(text)
        return path


INCLUDES = '#include <stdio.h>\n#include <stdlib.h>\n#include "parts.h"\n'
AUTHOR = ["-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "gc.auto=0"]
