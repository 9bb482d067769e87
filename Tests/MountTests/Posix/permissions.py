"""Permissions: what other users may do, sticky bits, set-id bits, groups of new files, umask and access control lists."""
import errno, os, stat, subprocess
from battery import *

ALICE, BOB, STAFF, OTHER = 1001, 1002, 2001, 2002


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    expect((done.returncode, done.stderr), (0, ""))
    return done.stdout


def owned(name, user, group, bits, is_directory=False):
    if is_directory:
        os.mkdir(name)
    else:
        put(name, b"contents", 0o777)
    os.chown(name, user, group)
    os.chmod(name, bits)
    return name


def make(name, bits=0o666):
    os.close(os.open(name, os.O_CREAT | os.O_WRONLY, bits))


@claim
def modes_decide_who_reads_and_writes():
    os.chmod(".", 0o755)
    owned("mine", ALICE, STAFF, 0o640)
    owned("closed", 0, 0, 0o600)
    owned("odd", ALICE, STAFF, 0o077)

    def as_alice():
        expect(get("mine"), b"contents")
        put("mine", b"changed!")
        refused(errno.EACCES, get, "closed")
        refused(errno.EACCES, get, "odd")
        refused(errno.EACCES, put, "new")
        refused(errno.EACCES, os.truncate, "closed", 0)
        refused(errno.EACCES, os.unlink, "closed")
        refused(errno.EACCES, os.rename, "mine", "yours")
        refused(errno.EACCES, os.link, "mine", "yours")
        refused(errno.EACCES, os.symlink, "mine", "yours")
        refused(errno.EACCES, os.mkdir, "dir")
        expect(os.access("closed", os.R_OK), False)
        expect(os.access("mine", os.R_OK | os.W_OK), True)
        expect(os.access("mine", os.X_OK), False)

    def in_group():
        expect(get("mine"), b"changed!")
        refused(errno.EACCES, os.open, "mine", os.O_WRONLY)
        expect(get("odd"), b"contents")

    def as_stranger():
        refused(errno.EACCES, get, "mine")
        expect(get("odd"), b"contents")

    as_user(ALICE, as_alice)
    as_user(BOB, in_group, groups=[STAFF])
    as_user(BOB, in_group, group=STAFF)
    as_user(BOB, as_stranger)
    owned("x", ALICE, ALICE, 0o000)
    put("x", b"root writes")
    expect(get("x"), b"root writes")


@claim
def directories_need_search_and_write():
    owned("d", ALICE, ALICE, 0o755, is_directory=True)
    put("d/f", b"x")
    os.chmod("d/f", 0o644)

    def check(bits, reads, lists, makes):
        os.chmod("d", bits)

        def as_bob():
            for allowed, function in ((reads, lambda: get("d/f")), (lists, lambda: os.listdir("d")), (makes, lambda: put("d/new"))):
                if allowed:
                    function()
                    expect(True, True)
                else:
                    refused(errno.EACCES, function)
        as_user(BOB, as_bob)

    check(0o700, False, False, False)
    check(0o701, True, False, False)
    check(0o704, False, True, False)
    check(0o705, True, True, False)
    check(0o702, False, False, False)
    check(0o703, True, False, True)
    check(0o707, True, True, True)
    os.mkdir("d/in")

    def inner():
        refused(errno.EACCES, os.stat, "d/in")
        refused(errno.EACCES, os.stat, "d/in/none")
        refused(errno.EACCES, os.chdir, "d")
    os.chmod("d", 0o700)
    as_user(BOB, inner)


@claim
def only_owners_change_attributes():
    owned("f", ALICE, ALICE, 0o666)

    def as_bob():
        refused(errno.EPERM, os.chmod, "f", 0o600)
        refused(errno.EPERM, os.chown, "f", BOB, -1)
        refused(errno.EPERM, os.chown, "f", -1, BOB)
        refused(errno.EPERM, os.utime, "f", ns=(1, 1))
        os.utime("f")
        put("f", b"may write")
        os.setxattr("f", "user.x", b"1")
        refused(errno.EPERM, os.setxattr, "f", "trusted.x", b"1")
        refused(errno.EPERM, os.mknod, "dev", stat.S_IFCHR | 0o600, os.makedev(1, 3))

    def as_alice():
        os.chmod("f", 0o600)
        refused(errno.EPERM, os.chown, "f", BOB, -1)
        refused(errno.EPERM, os.chown, "f", -1, OTHER)
        os.chown("f", -1, STAFF)
        expect(os.stat("f").st_gid, STAFF)
        os.chown("f", ALICE, -1)
        os.utime("f", ns=(1, 1))

    def without_write():
        refused(errno.EACCES, os.utime, "f")
        refused(errno.EACCES, os.setxattr, "f", "user.x", b"1")

    os.chmod(".", 0o777)
    as_user(BOB, as_bob)
    as_user(ALICE, as_alice, groups=[STAFF])
    as_user(BOB, without_write)


