import Glibc
import Testing

extension MountTests {
  /// What speed is made of, in numbers that do not depend on the machine: requests of the kernel, and blocks of memory.
  @Suite(.serialized) struct CostTests {
    private let patient = "writeback_delay=1m,writeback_deadline=2m"
    private let sources = TestSurroundings.sources + "/Costs"

    /// How many requests of each kind a shell command at the mountpoint costs.
    private func requests(_ fixture: MountFixture, _ command: String) throws -> [String: Int] {
      let result = try run(
        ["/usr/bin/python3", sources + "/requests.py", fixture.mountpoint, "/bin/sh", "-c", command],
        environment: ["SCRATCH": fixture.scratch])
      try #require(result.status == 0, "\(result.output)")
      var counts: [String: Int] = [:]
      for words in result.lines.map({ $0.split(separator: " ") }) where words.count == 2 {
        counts[String(words[0])] = Int(words[1])
      }
      return counts
    }

    /// The parent's GETATTR is the price of permissions that the kernel checks; GETXATTR are two looks for an access list by tar.
    /// SETATTR are owner, mode and times.
    @Test func aFileOfAnArchiveCostsAsFewRequestsAsTheKernelAllows() throws {
      try withMount(options: patient) { fixture in
        let make = "mkdir $SCRATCH/t && cd $SCRATCH/t && for i in $(seq 200); do echo $i > f$i; done && tar -cf ../t.tar ."
        try #require(try run(["/bin/sh", "-c", make], environment: ["SCRATCH": fixture.scratch]).status == 0)
        // From the first OPEN on the kernel sends none, and no RELEASE.
        _ = try requests(fixture, "echo 1 > opened; cat opened")
        let found = try requests(fixture, "tar -xf $SCRATCH/t.tar")
        let most = ["LOOKUP": 1, "CREATE": 1, "GETXATTR": 2, "WRITE": 1, "SETATTR": 3, "GETATTR": 1]
        for (kind, count) in found {
          #expect(count <= 200 * most[kind, default: 0] + 10, "\(kind): \(count) for 200 files in \(found)")
        }
        #expect(found["CREATE"] == 200 && found["WRITE"] == 200)
      }
    }

    @Test func whatIsKnownCostsNoRequest() throws {
      try withMount(options: patient) { fixture in
        let make = "for i in $(seq 100); do echo $i > f$i; done; cat f* > /dev/null; ls; stat f* > /dev/null"
        _ = try requests(fixture, make)
        let look = "for i in $(seq 100); do test -e f$i || exit 1; done; cat f* > /dev/null; ls > /dev/null"
        let found = try requests(fixture, look)
        #expect(found.values.reduce(0, +) <= 10, "\(found)")
      }
    }

    @Test func withKernelWritebackOverwritesComeOnceAndFsyncKeepsItsPromise() throws {
      try withMount(options: patient + ",kernel_writeback") { fixture in
        let overwrite =
          "import os; f = os.open('f', os.O_WRONLY | os.O_CREAT); "
          + "[os.pwrite(f, b'%4096d' % n, n % 10 * 4096) for n in range(1000)]; os.fsync(f)"
        let found = try requests(fixture, "python3 -c \"\(overwrite)\"; touch -d 2001-01-01 f")
        #expect(found["WRITE", default: 0] < 100, "\(found)")
        let shown = try fixture.manifest(of: fixture.mountpoint, withTimes: true)
        try fixture.crash()
        try fixture.mount(options: patient)
        expectEqual(try fixture.manifest(of: fixture.mountpoint, withTimes: true), shown, "after the crash")
        try fixture.expectBackingEqualsMount(byUnmount: true)
      }
    }

    @Test func aWriteOfABlockAllocatesFiveTimes() throws {
      try withMount(mounts: false) { fixture in
        let library = fixture.scratch + "/allocations.so"
        let built = try run(["gcc", "-O2", "-shared", "-fPIC", "-o", library, sources + "/allocations.c"])
        try #require(built.status == 0, "\(built.output)")
        let number = fixture.scratch + "/number"
        let options = "state=\(fixture.state),journal_size=1G,\(patient)"
        let mounted = try run(
          [EbbfsBinary.path, fixture.backing, fixture.mountpoint, "-o", options],
          environment: ["HOME": fixture.base, "LD_PRELOAD": library, "ALLOCATIONS": number])
        try #require(mounted.status == 0, "\(mounted.output)")
        _ = try fixture.noteDaemon()
        let write = """
          import os, struct
          def allocations(): return struct.unpack("Q", open("\(number)", "rb").read())[0]
          file = os.open("\(fixture.mountpoint)/f", os.O_RDWR | os.O_CREAT)
          for turn in range(3):
              before = allocations()
              for number in range(2000): os.pwrite(file, bytes([turn]) * 4096, number % 500 * 4096)
          print((allocations() - before) / 2000)
          """
        let result = try run(["/usr/bin/python3", "-c", write])
        let each = try #require(Double(result.output.dropLast()), "\(result.output)")
        // libfuse's request, ours, the bytes, two closures that answer; a little for syncs and checkpoints meanwhile.
        #expect(each > 4 && each < 5.5, "\(each)")
        try fixture.unmount()
      }
    }
  }
}
