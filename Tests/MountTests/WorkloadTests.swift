import Testing

extension MountTests {
  /// Real programs, as scripts in `Workloads`: what they print and what they leave is the same on the mount and on the root
  /// filesystem, and what the mount shows arrives in the backing directory.
  @Suite(.serialized) struct WorkloadTests {
    /// - Parameter evidence: lines that the script must print, so that equal failures are no success.
    private func hold(_ name: String, evidence: [String], environment: [String: String] = [:]) throws {
      try withMount { fixture in
        let onPlain = try work(name, in: fixture.plain, fixture, environment)
        let onMount = try work(name, in: fixture.mountpoint, fixture, environment)
        #expect(onPlain.status == 0, "on the root filesystem:\n\(onPlain.output)")
        #expect(onMount.status == 0, "on the mount:\n\(onMount.output)")
        for line in evidence { #expect(onPlain.lines.contains { $0 == line }, "\(line) is missing in\n\(onPlain.output)") }
        expectEqual(onMount.lines, onPlain.lines, "output")
        expectEqual(
          try fixture.manifest(of: fixture.mountpoint, withTimes: false),
          try fixture.manifest(of: fixture.plain, withTimes: false), "tree")
        try fixture.expectBackingEqualsMount(byUnmount: true)
      }
    }

    private func work(
      _ name: String, in directory: String, _ fixture: MountFixture, _ environment: [String: String]
    ) throws -> ChildResult {
      let script = TestSurroundings.sources + "/Workloads/" + name
      let interpreter = name.hasSuffix(".py") ? "/usr/bin/python3" : "/bin/sh"
      let scratch = fixture.scratch + (directory == fixture.plain ? "/plain" : "/mount")
      try #require(try run(["mkdir", scratch]).status == 0)
      return try run(
        [interpreter, script], directory: directory, environment: environment.merging(["SCRATCH": scratch]) { $1 }, seconds: 300)
    }

    @Test func gitClonesChecksCommitsAndPacks() throws {
      try hold("git.sh", evidence: ["7d868369cf468783aacff70b6f3828cbb4de1ee4 first"])
    }

    @Test func makeBuildsAndRebuildsNothingWithoutAChange() throws {
      try hold("make.sh", evidence: ["linked", "compiled part12.c", "up to date: 0", "746"])
    }

    @Test func databasesStayWholeWithEveryKindOfJournal() throws {
      try hold("sqlite.sh", evidence: ["delete", "wal", "truncate", "ok", "1970", "40"])
    }

    @Test func rsyncCopiesAttributesLinksAndListsInAndOut() throws { try hold("rsync.sh", evidence: ["2 linked/a/file20"]) }
    @Test func findSeesEveryEntry() throws { try hold("find.sh", evidence: ["350", "118"]) }
    @Test func movedDirectoriesTakeTheirContentsAlong() throws { try hold("moves.sh", evidence: ["17", "30", "5"]) }
    @Test func editorsSaveByRenaming() throws { try hold("saves.sh", evidence: ["edition 99", "640 1"]) }
    @Test func temporaryFilesComeAndGoInStorms() throws { try hold("storms.sh", evidence: ["kept.4.60"]) }

    @Test func copiesKeepLinksHolesAndAttributes() throws {
      try hold("copies.sh", evidence: ["same", "sparse", "equal", "direct", "sync", "joined", "200", "kept"])
    }

    @Test func archivesGoInAndOutWhole() throws { try hold("tar.sh", evidence: ["identical", "round", "again"]) }
    @Test func sharedMappingsAreSeenByAll() throws { try hold("mappings.py", evidence: ["2097152"]) }

    /// `EBBFS_ENTRIES=100000` makes it as large as promised.
    @Test func largeDirectoriesAreWhole() throws {
      let count = TestSurroundings.environmentValue("EBBFS_ENTRIES") ?? "10000"
      try hold("large-directory.py", evidence: ["\(count) \(count)"], environment: ["ENTRIES": count])
    }
  }
}