@claim
def new_files_belong_to_their_maker():
    os.chmod(".", 0o777)

    def as_alice():
        put("f"), os.mkdir("d"), os.symlink("x", "s"), os.mkfifo("p")
    as_user(ALICE, as_alice, group=STAFF)
    for name in "fdsp":
        expect((os.lstat(name).st_uid, os.lstat(name).st_gid), (ALICE, STAFF))


@claim
def set_group_id_directories_pass_their_group_on():
    owned("d", 0, STAFF, 0o2777, is_directory=True)

    def as_alice():
        os.umask(0)
        put("d/f"), os.mkdir("d/e", 0o755), os.symlink("x", "d/s"), os.mkfifo("d/p")
        put("d/e/inner")
        make("d/set", 0o2775)
        os.mkdir("plain", 0o755)
    os.chmod(".", 0o777)
    as_user(ALICE, as_alice)
    for name in ("f", "e", "s", "p", "e/inner"):
        expect((os.lstat(f"d/{name}").st_uid, os.lstat(f"d/{name}").st_gid), (ALICE, STAFF))
    expect((mode("d/e"), mode("d/f"), mode("plain")), (0o2755, 0o644, 0o755))
    expect(mode("d/set") & 0o7777, 0o775)


@claim
def sticky_directories_protect_other_peoples_files():
    owned("t", 0, 0, 0o1777, is_directory=True)
    owned("t/a", ALICE, ALICE, 0o666)
    owned("t/d", ALICE, ALICE, 0o777, is_directory=True)

    def as_bob():
        refused(errno.EPERM, os.unlink, "t/a")
        refused(errno.EPERM, os.rename, "t/a", "t/x")
        refused(errno.EPERM, os.rmdir, "t/d")
        put("t/b")
        refused(errno.EPERM, os.rename, "t/b", "t/a")
        os.rename("t/b", "t/c")
        os.unlink("t/c")

    def as_alice():
        os.rename("t/a", "t/x")
        os.unlink("t/x")
        os.rmdir("t/d")
    as_user(BOB, as_bob)
    as_user(ALICE, as_alice)
    expect(os.listdir("t"), [])


def set_id_after(function, bits=0o6777, groups=()):
    """The mode of a set-id file after an ordinary user did something to it."""
    owned("f", ALICE, ALICE, bits)
    as_user(BOB, function, groups=groups)
    result = mode("f")
    os.unlink("f")
    return result


def with_file(function, flags=os.O_RDWR):
    def run_it():
        with Opened("f", flags) as descriptor:
            function(descriptor)
    return run_it


@claim
def changes_by_ordinary_users_clear_set_id_bits():
    os.chmod(".", 0o777)
    expect(set_id_after(with_file(lambda descriptor: os.write(descriptor, b"x"))), 0o777)
    for bits, groups, wanted in ((0o6767, [], 0o767), (0o6767, [ALICE], 0o2767), (0o2767, [], 0o767), (0o2767, [ALICE], 0o2767)):
        expect(set_id_after(with_file(lambda descriptor: os.pwrite(descriptor, b"x", 3)), bits, groups), wanted)
        expect(set_id_after(lambda: os.truncate("f", 2), bits, groups), wanted)
    expect(set_id_after(with_file(lambda descriptor: os.ftruncate(descriptor, 2))), 0o777)
    expect(set_id_after(lambda: os.truncate("f", 2)), 0o777)
    expect(set_id_after(with_file(lambda descriptor: None, os.O_WRONLY | os.O_TRUNC)), 0o777)
    expect(set_id_after(with_file(lambda descriptor: call("fallocate", descriptor, 0, long(0), long(100)))), 0o777)
    expect(set_id_after(with_file(lambda descriptor: call("fallocate", descriptor, 3, long(0), long(2)))), 0o777)
    expect(set_id_after(lambda: get("f")), 0o6777)
    put("source", b"copied")
    os.chmod("source", 0o644)

    def copy():
        with Opened("source") as source, Opened("f", os.O_WRONLY) as target:
            os.copy_file_range(source, target, 6)
    expect(set_id_after(copy), 0o777)

    owned("f", ALICE, STAFF, 0o6755)
    as_user(ALICE, lambda: os.chown("f", -1, OTHER), groups=[STAFF, OTHER])
    expect(mode("f"), 0o755)
    os.chmod("f", 0o6755)
    as_user(ALICE, lambda: os.chmod("f", 0o6711), groups=[OTHER])
    expect(mode("f"), 0o6711)
    as_user(ALICE, lambda: os.chmod("f", 0o6711))
    expect(mode("f"), 0o4711)
    owned("d", ALICE, OTHER, 0o2755, is_directory=True)
    as_user(ALICE, lambda: os.chmod("d", 0o2711))
    expect(mode("d"), 0o711)


@claim
def root_writes_keep_set_id_bits():
    owned("f", ALICE, ALICE, 0o6755)
    with Opened("f", os.O_RDWR) as descriptor:
        os.write(descriptor, b"x")
        os.ftruncate(descriptor, 1)
    expect(mode("f"), 0o6755)


