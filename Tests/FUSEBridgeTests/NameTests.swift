import Testing

@Suite(.serialized) struct NameTests {
  @Test func everyKindOfFileIsMadeAndFound() throws {
    try withMount { mount in
      try check(
        mount,
        """
        os.umask(0o027)
        put("file", b"x")
        os.mkdir("directory", 0o777)
        os.symlink("some/target", "link")
        os.mkfifo("fifo", 0o666)
        os.mknod("device", stat.S_IFCHR | 0o600, os.makedev(259, 300000))
        os.mknod("socket", stat.S_IFSOCK | 0o600)
        os.mknod("plain", stat.S_IFREG | 0o600)
        os.link("file", "second")
        assert os.readlink("link") == "some/target" and os.lstat("link").st_size == 11
        assert stat.S_IMODE(os.stat("directory").st_mode) == 0o750
        assert stat.S_IMODE(os.stat("fifo").st_mode) == 0o640
        device = os.stat("device").st_rdev
        assert (os.major(device), os.minor(device)) == (259, 300000)
        assert os.stat("file").st_nlink == 2 and os.path.samefile("file", "second")
        refused(errno.ENAMETOOLONG, os.stat, "n" * 256)
        put("n" * 255, b"x")
        refused(errno.ENOENT, os.stat, "absent")
        refused(errno.ENOENT, os.stat, "absent")
        put("absent", b"here now")
        refused(errno.ENOTEMPTY, lambda: (put("directory/x", b""), os.rmdir("directory")))
        os.unlink("directory/x")
        os.rmdir("directory")
        status = os.statvfs(".")
        assert (status.f_blocks, status.f_bfree, status.f_bavail, status.f_files, status.f_namemax) == (1000, 600, 500, 100, 255)
        """)
    }
  }

  @Test func renameFlagsKeepTheirMeaning() throws {
    try withMount { mount in
      try check(
        mount,
        """
        def rename(old, new, flags):
            call("renameat2", -100, old.encode(), -100, new.encode(), flags)
        put("a", b"a"); put("b", b"b")
        refused(errno.EEXIST, rename, "a", "b", 1)
        rename("a", "c", 1)
        rename("b", "c", 2)
        assert get("b") == b"a" and get("c") == b"b"
        refused(errno.ENOENT, rename, "b", "absent", 2)
        rename("b", "c", 0)
        assert get("c") == b"a" and os.listdir(".") == ["c"]
        refused(errno.EINVAL, rename, "c", "d", 4)
        """)
    }
  }

  @Test(arguments: [false, true]) func listingSurvivesChangesWhileItIsRead(answeredLater: Bool) throws {
    try withMount(delivery: answeredLater ? .later : .atOnce) { mount in
      try check(
        mount,
        """
        class Dirent(ctypes.Structure):
            _fields_ = [("ino", ctypes.c_ulong), ("off", ctypes.c_long), ("reclen", ctypes.c_ushort),
                        ("type", ctypes.c_ubyte), ("name", ctypes.c_char * 256)]
        libc.opendir.restype = ctypes.c_void_p
        libc.readdir.restype = ctypes.POINTER(Dirent)
        libc.telldir.restype = ctypes.c_long
        count = 2500
        os.mkdir("d")
        for number in range(count):
            os.mknod("d/file%05d" % number)
        assert len(os.listdir("d")) == count
        directory = ctypes.c_void_p(libc.opendir(b"d"))
        def next():
            entry = libc.readdir(directory)
            return entry.contents.name.decode() if entry else None
        seen, places = [], {}
        while (name := next()) is not None:
            seen.append(name)
            if name.startswith("file"):
                number = int(name[4:])
                places[number] = libc.telldir(directory)
                if number % 3 == 0:
                    os.unlink("d/" + name)
                    put("d/new%05d" % number, b"")
        assert seen[:2] == [".", ".."]
        assert [name for name in seen if name.startswith("file")] == ["file%05d" % number for number in range(count)]
        assert len(seen) == len(set(seen))
        # The place after an entry that is gone is still the place of the next one that is there.
        for number in (1500, 3, 2100):
            libc.seekdir(directory, ctypes.c_long(places[number]))
            assert next() == "file%05d" % (number + 1)
        libc.rewinddir(directory)
        again = set()
        while (name := next()) is not None: again.add(name)
        assert again == set(os.listdir("d")) | {".", ".."}
        for entry in os.scandir("d"): assert entry.inode() == entry.stat().st_ino
        """)
    }
  }

  @Test func manyEntriesAreListedOnceEach() throws {
    try withMount { mount in
      try check(
        mount,
        """
        names = ["%d-%s" % (number, "x" * (number % 200)) for number in range(10000)]
        for name in names: os.mknod(name)
        assert sorted(os.listdir(".")) == sorted(names)
        with open("/proc/sys/vm/drop_caches", "w") as file: file.write("2")
        with os.scandir(".") as entries:
            assert sorted(entry.name for entry in entries if entry.stat().st_size == 0) == sorted(names)
        """)
    }
  }

  @Test func unnamedFileGetsItsNameByLinking() throws {
    try withMount { mount in
      try check(
        mount,
        """
        os.umask(0o022)
        descriptor = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o666)
        os.write(descriptor, b"unnamed")
        assert os.fstat(descriptor).st_nlink == 0 and stat.S_IMODE(os.fstat(descriptor).st_mode) == 0o644
        assert os.listdir(".") == []
        call("linkat", -100, b"/proc/self/fd/%d" % descriptor, -100, b"named", 0x400)
        assert get("named") == b"unnamed" and os.stat("named").st_nlink == 1
        second = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o600)
        os.close(second)
        """)
      // Both were forgotten: the second when it was closed.
      #expect(mount.handler.observed.counts["makeTemporary"] == 2)
    }
  }

  @Test func fileHandlesOutliveTheKernelsMemory() throws {
    try withMount { mount in
      try check(
        mount,
        """
        class Handle(ctypes.Structure):
            _fields_ = [("bytes", ctypes.c_uint), ("type", ctypes.c_int), ("handle", ctypes.c_ubyte * 128)]
        def handle(name):
            result, mount_id = Handle(bytes=128), ctypes.c_int()
            call("name_to_handle_at", -100, name.encode(), ctypes.byref(result), ctypes.byref(mount_id), 0)
            return result
        def reopen(handle):
            return call("open_by_handle_at", root, ctypes.byref(handle), os.O_RDONLY)
        os.makedirs("a/b")
        put("a/b/file", b"content"); put("gone", b"")
        handles = [handle(name) for name in ("a/b/file", "a/b", "gone")]
        root = os.open(".", os.O_RDONLY)
        os.unlink("gone")
        def drop():
            with open("/proc/sys/vm/drop_caches", "w") as file: file.write("2")
        drop()
        assert os.read(reopen(handles[0]), 10) == b"content"
        assert os.listdir(reopen(handles[1])) == ["file"]
        for attempt in range(100):  # the kernel may pass over what somebody else looks at just then
            try:
                os.close(reopen(handles[2]))
                drop()
            except OSError: break
        refused(errno.ESTALE, reopen, handles[2])
        """)
      #expect((mount.handler.observed.counts["lookupSelf"] ?? 0) >= 1)
    }
  }
}
