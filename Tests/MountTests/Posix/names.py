"""Names: what makes, moves and removes them, and how each call refuses."""
import errno, os, stat, subprocess
from battery import *

NOREPLACE, EXCHANGE, WHITEOUT = 1, 2, 4


def renameat2(source, target, flags):
    call("renameat2", -100, os.fsencode(source), -100, os.fsencode(target), flags)


@claim
def a_missing_name_is_ENOENT():
    os.mkdir("d")
    for function in (os.stat, os.lstat, os.unlink, os.rmdir, os.listdir, os.readlink):
        refused(errno.ENOENT, function, "d/none")
        refused(errno.ENOENT, function, "none/none")
    for function in (os.mkdir, os.mkfifo, put):
        refused(errno.ENOENT, function, "none/x")
    refused(errno.ENOENT, os.open, "d/none", os.O_RDWR)
    refused(errno.ENOENT, os.rename, "d/none", "d/y")
    refused(errno.ENOENT, os.rename, "d", "none/y")
    refused(errno.ENOENT, os.link, "d/none", "d/y")
    refused(errno.ENOENT, os.link, put("f"), "none/y")
    refused(errno.ENOENT, os.symlink, "x", "none/y")
    refused(errno.ENOENT, os.symlink, "", "y")
    refused(errno.ENOENT, os.chmod, "d/none", 0o600)
    refused(errno.ENOENT, os.truncate, "d/none", 0)
    refused(errno.ENOENT, os.utime, "d/none")
    refused(errno.ENOENT, os.stat, "")
    refused(errno.ENOENT, os.mkdir, "")


@claim
def a_taken_name_is_EEXIST():
    os.mkdir("d")
    put("f")
    os.symlink("nowhere", "s")
    for name in ("d", "f", "s"):
        refused(errno.EEXIST, os.mkdir, name)
        refused(errno.EEXIST, os.mkfifo, name)
        refused(errno.EEXIST, os.symlink, "x", name)
        refused(errno.EEXIST, os.open, name, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        put("g")
        refused(errno.EEXIST, os.link, "g", name)
        refused(errno.EEXIST, renameat2, "g", name, NOREPLACE)
    expect(os.readlink("s"), "nowhere")
    refused(errno.EEXIST, os.mkdir, ".")
    refused(errno.EEXIST, os.mkdir, "..")


@claim
def a_file_on_the_way_is_ENOTDIR():
    put("f")
    for function in (os.stat, os.lstat, os.unlink, os.rmdir, os.listdir, os.readlink, os.mkdir, os.mkfifo, put):
        refused(errno.ENOTDIR, function, "f/x")
    refused(errno.ENOTDIR, os.rmdir, "f")
    refused(errno.ENOTDIR, os.listdir, "f")
    refused(errno.ENOTDIR, os.open, "f", os.O_DIRECTORY)
    refused(errno.ENOTDIR, os.stat, "f/")
    refused(errno.ENOTDIR, os.stat, "f/.")
    refused(errno.ENOTDIR, os.rename, "f/x", "y")
    put("g")
    refused(errno.ENOTDIR, os.rename, "g", "f/y")
    refused(errno.ENOTDIR, os.link, "g", "f/y")
    os.mkdir("d")
    refused(errno.ENOTDIR, os.rename, "d", "f")
    refused(errno.ENOTDIR, os.chdir, "f")


@claim
def a_directory_in_place_of_a_file_is_EISDIR():
    os.mkdir("d")
    put("f")
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC):
        refused(errno.EISDIR, os.open, "d", flags)
    refused(errno.EISDIR, os.rename, "f", "d")
    refused(errno.EISDIR, os.truncate, "d", 0)
    refused(errno.EISDIR, os.unlink, "d")
    refused(errno.EPERM, os.link, "d", "e")
    with Opened("d") as descriptor:
        refused(errno.EISDIR, os.read, descriptor, 1)
        refused(errno.EBADF, os.write, descriptor, b"x")


@claim
def a_full_directory_is_ENOTEMPTY():
    os.makedirs("d/e")
    os.mkdir("empty")
    refused(errno.ENOTEMPTY, os.rmdir, "d")
    refused(errno.ENOTEMPTY, os.rename, "empty", "d")
    refused(errno.ENOTEMPTY, os.rmdir, "d/..")
    refused(errno.EINVAL, os.rmdir, "d/.")
    os.rmdir("d/e")
    put("d/f")
    refused(errno.ENOTEMPTY, os.rmdir, "d")
    os.rename("d/f", "f")
    os.rmdir("d")
    refused(errno.ENOENT, os.stat, "d")
    os.rename("empty", "d")
    os.rmdir("d")
    expect(os.listdir(), ["f"])


