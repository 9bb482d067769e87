import FilesystemModel
import Testing

@Suite(.serialized) struct AttributeTests {
  @Test func timesModesAndOwnersAreSet() throws {
    try withMount { mount in
      try check(
        mount,
        """
        put("a", b"x")
        os.utime("a", ns=(1_000_000_001, 2_000_000_002))
        assert (os.stat("a").st_atime_ns, os.stat("a").st_mtime_ns) == (1_000_000_001, 2_000_000_002)
        os.utime("a", ns=(-5_000_000_001, 3))
        assert os.stat("a").st_atime_ns == -5_000_000_001
        class Timespec(ctypes.Structure):
            _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]
        now, omit = 0x3fffffff, 0x3ffffffe
        before = time.time_ns()
        call("utimensat", -100, b"a", (Timespec * 2)(Timespec(0, omit), Timespec(0, now)), 0)
        assert os.stat("a").st_atime_ns == -5_000_000_001
        assert before <= os.stat("a").st_mtime_ns <= time.time_ns()
        os.chown("a", 12, 34)
        assert (os.stat("a").st_uid, os.stat("a").st_gid) == (12, 34)
        os.chown("a", -1, 35)
        assert (os.stat("a").st_uid, os.stat("a").st_gid) == (12, 35)
        os.chmod("a", 0o7751)
        assert stat.S_IMODE(os.stat("a").st_mode) == 0o7751
        assert os.stat("a").st_blksize == 4096 and os.stat("a").st_blocks == 8
        """)
    }
  }

  @Test func statxTellsTheBirthTime() throws {
    try withMount { mount in
      try check(
        mount,
        """
        before = time.time() - 1
        put("a", b"x")
        time.sleep(0.02)
        put("a", b"later")
        answer = ctypes.create_string_buffer(256)
        call("statx", -100, b"a", 0, 0xfff, answer)
        mask, = struct.unpack_from("I", answer.raw, 0)
        size, = struct.unpack_from("Q", answer.raw, 40)
        born = struct.unpack_from("qI", answer.raw, 80)
        modified = struct.unpack_from("qI", answer.raw, 112)
        assert mask & 0x800 and size == 5
        assert before < born[0] and born < modified, (born, modified)
        """)
    }
  }

  @Test func extendedAttributesKeepTheRulesOfSizes() throws {
    try withMount { mount in
      try check(
        mount,
        """
        put("a", b"")
        def getxattr(name, size):
            buffer = ctypes.create_string_buffer(max(size, 1))
            return call("getxattr", b"a", name, buffer if size else None, size), buffer.raw[:size]
        os.setxattr("a", "user.one", b"12345")
        assert getxattr(b"user.one", 0)[0] == 5
        assert getxattr(b"user.one", 5) == (5, b"12345")
        refused(errno.ERANGE, getxattr, b"user.one", 4)
        refused(errno.ENODATA, getxattr, b"user.two", 0)
        refused(errno.EEXIST, os.setxattr, "a", "user.one", b"", os.XATTR_CREATE)
        refused(errno.ENODATA, os.setxattr, "a", "user.two", b"", os.XATTR_REPLACE)
        os.setxattr("a", "user.one", b"", os.XATTR_REPLACE)
        assert getxattr(b"user.one", 0)[0] == 0
        os.setxattr("a", "user.big", b"v" * 65536)
        assert os.getxattr("a", "user.big") == b"v" * 65536
        assert os.listxattr("a") == ["user.one", "user.big"]
        refused(errno.ERANGE, call, "listxattr", b"a", ctypes.create_string_buffer(17), 17)
        assert call("listxattr", b"a", None, 0) == 18
        os.removexattr("a", "user.one")
        refused(errno.ENODATA, os.removexattr, "a", "user.one")
        anyone = 0xffffffff
        acl = struct.pack("<IHHIHHIHHIHHIHHI", 2, 1, 6, anyone, 2, 4, 1000, 4, 4, anyone, 16, 4, anyone, 32, 4, anyone)
        os.setxattr("a", "system.posix_acl_access", acl)
        assert os.getxattr("a", "system.posix_acl_access") == acl
        """)
    }
  }

  @Test func umaskIsLeftToTheHandler() throws {
    try withMount { mount in
      for (call, kind) in [("mkdir", FileKind.directory), ("mkfifo", .fifo)] {
        try check(mount, "os.umask(0o027); os.\(call)('\(call)', 0o666)\n")
        #expect(mount.handler.observed.lastMake == MakeRequest(kind: kind, permissions: 0o666, umask: 0o027))
      }
      try check(mount, "os.umask(0o027); os.close(os.open('file', os.O_CREAT, 0o666))\n")
      #expect(mount.handler.observed.lastMake == MakeRequest(kind: .regular, permissions: 0o666, umask: 0o027))
    }
  }

  @Test func callersGroupsAreToldWhereTheyMatter() throws {
    try withMount { mount in
      try check(
        mount,
        """
        os.chmod(".", 0o777)
        child = os.fork()
        if child == 0:
            os.setgroups([2000, 2001]); os.setgid(1000); os.setuid(1000)
            put("a", b"")
            os.chmod("a", 0o600)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        """)
      let groups = mount.handler.observed.lastGroups
      #expect(groups == [2000, 2001])
      #expect(!mount.handler.observed.uniques.contains(0))
    }
  }
}