@claim
def access_lists_decide():
    owned("f", 0, 0, 0o640)
    run("setfacl", "-m", f"u:{ALICE}:rw,g:{STAFF}:r", "f")
    text = run("getfacl", "-cn", "f")
    expect(text.split(), ["user::rw-", f"user:{ALICE}:rw-", "group::r--", f"group:{STAFF}:r--", "mask::rw-", "other::---"])
    expect(mode("f"), 0o660)

    def as_alice():
        put("f", b"alice was here")
    as_user(ALICE, as_alice)
    as_user(BOB, lambda: expect(get("f"), b"alice was here"), groups=[STAFF])
    as_user(BOB, lambda: refused(errno.EACCES, os.open, "f", os.O_WRONLY), groups=[STAFF])
    as_user(BOB, lambda: refused(errno.EACCES, get, "f"))
    os.chmod("f", 0o600)
    expect("mask::---" in run("getfacl", "-cn", "f"), True)
    as_user(ALICE, lambda: refused(errno.EACCES, get, "f"))
    os.chmod("f", 0o644)
    expect("mask::r--" in run("getfacl", "-cn", "f"), True)
    as_user(ALICE, lambda: expect(get("f"), b"alice was here"))
    as_user(ALICE, lambda: refused(errno.EACCES, os.open, "f", os.O_WRONLY))
    run("setfacl", "-b", "f")
    expect(mode("f"), 0o644)
    expect("system.posix_acl_access" in os.listxattr("f"), False)
    as_user(ALICE, lambda: expect(subprocess.run(["setfacl", "-m", "u:1:r", "f"], capture_output=True).returncode, 1))


@claim
def a_list_of_modes_only_is_no_list():
    put("f", mode=0o600)
    run("setfacl", "-m", "u::rwx,g::r,o::-", "f")
    expect(mode("f"), 0o740)
    expect(os.listxattr("f"), [])
    refused(errno.EINVAL, os.setxattr, "f", "system.posix_acl_access", b"\2\0\0\0rubbish")
    os.symlink("f", "s")
    refused(errno.EOPNOTSUPP, os.setxattr, "s", "system.posix_acl_access", b"\2\0\0\0", follow_symlinks=False)
    refused(errno.EACCES, os.setxattr, "f", "system.posix_acl_default", os.getxattr(default_directory(), "system.posix_acl_default"))


def default_directory():
    os.mkdir("default")
    run("setfacl", "-d", "-m", f"u::rwx,u:{ALICE}:rwx,g::rx,o::-", "default")
    return "default"


@claim
def default_lists_are_inherited():
    d = default_directory()
    os.umask(0o077)
    put(f"{d}/f", mode=0o666)
    os.mkdir(f"{d}/e", 0o777)
    put(f"{d}/e/g", mode=0o600)
    os.mkfifo(f"{d}/p", 0o666)
    os.symlink("x", f"{d}/s")
    expect(run("getfacl", "-cn", f"{d}/f").split(),
           ["user::rw-", f"user:{ALICE}:rwx", "#effective:rw-", "group::r-x", "#effective:r--", "mask::rw-", "other::---"])
    expect(mode(f"{d}/f"), 0o660)
    expect(run("getfacl", "-cnE", f"{d}/e").split(),
           ["user::rwx", f"user:{ALICE}:rwx", "group::r-x", "mask::rwx", "other::---", "default:user::rwx",
            f"default:user:{ALICE}:rwx", "default:group::r-x", "default:mask::rwx", "default:other::---"])
    expect(mode(f"{d}/e"), 0o770)
    expect(mode(f"{d}/e/g"), 0o600)
    expect("mask::---" in run("getfacl", "-cnE", f"{d}/e/g"), True)
    expect(mode(f"{d}/p"), 0o660)
    expect(os.listxattr(f"{d}/s", follow_symlinks=False), [])
    with Opened(d, os.O_TMPFILE | os.O_RDWR, 0o666) as descriptor:
        expect(stat.S_IMODE(os.fstat(descriptor).st_mode), 0o660)
    run("setfacl", "-k", d)
    put(f"{d}/later", mode=0o666)
    expect(mode(f"{d}/later"), 0o600)
    expect(run("getfacl", "-cnd", d).strip(), "")


@claim
def setting_a_list_clears_set_group_id_for_strangers():
    owned("f", ALICE, OTHER, 0o2775)
    as_user(ALICE, lambda: run("setfacl", "-m", f"u:{BOB}:r", "f"))
    expect(mode("f"), 0o775)
    owned("g", ALICE, STAFF, 0o2775)
    as_user(ALICE, lambda: run("setfacl", "-m", f"u:{BOB}:r", "g"), groups=[STAFF])
    expect(mode("g"), 0o2775)


@claim
def lists_of_directories_decide_too():
    owned("d", 0, 0, 0o700, is_directory=True)
    put("d/f", b"x")
    run("setfacl", "-m", f"u:{ALICE}:rwx", "d")

    def as_alice():
        expect(os.listdir("d"), ["f"])
        put("d/new", b"y")
        os.unlink("d/f")
    as_user(ALICE, as_alice)
    as_user(BOB, lambda: refused(errno.EACCES, os.listdir, "d"))
    os.rename("d", "e")
    as_user(ALICE, lambda: expect(os.listdir("e"), ["new"]))
