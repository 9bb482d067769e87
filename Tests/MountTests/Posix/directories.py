"""Directories: listings that stay sound while entries come and go."""
import ctypes, errno, os, stat
from battery import *

libc.opendir.restype = libc.readdir.restype = ctypes.c_void_p
libc.telldir.restype = ctypes.c_long


class Dirent(ctypes.Structure):
    _fields_ = [("ino", ctypes.c_uint64), ("off", ctypes.c_int64), ("reclen", ctypes.c_ushort), ("type", ctypes.c_ubyte),
                ("name", ctypes.c_char * 256)]


class Stream:
    def __init__(self, path="."):
        self.pointer = ctypes.c_void_p(libc.opendir(os.fsencode(path)))
        assert self.pointer.value

    def next(self):
        entry = libc.readdir(self.pointer)
        return ctypes.cast(entry, ctypes.POINTER(Dirent)).contents if entry else None

    def names(self, count=1 << 30):
        found = []
        while len(found) < count and (entry := self.next()):
            found.append(entry.name.decode())
        return found

    def tell(self):
        return libc.telldir(self.pointer)

    def seek(self, place):
        libc.seekdir(self.pointer, long(place))

    def rewind(self):
        libc.rewinddir(self.pointer)

    def close(self):
        libc.closedir(self.pointer)


def fill(count, prefix="entry"):
    names = [f"{prefix}-{number:05}-with-a-name-of-some-length" for number in range(count)]
    for name in names:
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
    return names


@claim
def a_listing_has_every_name_once():
    names = fill(2000)
    stream = Stream()
    found = stream.names()
    expect(len(found), 2002)
    expect(sorted(found), sorted([".", ".."] + names))
    stream.rewind()
    expect(len(stream.names()), 2002)
    stream.close()
    for name in names[::2]:
        os.unlink(name)
    expect(sorted(os.listdir()), names[1::2])


@claim
def entries_that_stay_are_listed_once_while_others_come_and_go():
    staying = set(fill(1500, "stays"))
    leaving = fill(1500, "leaves")
    stream = Stream()
    found = []
    for round in range(30):
        found += stream.names(100)
        for name in leaving[round * 50:(round + 1) * 50]:
            os.unlink(name)
        fill(20, f"comes-{round}")
    found += stream.names()
    stream.close()
    kept = [name for name in found if name in staying]
    expect((len(kept), len(set(kept))), (1500, 1500))
    expect(len(found), len(set(found)))


@claim
def removal_while_listing_removes_all():
    fill(1000)
    os.mkdir("sub")
    stream = Stream()
    while entry := stream.next():
        name = entry.name.decode()
        if entry.type == 8:
            os.unlink(name)
    stream.close()
    expect(os.listdir(), ["sub"])


@claim
def places_are_found_again():
    fill(700)
    stream = Stream()
    places = {}
    order = []
    while True:
        place = stream.tell()
        entry = stream.next()
        if not entry:
            break
        name = entry.name.decode()
        places[name] = place
        order.append(name)
    for name in order[::37] + order[-3:]:
        stream.seek(places[name])
        expect(stream.names(2), order[order.index(name):order.index(name) + 2])
    position = order.index(order[350])
    for name in order[340:349]:
        if name not in (".", ".."):
            os.unlink(name)
    stream.seek(places[order[position]])
    expect(stream.names(1), [order[position]])
    stream.close()


@claim
def a_listing_tells_types_and_numbers():
    put("f"), os.mkdir("d"), os.symlink("x", "s"), os.mkfifo("p")
    stream = Stream()
    seen = {}
    while entry := stream.next():
        seen[entry.name.decode()] = (entry.type, entry.ino)
    stream.close()
    kinds = {"f": 8, "d": 4, "s": 10, "p": 1, ".": 4, "..": 4}
    expect({name: kind for name, (kind, _) in seen.items()}, kinds)
    for name in ("f", "d", "s", "p", "."):
        expect(seen[name][1], os.lstat(name).st_ino)


@claim
def changes_are_listed_at_once():
    os.mkdir("d")
    for number in range(50):
        put(f"d/{number}")
        expect(len(os.listdir("d")), number + 1)
    os.rename("d/0", "d/x")
    expect("x" in os.listdir("d") and "0" not in os.listdir("d"), True)
    os.rename("d", "e")
    expect(len(os.listdir("e")), 50)
    for name in os.listdir("e"):
        os.unlink(f"e/{name}")
    os.rmdir("e")


@claim
def directories_can_be_synced():
    put("f")
    with Opened(".", os.O_RDONLY | os.O_DIRECTORY) as descriptor:
        os.fsync(descriptor)
        os.fdatasync(descriptor)
        call("syncfs", descriptor)
    os.sync()
    expect(get("f"), b"")
