import FUSEBridge
import FilesystemModel
import Glibc
import MemoryFilesystem
import Statistics
import Testing

@Suite(.serialized) struct SessionTests {
  /// Also when the signal comes before the handler has said under which number it knows the request.
  @Test(arguments: ["parked", "parked slowly"]) func waitingRequestIsInterruptedByASignal(name: String) throws {
    try withMount { mount in
      try check(
        mount,
        """
        signal.signal(signal.SIGUSR1, lambda *ignored: None)
        parent = os.getpid()
        for attempt in range(30):
            child = os.fork()
            if child == 0:
                while True:
                    time.sleep(0.001 * (attempt % 8))
                    os.kill(parent, signal.SIGUSR1)
            refused(errno.EINTR, os.stat, "\(name)")
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        """)
      #expect(mount.handler.waitingCount == 0)
      #expect(mount.handler.observed.interrupts >= 1)
    }
  }

  @Test func requestThatIsDroppedFails() throws {
    try withMount { mount in
      startThread {
        _ = eventually { mount.handler.waitingCount > 0 }
        mount.handler.dropWaiting()
      }
      try check(mount, "refused(errno.EIO, os.stat, 'parked')\n")
    }
  }

  @Test func moreRequestsMayWaitThanThereAreThreads() throws {
    try withMount { mount in
      try check(
        mount,
        """
        # A lookup that waits blocks creation in the same directory: that is the kernel's own lock.
        os.mkdir("d")
        children = []
        for number in range(10):
            child = os.fork()
            if child == 0:
                os.stat("d/parked%d" % number)
            children.append(child)
        time.sleep(0.2)
        put("a", b"still served")
        assert get("a") == b"still served"
        for child in children: os.kill(child, signal.SIGKILL)
        for child in children: assert os.waitpid(child, 0)[1] == signal.SIGKILL
        """)
      // All at once, though in one directory (PARALLEL_DIROPS).
      #expect(mount.handler.observed.waitingMax == 10)
    }
  }

  @Test func requestsAreCountedAndTimedUntilTheirReply() throws {
    try withMount { mount in
      startThread {
        _ = eventually { mount.handler.waitingCount > 0 }
        usleep(300_000)
        mount.handler.dropWaiting()
      }
      try check(
        mount,
        """
        for number in range(10): put("f%d" % number, b"content")
        os.close(os.open(".", os.O_TMPFILE | os.O_RDWR, 0o600))
        refused(errno.EINVAL, call, "renameat2", -100, b"f1", -100, b"f2", 4)
        refused(errno.EIO, os.stat, "parked")
        """)
      let families = mount.session.statistics()
      #expect(families.map(\.name) == ["ebbfs_fuse_request_seconds"] && families[0].isValid)
      var counts: [String: Int] = [:]
      var slowest: [String: Int] = [:]
      for sample in families[0].samples {
        guard case .histogram(let snapshot) = sample.value else { continue }
        counts[sample.labels[0].value] = snapshot.count
        slowest[sample.labels[0].value] = snapshot.max
      }
      let seen = mount.handler.observed.counts
      #expect(counts["create"] == 10 && counts["write"] == 10 && counts["tmpfile"] == 1)
      #expect(counts["rename"] == 1, "refused before the handler sees it")
      #expect(counts["lookup"] == seen["lookup"] && counts["getxattr"] == seen["getExtendedAttribute"])
      #expect(counts["getattr", default: 0] + counts["statx", default: 0] == seen["getAttributes", default: 0])
      #expect(counts["unlink"] == 0 && counts["copy_file_range"] == 0, "told from the start")
      #expect(slowest["lookup", default: 0] >= 300_000_000, "the wait is part of it")
      #expect(1..<300_000_000 ~= slowest["create", default: 0])
    }
  }

  @Test func lockIsInterruptedByASignal() throws {
    try withMount { mount in
      try check(
        mount,
        """
        put("a", b"")
        signal.signal(signal.SIGALRM, lambda *ignored: (_ for _ in ()).throw(InterruptedError(errno.EINTR, "signal")))
        for lock in (fcntl.flock, fcntl.lockf):
            ready, wait = os.pipe(), os.pipe()
            child = os.fork()
            if child == 0:
                lock(os.open("a", os.O_RDWR), fcntl.LOCK_EX)
                os.write(ready[1], b"x")
                os.read(wait[0], 1)
                os._exit(0)
            os.read(ready[0], 1)
            descriptor = os.open("a", os.O_RDWR)
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            refused(errno.EINTR, lock, descriptor, fcntl.LOCK_EX)
            os.write(wait[1], b"x")
            os.waitpid(child, 0)
            lock(descriptor, fcntl.LOCK_EX)
            os.close(descriptor)
        """)
    }
  }