@claim
def names_have_up_to_255_bytes():
    longest, too_long = "n" * 255, "n" * 256
    put(longest, b"x")
    expect(get(longest), b"x")
    expect(os.listdir(), [longest])
    for function in (os.stat, os.lstat, os.unlink, os.rmdir, os.readlink, os.mkdir, os.mkfifo, put, os.listdir):
        refused(errno.ENAMETOOLONG, function, too_long)
    refused(errno.ENAMETOOLONG, os.rename, longest, too_long)
    refused(errno.ENAMETOOLONG, os.rename, too_long, longest)
    refused(errno.ENAMETOOLONG, os.link, longest, too_long)
    refused(errno.ENAMETOOLONG, os.symlink, "x", too_long)
    os.rename(longest, "m" * 255)
    os.mkdir("d" * 255)
    os.symlink("x", "s" * 255)
    os.link("m" * 255, "l" * 255)
    expect(sorted(os.listdir()), [letter * 255 for letter in "dlms"])
    two_byte = "é" * 127
    put(two_byte)
    refused(errno.ENAMETOOLONG, put, two_byte + "é")


@claim
def paths_have_up_to_4095_bytes():
    path = "./" * 2046 + "abc"
    expect(len(path), 4095)
    put(path, b"deep")
    expect(get("abc"), b"deep")
    for function in (os.stat, os.unlink, put, os.mkdir, os.readlink):
        refused(errno.ENAMETOOLONG, function, "./" * 2046 + "abcd")
    os.unlink(path)
    os.symlink("t" * 4095, "s")
    expect(os.readlink("s"), "t" * 4095)
    expect(os.lstat("s").st_size, 4095)
    refused(errno.ENAMETOOLONG, os.symlink, "t" * 4096, "u")
    here = os.getcwd()
    for _ in range(30):
        os.mkdir("d" * 200)
        os.chdir("d" * 200)
    put("bottom", b"far down")
    expect(get("bottom"), b"far down")
    os.chdir(here)


@claim
def symlinks_are_followed_up_to_40_times():
    put("target", b"there")
    os.symlink("target", "l0")
    for number in range(1, 41):
        os.symlink(f"l{number - 1}", f"l{number}")
    expect(get("l39"), b"there")
    refused(errno.ELOOP, os.stat, "l40")
    os.symlink("self", "self")
    for function in (os.stat, os.listdir, get, os.chdir):
        refused(errno.ELOOP, function, "self")
    refused(errno.ELOOP, os.stat, "self/x")
    refused(errno.ELOOP, os.open, "l0", os.O_RDONLY | os.O_NOFOLLOW)
    refused(errno.ELOOP, os.open, "l0", os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW)
    os.symlink("b", "a")
    os.symlink("a", "b")
    refused(errno.ELOOP, os.stat, "a")
    expect(os.readlink("a"), "b")


@claim
def a_dangling_symlink_is_created_through():
    os.symlink("made", "s")
    refused(errno.ENOENT, os.stat, "s")
    put("s", b"through")
    expect(get("made"), b"through")
    holds(stat.S_ISLNK(os.lstat("s").st_mode))
    expect(mode("s"), 0o777)
    os.mkdir("d")
    os.symlink("d", "sd")
    put("sd/x", b"y")
    expect(get("d/x"), b"y")
    refused(errno.ENOTDIR, os.rmdir, "sd")
    os.unlink("sd")
    refused(errno.EINVAL, os.readlink, "made")
    refused(errno.EINVAL, os.readlink, "d")


@claim
def names_are_any_bytes():
    names = [bytes([byte]) for byte in range(1, 256) if byte not in b"/."]
    names += [b"\xff\xfe", b"a\nb", b" ", b"-rf", b"...", b"\xc3\x28", b"*", b"A", "\u00e9".encode(), "e\u0301".encode()]
    names = sorted(set(names))
    for name in names:
        put(name, name)
    expect(sorted(os.listdir(b".")), names)
    for name in names:
        expect(get(name), name)
    os.rename(b"\xff", b"\x01\x02")
    os.link(b"\xfe", b"\x02\x03")
    os.symlink(b"\xfd\xfc", b"\x03\x04")
    expect(os.readlink(b"\x03\x04"), b"\xfd\xfc")
    expect(os.stat(b"\x02\x03").st_nlink, 2)
    for name in os.listdir(b"."):
        os.unlink(name)
    expect(os.listdir(), [])


