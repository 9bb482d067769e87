import Testing

@Suite(.serialized) struct ContentTests {
  @Test(arguments: [false, true]) func bytesWrittenAreBytesRead(answeredLater: Bool) throws {
    try withMount(delivery: answeredLater ? .later : .atOnce) { mount in
      try check(
        mount,
        """
        put("a", b"hello long content")
        assert get("a") == b"hello long content"
        put("a", b" more", os.O_WRONLY | os.O_APPEND)
        assert get("a") == b"hello long content more"
        # Twice: the first OPEN is answered with ENOSYS, later ones are not sent at all, and O_TRUNC must not get lost.
        for word in (b"x", b"y"):
            put("a", word, os.O_WRONLY | os.O_TRUNC)
            assert get("a") == word, get("a")
        refused(errno.EEXIST, os.open, "a", os.O_CREAT | os.O_EXCL)
        big = os.urandom(3 * 1024 * 1024 + 17)
        put("big", big)
        assert get("big") == big
        descriptor = os.open("big", os.O_RDWR)
        os.ftruncate(descriptor, 5000)
        os.ftruncate(descriptor, 9000)
        assert os.pread(descriptor, 10000, 4990) == big[4990:5000] + bytes(4000)
        os.fsync(descriptor)
        os.fdatasync(descriptor)
        directory = os.open(".", os.O_RDONLY)
        os.fsync(directory)
        os.unlink("big")
        assert os.pread(descriptor, 5, 0) == big[:5]
        assert os.fstat(descriptor).st_nlink == 0
        """)
      #expect(mount.handler.observed.counts["synchronize"] == 3)
    }
  }

  @Test func directAccessNeedsNoAlignment() throws {
    try withMount { mount in
      try check(
        mount,
        """
        direct = os.open("a", os.O_RDWR | os.O_CREAT | os.O_DIRECT, 0o644)
        data = os.urandom(5000)
        for offset, count in ((0, 512), (512, 100), (612, 4097), (4709, 291)):
            assert os.pwrite(direct, data[offset:offset + count], offset) == count
        assert get("a") == data
        put("a", b"buffered")
        assert os.pread(direct, 8, 0) == b"buffered"
        assert os.pread(direct, 77, 3) == (b"buffered" + data[8:])[3:80]
        """)
    }
  }

  @Test func storesToASharedMappingArriveWithMsync() throws {
    try withMount { mount in
      try check(
        mount,
        """
        put("a", bytes(10000))
        descriptor = os.open("a", os.O_RDWR)
        mapping = mmap.mmap(descriptor, 10000)
        mapping[9000:9005] = b"store"
        mapping.flush()
        assert os.pread(descriptor, 5, 9000) == b"store"
        os.pwrite(descriptor, b"write", 100)
        assert mapping[100:105] == b"write"
        mapping.close()
        os.close(descriptor)
        with open("/proc/sys/vm/drop_caches", "w") as file: file.write("1")
        assert get("a")[9000:9005] == b"store" and len(get("a")) == 10000
        """)
    }
  }

  @Test func fallocateAndLseekKnowHoles() throws {
    try withMount { mount in
      try check(
        mount,
        """
        keep, punch, collapse, zero = 1, 2, 8, 16
        def fallocate(mode, offset, length):
            call("fallocate", descriptor, mode, ctypes.c_long(offset), ctypes.c_long(length))
        descriptor = os.open("a", os.O_RDWR | os.O_CREAT, 0o644)
        os.pwrite(descriptor, b"d" * 20000, 0)
        fallocate(punch | keep, 4096, 4096)
        assert os.lseek(descriptor, 0, os.SEEK_HOLE) == 4096
        assert os.lseek(descriptor, 4096, os.SEEK_DATA) == 8192
        assert os.pread(descriptor, 2, 4095) == b"d\\0"
        fallocate(zero, 19000, 2000)
        assert os.fstat(descriptor).st_size == 21000
        assert os.pread(descriptor, 1000, 19000) == bytes(1000)
        fallocate(zero | keep, 20000, 5000)
        fallocate(keep, 0, 90000)
        assert os.fstat(descriptor).st_size == 21000
        fallocate(0, 0, 30000)
        assert os.fstat(descriptor).st_size == 30000
        refused(errno.EOPNOTSUPP, fallocate, collapse, 0, 4096)
        refused(errno.ENXIO, os.lseek, descriptor, 30000, os.SEEK_DATA)
        """)
    }
  }

  @Test func copyFileRangeCopies() throws {
    try withMount { mount in
      try check(
        mount,
        """
        put("a", b"0123456789")
        source, target = os.open("a", os.O_RDONLY), os.open("b", os.O_RDWR | os.O_CREAT, 0o644)
        assert os.copy_file_range(source, target, 5, 3, 1) == 5
        assert get("b") == b"\\0" + b"34567"
        """)
      #expect(mount.handler.observed.counts["copyRange"] == 1)
    }
  }

  @Test func setIDBitsAreClearedByWriting() throws {
    try withMount { mount in
      // Through a second user: root keeps the bits.
      try check(
        mount,
        """
        put("a", b"content")
        os.chmod("a", 0o6777)
        def act(action):
            child = os.fork()
            if child == 0:
                os.setgid(1000); os.setuid(1000)
                action()
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        empty = lambda: os.close(os.open("a", os.O_WRONLY | os.O_TRUNC))
        for action in (lambda: put("a", b"x"), lambda: os.truncate("a", 1), empty):
            os.chmod("a", 0o6777)
            act(action)
            assert stat.S_IMODE(os.stat("a").st_mode) == 0o777, oct(os.stat("a").st_mode)
        """)
    }
  }
}