  @Test func kernelAsksNoMoreThanItMust() throws {
    try withMount { mount in
      try check(
        mount,
        """
        put("warm", b"x")
        get("warm")
        os.mkdir("d")
        put("d/file", b"x")
        """)
      let before = mount.handler.observed.counts
      try check(
        mount,
        """
        for number in range(50): put("d/%d" % number, b"content")
        for number in range(10): put("d/file", b"more")
        for number in range(10): put("d/file", b"MORE"), os.stat("d/file"), get("d/file")
        for number in range(10): refused(errno.ENOENT, os.stat, "absent")
        """)
      let made = mount.handler.observed.counts.merging(before) { $0 - $1 }.filter { $0.value > 0 }
      // A new file: LOOKUP, CREATE, GETXATTR of security.capability, WRITE, GETATTR of the directory. A name in use: one LOOKUP.
      // The contents written last are read from the page cache, and attributes are asked for after each write; once they came,
      // the next write asks for security.capability again.
      #expect(made["make"] == 50 && made["write"] == 70)
      #expect(made["lookup", default: 0] <= 52)
      #expect(made["getExtendedAttribute", default: 0] <= 60, "KILLPRIV_V2 spares asking before each write: \(made)")
      #expect(made["getAttributes", default: 0] <= 80)
      #expect(made["read", default: 0] <= 1, "the page cache is kept when a file is opened again: \(made)")
      #expect(Set(made.keys).isSubset(of: ["make", "write", "lookup", "getExtendedAttribute", "getAttributes", "read"]))
    }
  }

  @Test func kernelForgetsEveryLookupThatWasCounted() throws {
    try withMount { mount in
      try check(
        mount,
        """
        for number in range(300):
            put("f%d" % number, b"x")
            os.link("f%d" % number, "l%d" % number)
        for entry in os.scandir("."): entry.stat()
        for name in os.listdir("."): os.unlink(name)
        """)
      // `MemoryHandler` stops the process when an inode is forgotten more often than it was looked up.
      #expect(eventually { mount.handler.rememberedCount <= 1 })
    }
  }

  @Test func changesBehindTheKernelAreSeenAfterInvalidation() throws {
    try withMount { mount in
      try check(mount, "put('a', b'x')\n")
      try mount.session.invalidateEntry(Location(.root, "a"))
      let before = mount.handler.observed.counts["lookup"] ?? 0
      try check(mount, "os.stat('a')\n")
      #expect(mount.handler.observed.counts["lookup"] == before + 1)
      try mount.session.invalidate(InodeNumber(2))
      #expect(throws: Errno.noEntry) { try mount.session.invalidate(InodeNumber(999)) }
      #expect(throws: Errno.noEntry) { try mount.session.invalidateEntry(Location(.root, "unknown")) }
    }
  }

  @Test func unmountEndsTheSession() throws {
    try withMount { mount in
      let descriptor = unsafe open(mount.path, O_RDONLY | O_DIRECTORY)
      #expect(throws: Errno.busy) { try mount.session.unmount(lazily: false) }
      #expect(!mount.session.isEnded)
      close(descriptor)
      try mount.session.unmount(lazily: false)
      #expect(eventually { mount.session.isEnded })
      // Nothing is there to be taken away: neither our mount nor, below, another's.
      try mount.session.unmount(lazily: false)
    }
  }

  @Test func exitEndsAMountThatIsInUse() throws {
    try withMount { mount in
      let descriptor = unsafe open(mount.path + "/a", O_RDWR | O_CREAT, 0o644)
      defer { close(descriptor) }
      try #require(descriptor >= 0)
      mount.session.exit()
      #expect(mount.session.isEnded)
      #expect(eventually { unsafe write(descriptor, "x", 1) == -1 && errno == ENOTCONN })
    }
  }

  @Test func mountOfAnotherAtTheSamePlaceIsLeftAlone() throws {
    try withMount { mount in
      try mount.session.unmount(lazily: true)
      #expect(unsafe Glibc.mount("tmpfs", mount.path, "tmpfs", 0, nil) == 0)
      defer { unsafe umount2(mount.path, Int32(MNT_DETACH)) }
      mount.session.exit()
      try mount.session.unmount(lazily: true)
      #expect(try run(["stat", "-f", "-c", "%T", mount.path]).output == "tmpfs\n")
    }
  }

  @Test func whatCannotBeMountedIsToldInOneLine() throws {
    let options = MountSessionOptions(fsname: "memory")
    #expect(throws: MountError("/tmp/ebbfs-absent: No such file or directory")) {
      try MountSession(mountpoint: "/tmp/ebbfs-absent", options: options, handler: MemoryHandler())
    }
    #expect(throws: MountError("/dev/null: Not a directory")) {
      try MountSession(mountpoint: "/dev/null", options: options, handler: MemoryHandler())
    }
    var unknown = options
    unknown.kernelOptions = ["nonsense"]
    #expect(throws: MountError("unknown option(s): `-o nonsense'")) {
      try MountSession(mountpoint: "/tmp", options: unknown, handler: MemoryHandler())
    }
  }

  @Test func optionsReachTheKernel() throws {
    try withMount {
      $0.fsname = "with,comma"
      $0.readOnly = true
      $0.kernelOptions = ["noatime", "noexec"]
    } _: { mount in
      try check(
        mount,
        """
        line, = [line for line in open("/proc/mounts") if sys.argv[1] in line]
        source, _, kind, options = line.split()[:4]
        assert (source, kind) == ("with,comma", "fuse.ebbfs"), line
        wanted = {"ro", "noatime", "noexec", "nosuid", "nodev", "default_permissions", "allow_other"}
        assert wanted <= set(options.split(",")), line
        refused(errno.EROFS, put, "a", b"x")
        """)
    }
  }
}