@claim
def rename_replaces_what_may_be_replaced():
    put("a", b"a")
    put("b", b"b")
    number = os.stat("a").st_ino
    os.rename("a", "b")
    expect((os.listdir(), get("b"), os.stat("b").st_ino), (["b"], b"a", number))
    os.rename("b", "b")
    os.link("b", "c")
    os.rename("b", "c")
    expect(sorted(os.listdir()), ["b", "c"])
    expect(os.stat("b").st_nlink, 2)
    os.mkdir("d")
    os.mkdir("e")
    put("d/x")
    os.rename("d", "e")
    expect(os.listdir("e"), ["x"])
    refused(errno.EINVAL, os.rename, "e", "e/f")
    os.makedirs("e/f/g")
    refused(errno.EINVAL, os.rename, "e", "e/f/g/h")
    refused(errno.ENOTEMPTY, os.rename, "e/f/g", "e")
    refused(errno.ENOTEMPTY, os.rename, "e/f", "e")
    refused(errno.EBUSY, os.rename, "e/.", "z")
    refused(errno.EBUSY, os.rename, "e/..", "z")
    os.symlink("b", "s")
    os.rename("s", "t")
    expect(os.readlink("t"), "b")
    os.rename("b", "t")
    holds(stat.S_ISREG(os.lstat("t").st_mode))
    os.mkfifo("p")
    os.rename("p", "t")
    holds(stat.S_ISFIFO(os.lstat("t").st_mode))
    os.rename("e/f", "f")
    expect(os.listdir("f"), ["g"])
    expect(os.path.samefile("f/g/..", "f"), True)
    expect(os.path.samefile("f/..", "."), True)
    put("regular")
    refused(errno.ENOTDIR, os.rename, "f", "regular")


@claim
def rename_flags_are_honoured():
    put("a", b"a")
    put("b", b"b")
    renameat2("a", "c", NOREPLACE)
    expect(sorted(os.listdir()), ["b", "c"])
    refused(errno.EEXIST, renameat2, "c", "b", NOREPLACE)
    refused(errno.ENOENT, renameat2, "none", "x", NOREPLACE)
    refused(errno.ENOENT, renameat2, "c", "none", EXCHANGE)
    refused(errno.EINVAL, renameat2, "c", "b", NOREPLACE | EXCHANGE)
    refused(errno.EINVAL, renameat2, "c", "b", 64)
    renameat2("c", "b", EXCHANGE)
    expect((get("b"), get("c")), (b"a", b"b"))
    os.makedirs("d/sub")
    renameat2("d", "b", EXCHANGE)
    expect(os.listdir("b"), ["sub"])
    expect(get("d"), b"a")
    refused(errno.EINVAL, renameat2, "b", "b/sub", EXCHANGE)
    refused(errno.EINVAL, renameat2, "b/sub", "b", EXCHANGE)
    os.mkdir("e")
    renameat2("d", "e/x", NOREPLACE)
    renameat2("e/x", "b/sub", EXCHANGE)
    expect(get("b/sub"), b"a")
    holds(os.path.isdir("e/x"))
    expect((os.stat("b").st_nlink, os.stat("e").st_nlink), (2, 3))
    put("same")
    renameat2("same", "same", EXCHANGE)
    refused(errno.EEXIST, renameat2, "same", "same", NOREPLACE)


@claim
def moved_directories_keep_their_contents():
    os.makedirs("a/b/c")
    put("a/b/c/f", b"inside")
    put("a/b/g", b"beside")
    with Opened("a/b/c", os.O_RDONLY | os.O_DIRECTORY) as descriptor:
        os.rename("a/b", "moved")
        expect(get("moved/c/f"), b"inside")
        with Opened("new", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor) as number:
            os.write(number, b"through the descriptor")
    expect(get("moved/c/new"), b"through the descriptor")
    os.makedirs("x/y")
    os.rename("moved", "x/y/z")
    os.rename("x", "w")
    expect(get("w/y/z/g"), b"beside")
    expect(sorted(os.listdir("w/y/z/c")), ["f", "new"])
    refused(errno.ENOENT, os.stat, "moved/g")
    expect(os.listdir("a"), [])


@claim
def hard_links_are_one_file():
    put("a", b"one")
    number = os.stat("a").st_ino
    os.mkdir("d")
    os.link("a", "d/b")
    os.link("d/b", "c")
    expect([os.stat(name).st_nlink for name in ("a", "d/b", "c")], [3, 3, 3])
    expect({os.stat(name).st_ino for name in ("a", "d/b", "c")}, {number})
    with open("d/b", "ab") as file:
        file.write(b" more")
    expect((get("a"), get("c")), (b"one more", b"one more"))
    os.chmod("c", 0o600)
    expect(mode("a"), 0o600)
    os.unlink("a")
    expect((os.stat("c").st_nlink, get("c")), (2, b"one more"))
    os.rename("c", "d/b")
    expect(os.path.lexists("c"), True)
    os.unlink("c")
    expect((os.stat("d/b").st_nlink, os.listdir("d")), (1, ["b"]))
    os.symlink("nowhere", "s")
    os.link("s", "t", follow_symlinks=False)
    expect((os.readlink("t"), os.lstat("s").st_nlink), ("nowhere", 2))
    os.mkfifo("p")
    os.link("p", "q")
    holds(stat.S_ISFIFO(os.lstat("q").st_mode))


