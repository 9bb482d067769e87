#!/usr/bin/env python3
"""RocksDB as a client. Debian has its library, db_bench and ldb, but no db_stress and no binding for Python: so a process of ours calls the
library's C interface, writes each number as a batch of two keys with sync=1, and answers when the write has returned. Its memory is
small, so that tables are written and compacted all the time. `ldb checkconsistency` checks, and sst_dump the checksums of all blocks.

Usage: client_rocksdb.py DIRECTORY; then lines `put N`, answered by `N`, or `read`, answered by all numbers, what is wrong, and `end`.
"""
import ctypes, ctypes.util, glob, os, select, signal, subprocess, sys
from client import Client
from torture import run


class RocksDB(Client):
    name = "rocksdb"

    def start(self):
        self.launch([sys.executable, os.path.abspath(__file__), self.folder], bufsize=0, stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE)   # no buffer: `line` asks the descriptor
        if self.line() != "open": raise RuntimeError("rocksdb does not open")

    def line(self):
        if not select.select([self.process.stdout], [], [], 60)[0]: raise RuntimeError("rocksdb does not answer")
        return self.process.stdout.readline().decode().rstrip("\n")

    def tell(self, words):
        self.process.stdin.write(words.encode() + b"\n")

    def session(self, stop):
        try:
            while not stop.is_set():
                n = self.begin()
                self.tell(f"put {n}")
                if self.line() != str(n): return
                self.acknowledge(n)
        except (OSError, RuntimeError): pass

    def verify(self):
        self.tell("read")
        found, wrong = [], []
        while (line := self.line()) != "end":
            if not line: return wrong + ["rocksdb: died while it read"]
            if line.isdigit(): found.append(int(line))
            else: wrong.append(f"rocksdb: {line}")
        return wrong + self.judge(found)

    def check_files(self, folder):
        checks = [("ldb", f"--db={folder}", "checkconsistency")]
        if glob.glob(os.path.join(folder, "*.sst")): checks.append(("sst_dump", f"--file={folder}", "--command=check", "--verify_checksum"))
        wrong = []
        for words in checks:
            done = run(*words)
            # sst_dump ends with 0 whatever it has found.
            if done.returncode or "Corruption" in done.stdout + done.stderr:
                wrong.append(f"{words[0]}: {done.stdout[-300:]} {done.stderr[-300:]}")
        return wrong


class Library:
    """The C interface. A failed call raises what the library says."""

    def __init__(self):
        self.library = ctypes.CDLL(ctypes.util.find_library("rocksdb"))

    def call(self, name, *arguments, answer=ctypes.c_void_p):
        function = self.library["rocksdb_" + name]
        function.restype = answer
        return function(*arguments)

    def make(self, name): return ctypes.c_void_p(self.call(name + "_create"))

    def checked(self, name, *arguments):
        error = ctypes.c_char_p()
        answer = self.call(name, *arguments, ctypes.byref(error))
        if error.value: raise OSError(f"rocksdb_{name}: {error.value.decode()}")
        return ctypes.c_void_p(answer)


class Store:
    def __init__(self, folder):
        self.library = library = Library()
        options = library.make("options")
        library.call("options_set_create_if_missing", options, ctypes.c_ubyte(1))
        library.call("options_set_paranoid_checks", options, ctypes.c_ubyte(1))
        library.call("options_set_write_buffer_size", options, ctypes.c_size_t(64 << 10))
        self.synced = library.make("writeoptions")
        library.call("writeoptions_set_sync", self.synced, ctypes.c_ubyte(1))
        self.reading = library.make("readoptions")
        self.database = library.checked("open", options, folder.encode())

    def put(self, n):
        batch = self.library.make("writebatch")
        for key in (b"a/%09d" % n, b"b/%09d" % n):
            value = self.value(n)
            self.library.call("writebatch_put", batch, key, ctypes.c_size_t(len(key)), value, ctypes.c_size_t(len(value)))
        self.library.checked("write", self.database, self.synced, batch)
        self.library.call("writebatch_destroy", batch)

    @staticmethod
    def value(n): return b"%d-" % n + b"v" * (n % 500)

    def rows(self):
        library, length = self.library, ctypes.c_size_t()
        rows = ctypes.c_void_p(library.call("create_iterator", self.database, self.reading))
        library.call("iter_seek_to_first", rows)

        def part(name): return ctypes.string_at(library.call(name, rows, ctypes.byref(length)), length.value)
        while library.call("iter_valid", rows, answer=ctypes.c_ubyte):
            yield part("iter_key"), part("iter_value")
            library.call("iter_next", rows)
        library.checked("iter_get_error", rows)
        library.call("iter_destroy", rows)

    def read(self):
        """The numbers, and what is wrong with their keys, in lines."""
        found = {b"a": [], b"b": []}
        for key, value in self.rows():
            table, n = key.split(b"/")
            found[table].append(int(n))
            if value != self.value(int(n)): yield f"{key.decode()} holds {value[:40]}"
        if found[b"a"] != found[b"b"]: yield f"half a batch: {len(found[b'a'])} and {len(found[b'b'])} keys"
        yield from map(str, found[b"a"])
        yield "end"

    def close(self): self.library.call("close", self.database)


def main():
    signal.signal(signal.SIGINT, signal.default_int_handler)   # it may be ignored, if we run in the background
    store = Store(sys.argv[1])
    print("open", flush=True)
    try:
        for line in sys.stdin:
            words = line.split()
            if words[0] == "read": print(*store.read(), sep="\n", flush=True); continue
            store.put(int(words[1]))
            print(words[1], flush=True)
    except KeyboardInterrupt: pass
    store.close()


if __name__ == "__main__": main()
