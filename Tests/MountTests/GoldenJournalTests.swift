import Glibc
import Testing

extension MountTests {
  /// Journals that released versions left behind, with pending changes. `Golden/record.sh` makes one of a new version.
  @Suite(.serialized) struct GoldenJournalTests {
    private let place = "/tmp/ebbfs-golden"
    private let golden = TestSurroundings.sources + "/Golden"
    private let disk = """
      mkdir /tmp/ebbfs-golden && truncate -s 64M disk && mkfs.ext4 -q -m 0 -U ebbf5000-0000-4000-8000-000000000001 disk &&
      mount -o loop disk /tmp/ebbfs-golden && rmdir /tmp/ebbfs-golden/lost+found
      """

    /// The disk that the journal is of, and the state directory of that version.
    private func withGolden(_ version: Int, _ body: (MountFixture) throws -> Void) throws {
      try withMount(mounts: false) { fixture in
        let made = try shell(disk, directory: fixture.base)
        defer { _ = try? shell("umount -l \(fixture.mountpoint); umount -l \(place); rmdir \(place)") }
        try #require(made.status == 0, "\(made.output)")
        let unpack = "tar --xattrs --xattrs-include='*' --acls -xzf '\(golden)/version-\(version).tar.gz'"
        let unpacked = try shell("\(unpack) state && \(unpack) -C /tmp ebbfs-golden", directory: fixture.base)
        try #require(unpacked.status == 0, "\(unpacked.output)")
        try body(fixture)
      }
    }

    /// Unpacking has given the files of the backing directory other inode numbers, as if somebody else had replaced them all.
    private func mount(_ fixture: MountFixture) throws {
      let options = "state=\(fixture.state),journal_size=32M,conflict=ours"
      let result = try fixture.ebbfs(place, fixture.mountpoint, "-o", options)
      try #require(result.status == 0, "\(result.output)")
      _ = try fixture.noteDaemon()
    }

    @Test(arguments: [1]) func aJournalOfAReleasedVersionIsRecoveredAndWrittenBack(version: Int) throws {
      try withGolden(version) { fixture in
        let wanted = contents(of: golden + "/version-\(version).manifest").split(separator: "\n")
        #expect(wanted.count > 30)
        let check = try fixture.ebbfs("journal", "check", fixture.state)
        #expect(check.status == 0 && check.output.contains("of format version \(version),"), "\(check.output)")
        let upgrade = try fixture.ebbfs("upgrade-journal", fixture.state)
        #expect(upgrade.status == 0 && upgrade.lines.count == 1, "\(upgrade.output)")
        try mount(fixture)
        let refused = try fixture.ebbfs("upgrade-journal", fixture.state)
        #expect(refused.status == 6 && refused.output.contains("unmount first"), "\(refused.output)")
        expectEqual(try fixture.manifest(of: fixture.mountpoint, withTimes: true), wanted, "recovered: mount")
        try fixture.unmount()
        expectEqual(try fixture.manifest(of: place, withTimes: true), wanted, "written back: backing directory")
        #expect(contents(of: fixture.state + "/messages").contains("operations recovered"))
      }
    }

    @Test func aNewerJournalIsRefusedWithTheVersionThatIsNeeded() throws {
      try withGolden(1) { fixture in
        let damage = "/usr/bin/python3 '\(TestSurroundings.sources)/Damage/segment.py' version \"$(ls segment-* | head -n 1)\""
        #expect(try shell(damage, directory: fixture.state).status == 0)
        let sums = "sha256sum segment-*"
        let before = try shell(sums, directory: fixture.state).output
        let commands = [
          [place, fixture.mountpoint, "-o", "state=\(fixture.state)"], ["upgrade-journal", fixture.state],
          ["journal", "check", fixture.state],
        ]
        for words in commands {
          let result = try run([EbbfsBinary.path] + words, environment: ["HOME": fixture.base])
          #expect(result.status == 7 && result.lines.count == 1, "\(words): \(result.output)")
          #expect(result.output.contains("format version 99, this ebbfs reads up to 1: use ebbfs 9.1.2 or newer"))
        }
        #expect(try shell(sums, directory: fixture.state).output == before, "nothing is changed")
      }
    }
  }
}
