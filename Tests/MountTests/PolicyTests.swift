import Glibc
import Testing

extension MountTests {
  /// Modes, priorities, durability and batches on a real mount.
  @Suite(.serialized) struct PolicyTests {
    private let patient = "writeback_delay=1m,writeback_deadline=2m"

    private func shellOK(_ script: String, _ directory: String) throws {
      let result = try shell("set -e; " + script, directory: directory)
      #expect(result.status == 0, "\(script): \(result.output)")
    }

    private func refuse(_ fixture: MountFixture, _ words: [String], _ text: String) throws {
      let result = try run([EbbfsBinary.path] + words, environment: ["HOME": fixture.base], seconds: 60)
      #expect(result.status == 2 && result.lines.count == 1 && result.output.contains(text), "\(words): \(result.output)")
    }

    @Test func writeThroughIsInTheBackingDirectoryWhenTheCallReturns() throws {
      try withMount(options: patient + ",mode=write-through") { fixture in
        let check = "cmp f $B/f && test $(stat -c %a $B/f) = 600 && ! test -e $B/g"
        try shellOK(
          "B=\(fixture.backing); for i in 1 2 3; do echo $i >> f; cp f g; chmod 600 f; rm g; \(check); done; mv f h; cmp h $B/h",
          fixture.mountpoint)
        #expect(try fixture.ebbfs("status", fixture.mountpoint).output.contains("write-through"))
      }
    }

    @Test func modeIsSwitchedWhileChangesArePending() throws {
      try withMount(options: patient) { fixture in
        try shellOK("mkdir d e; echo one > d/f; echo one > e/f", fixture.mountpoint)
        #expect(try shell("ls \(fixture.backing)").output == "", "written back before its time")
        let switched = try fixture.ebbfs("set", fixture.mountpoint, "mode=write-through", fixture.mountpoint + "/d")
        #expect(switched.status == 0, "\(switched.output)")
        try shellOK("echo two >> d/f; cmp d/f \(fixture.backing)/d/f; ! test -e \(fixture.backing)/e", fixture.mountpoint)
        let back = try fixture.ebbfs("set", fixture.mountpoint, "mode=inherit", fixture.mountpoint + "/d")
        #expect(back.status == 0, "\(back.output)")
        try shellOK("echo three >> d/f; test $(cat \(fixture.backing)/d/f | wc -l) = 2", fixture.mountpoint)
        // The whole mount, and back; nothing is lost by a crash in between.
        #expect(try fixture.ebbfs("set", fixture.mountpoint, "mode=write-through", "durability=always").status == 0)
        #expect(try fixture.status("mode") == "write-through" && fixture.status("durability") == "always")
        try shellOK("echo four >> d/f; cmp d/f \(fixture.backing)/d/f", fixture.mountpoint)
        #expect(try fixture.ebbfs("set", fixture.mountpoint, "mode=write-back").status == 0)
        try shellOK("echo five >> d/f", fixture.mountpoint)
        try fixture.crash()
        try fixture.mount(options: patient)
        try shellOK("test \"$(cat d/f)\" = \"$(printf 'one\\ntwo\\nthree\\nfour\\nfive')\"; cat e/f", fixture.mountpoint)
        try fixture.expectBackingEqualsMount()
      }
    }

    @Test func rulesAreReadAgainAsAWholeOrNotAtAll() throws {
      try withMount(mounts: false) { fixture in
        let rules = fixture.scratch + "/rules"
        try shellOK("echo '/d/ mode=write-through' > \(rules)", fixture.base)
        try fixture.mount(options: patient + ",rules=\(rules)")
        try shellOK("mkdir d; test -d \(fixture.backing)/d; echo x > e; ! test -e \(fixture.backing)/e", fixture.mountpoint)
        try shellOK("printf 'e mode=write-through\\nf mode=fast\\n' > \(rules)", fixture.base)
        try refuse(fixture, ["set", fixture.mountpoint, "--reload"], "\(rules):2:3: mode=fast is none of")
        try shellOK(
          "echo y >> e; ! test -e \(fixture.backing)/e; echo x > d/f; cmp d/f \(fixture.backing)/d/f", fixture.mountpoint)
        try shellOK("printf 'e mode=write-through\\n' > \(rules)", fixture.base)
        #expect(try fixture.ebbfs("set", fixture.mountpoint, "--reload").status == 0)
        try shellOK(
          "echo z >> e; cmp e \(fixture.backing)/e; echo y >> d/f; ! cmp -s d/f \(fixture.backing)/d/f", fixture.mountpoint)
      }
    }

    @Test func aFullBatchDoesNotRest() throws {
      try withMount(options: patient + ",batch_operations=20") { fixture in
        try shellOK(
          "for i in 1 2 3 4 5; do echo $i > f$i; done; sleep 1; test $(ls \(fixture.backing) | wc -l) = 0", fixture.mountpoint)
        try shellOK("for i in $(seq 6 40); do echo $i > f$i; done", fixture.mountpoint)
        #expect(eventually { (try? shell("ls \(fixture.backing) | wc -l").output) ?? "" >= "20" })
      }
      try withMount(options: patient + ",batch_bytes=1M") { fixture in
        try shellOK("head -c 500000 /dev/urandom > f; sleep 1; ! test -e \(fixture.backing)/f", fixture.mountpoint)
        try shellOK("head -c 2000000 /dev/urandom > g", fixture.mountpoint)
        #expect(eventually { (try? shell("test -s \(fixture.backing)/f").status) == 0 })
      }
    }

    @Test func wrongPoliciesAreRefused() throws {
      try withMount(mounts: false) { fixture in
        let rules = fixture.scratch + "/rules"
        try shellOK("printf 'a  priority=urgent\\n' > \(rules)", fixture.base)
        for (option, text) in [
          ("mode=fast", "is none of write-back, write-through"), ("priority=urgent", "is none of high, normal, low"),
          ("batch_bytes=-1", "batch_bytes=-1"), ("batch_bytes=1", "between 4K and 1G"),
          ("batch_operations=0", "between"), ("batch_operations=99999999999999999999", "no number"),
          ("rules=\(rules)", "\(rules):1:4: priority=urgent"), ("rules=/nowhere/rules", "/nowhere/rules"),
          ("rules=\(fixture.base)", "directory"),
        ] { try refuse(fixture, [fixture.backing, fixture.mountpoint, "-o", "state=\(fixture.state),\(option)"], text) }
        #expect(!fixture.isMounted)
        try fixture.mount(options: patient)
        for (words, text) in [
          (["mode=fast"], "mode=fast"), (["memory=1G"], "memory=1G cannot be set"), ([], "KEY=VALUE is needed"),
          (["mode=write-through", "priority=none"], "priority=none"), (["batch_bytes=0"], "batch_bytes=0"),
          (["memory=1G", fixture.mountpoint], "cannot be set for a path"), (["priority=low", "/etc"], "is not on the mount"),
          (["priority=low", fixture.mountpoint + "/missing"], "missing"), (["--reload"], "no rules file"), (["--now"], "--now"),
        ] { try refuse(fixture, ["set", fixture.mountpoint] + words, text) }
        #expect(try fixture.status("mode") == "write-back")
        let attribute = try shell("touch f; setfattr -n user.ebbfs.mode -v fast f", directory: fixture.mountpoint)
        #expect(attribute.status != 0 && attribute.output.contains("Invalid argument"), "\(attribute.output)")
      }
    }
  }
}