@claim
def special_files_are_made():
    os.mkfifo("fifo", 0o640)
    holds(stat.S_ISFIFO(os.lstat("fifo").st_mode))
    expect(mode("fifo"), 0o640)
    for name, kind, device in (
        ("char", stat.S_IFCHR, os.makedev(1, 3)), ("block", stat.S_IFBLK, os.makedev(250, 77777)),
        ("socket", stat.S_IFSOCK, 0), ("regular", stat.S_IFREG, 0), ("pipe", stat.S_IFIFO, 0),
    ):
        os.mknod(name, kind | 0o604, device)
        status = os.lstat(name)
        expect((stat.S_IFMT(status.st_mode), mode(name)), (kind, 0o604))
        if device:
            expect(status.st_rdev, device)
        refused(errno.EEXIST, os.mknod, name, kind | 0o600, device)
    # The mount may be nodev; what counts is the node.
    child = os.fork()
    if child == 0:
        with open("fifo", "wb") as pipe:
            pipe.write(b"through the fifo")
        os._exit(0)
    with open("fifo", "rb") as pipe:
        expect(pipe.read(), b"through the fifo")
    os.waitpid(child, 0)
    import socket
    server = socket.socket(socket.AF_UNIX)
    server.bind("listening")
    server.listen()
    client = socket.socket(socket.AF_UNIX)
    client.connect("listening")
    connection, _ = server.accept()
    client.send(b"hello")
    expect(connection.recv(5), b"hello")
    for one in (server, client, connection):
        one.close()
    holds(stat.S_ISSOCK(os.lstat("listening").st_mode))
    refused(errno.ENXIO, os.open, "listening", os.O_RDONLY)
    refused(errno.ENXIO, os.open, "fifo", os.O_WRONLY | os.O_NONBLOCK)
    refused(errno.EPERM, os.mknod, "dir", stat.S_IFDIR | 0o700)


@claim
def other_filesystems_are_EXDEV():
    put("f")
    elsewhere = f"/dev/shm/ebbfs-posix-{os.getpid()}"
    refused(errno.EXDEV, os.rename, "f", elsewhere)
    refused(errno.EXDEV, os.link, "f", elsewhere)
    put(elsewhere)
    try:
        refused(errno.EXDEV, os.rename, elsewhere, "g")
        refused(errno.EXDEV, os.link, elsewhere, "g")
    finally:
        os.unlink(elsewhere)


@claim
def link_counts_of_directories_follow_their_subdirectories():
    os.mkdir("d")
    expect(os.stat("d").st_nlink, 2)
    for number in range(5):
        os.mkdir(f"d/{number}")
    put("d/file")
    expect(os.stat("d").st_nlink, 7)
    os.rmdir("d/0")
    expect(os.stat("d").st_nlink, 6)
    os.mkdir("e")
    os.rename("d/1", "e/1")
    expect((os.stat("d").st_nlink, os.stat("e").st_nlink), (5, 3))
    os.rename("d/2", "d/3")
    expect(os.stat("d").st_nlink, 4)
    os.rename("d/3", "e/1")
    expect((os.stat("d").st_nlink, os.stat("e").st_nlink), (3, 3))
    with Opened("d/4", os.O_RDONLY | os.O_DIRECTORY) as descriptor:
        os.rmdir("d/4")
        expect(os.fstat(descriptor).st_nlink, 0)
        refused(errno.ENOENT, os.open, "x", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor)
        refused(errno.ENOENT, os.mkdir, "x", dir_fd=descriptor)
        expect(os.listdir(descriptor), [])
    expect(os.stat("d").st_nlink, 2)


@claim
def inode_numbers_stay():
    put("f")
    os.mkdir("d")
    first = os.stat("f").st_ino
    os.rename("f", "d/g")
    os.link("d/g", "h")
    os.unlink("d/g")
    put("h", b"rewritten")
    expect(os.stat("h").st_ino, first)
    entries = {entry.name: entry.inode() for entry in os.scandir(".")}
    expect(entries, {"h": first, "d": os.stat("d").st_ino})
    kinds = {entry.name: (entry.is_dir(), entry.is_file()) for entry in os.scandir(".")}
    expect(kinds, {"h": (False, True), "d": (True, False)})


@claim
def the_current_directory_may_be_removed():
    os.mkdir("d")
    os.chdir("d")
    os.rmdir("../d")
    refused(errno.ENOENT, put, "x")
    refused(errno.ENOENT, os.mkdir, "x")
    refused(errno.ENOENT, os.symlink, "x", "y")
    expect(os.listdir("."), [])
    refused(errno.ENOENT, os.stat, "../d")
    os.chdir("..")
    os.mkdir("d")
    expect(os.listdir("d"), [])
