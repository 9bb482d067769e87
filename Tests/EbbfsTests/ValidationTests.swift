import FilesystemModel
import Glibc
import Testing

@testable import ebbfs

/// The failure of a check, or one that says that there was none.
private func failure<Value>(_ check: () throws(CommandFailure) -> Value) -> CommandFailure {
  do throws(CommandFailure) {
    return CommandFailure(.success, "accepted: \(try check())")
  } catch {
    return error
  }
}

@Suite struct ValidationTests {
  let directory: TemporaryDirectory
  let backing: String
  let mountpoint: String

  init() throws {
    directory = try TemporaryDirectory()
    backing = try directory.makeDirectory("backing")
    mountpoint = try directory.makeDirectory("mountpoint")
  }

  private func check(_ change: (inout MountRequest) -> Void) -> CommandFailure {
    var request = MountRequest(backing: backing, mountpoint: mountpoint, options: MountOptions())
    request.options.stateDirectory = directory("state")
    change(&request)
    let failure = failure { () throws(CommandFailure) in try MountValidation.check(request) }
    #expect((try? Files.facts(directory("state"))) == nil, "a check changes nothing")
    #expect((try? Files.names(in: backing)) == [], "a check changes nothing")
    return failure
  }

  @Test func aGoodRequestIsAcceptedWithCanonicalPaths() throws {
    var request = MountRequest(
      backing: directory("./backing/"), mountpoint: directory("backing/../mountpoint"), options: MountOptions())
    request.options.stateDirectory = directory("new/state")
    let mount = try MountValidation.check(request)
    #expect(mount.backing == backing)
    #expect(mount.mountpoint == mountpoint)
    #expect(mount.stateDirectory == directory("new/state"))
  }

  @Test func aBadBackingDirectoryIsNamed() throws {
    let missing = directory("missing")
    let file = try directory.makeFile("file")
    #expect(check { $0.backing = missing } == CommandFailure(.backingDirectory, "backing directory \(missing) does not exist"))
    #expect(check { $0.backing = file } == CommandFailure(.backingDirectory, "backing directory \(file) is not a directory"))
  }

  @Test func aBadMountpointIsNamed() throws {
    let missing = directory("missing")
    let file = try directory.makeFile("file")
    #expect(check { $0.mountpoint = missing } == CommandFailure(.mountpoint, "mountpoint \(missing) does not exist"))
    #expect(check { $0.mountpoint = file } == CommandFailure(.mountpoint, "mountpoint \(file) is not a directory"))
    #expect(
      check { $0.mountpoint = "/proc" } == CommandFailure(.mountpoint, "mountpoint /proc is mounted already: proc, type proc"))
  }

  @Test func onlyADeadMountOfTheSameBackingDirectoryIsToBeTakenAway() throws {
    let check = { (source: String, isDead: Bool) in
      let mounts = [MountEntry(mountpoint: mountpoint, type: "fuse.ebbfs", source: source)]
      return failure { () throws(CommandFailure) in
        try MountValidation.checkMountpoint(mountpoint, backing: backing, mounts: mounts, isDead: { _ in isDead }).hasDeadMount
      }
    }
    let taken = CommandFailure(.mountpoint, "mountpoint \(mountpoint) is mounted already: \(backing), type fuse.ebbfs")
    #expect(check(backing, false) == taken)
    #expect(check(backing, true).message == "accepted: true")
    #expect(check("/elsewhere", true).status == .mountpoint)
  }

  @Test func directoriesInsideEachOtherAreRefused() throws {
    let inner = try directory.makeDirectory("backing/inner")
    let outer = try directory.makeDirectory("mountpoint/outer")
    let request = { (backing: String, mountpoint: String) in
      failure { () throws(CommandFailure) in try MountValidation.checkSeparation(backing: backing, mountpoint: mountpoint) }
    }
    #expect(
      request(backing, inner) == CommandFailure(.mountpoint, "mountpoint \(inner) is inside the backing directory \(backing)"))
    #expect(request(backing, backing).message == "the mountpoint is the backing directory itself, \(backing)")
    #expect(request(outer, mountpoint).message == "mountpoint \(mountpoint) would hide the backing directory \(outer) inside it")
    #expect(request("/", mountpoint).status == .mountpoint)
    #expect(request(backing, backing + "-beside").status == .success, "a common beginning of two names is no nesting")
  }

  @Test func aStateDirectoryInsideEitherIsRefused() throws {
    for (place, name) in [(backing, "backing directory"), (mountpoint, "mountpoint")] {
      for state in [place, place + "/state", place + "/a/b", directory("new/../\(PathText.name(place))")] {
        let failure = check { $0.options.stateDirectory = state }
        #expect(failure.status == .stateDirectory, "\(state)")
        #expect(
          failure.message.hasSuffix("is inside the \(name) \(place)") || failure.message.contains("cannot be found"), "\(failure)"
        )
      }
    }
  }

  @Test func aStateDirectoryReachedThroughALinkIsSeenWhereItIs() throws {
    let link = directory("link")
    // SAFETY: both strings live for the call.
    #expect(unsafe symlink(backing, link) == 0)
    #expect(
      check { $0.options.stateDirectory = link + "/state" }
        == CommandFailure(.stateDirectory, "state directory \(backing)/state is inside the backing directory \(backing)"))
  }

  @Test func anUnusableStateDirectoryIsNamed() throws {
    let file = try directory.makeFile("file")
    #expect(
      check { $0.options.stateDirectory = file }.message == "state directory \(file) cannot be used: \(file) is not a directory")
    let below = file + "/state"
    #expect(check { $0.options.stateDirectory = below }.status == .stateDirectory)
  }

  @Test func aSmallStateDiskIsRefusedWithItsFigures() {
    let failure = check { $0.options.journalSize = 1 << 44 }
    #expect(failure.status == .stateDirectory)
    #expect(failure.message.hasPrefix("state disk too small: journal_size=16T asks for 16.0 TiB, "))
  }
}

@Test func theJournalTakesAQuarterOfWhatIsFreeUpTo8GiB() throws {
  let gibibyte = 1 << 30
  func size(_ requested: Int?, _ available: Int, _ existing: Int = 0) throws -> JournalSize {
    try JournalSize.decide(requested: requested, available: available, existing: existing, directory: "/s")
  }
  #expect(try size(nil, 100 * gibibyte).capacity == 8 * gibibyte)
  #expect(try size(nil, 100 * gibibyte).segmentBytes == 64 << 20)
  #expect(try size(nil, 4 * gibibyte).capacity == gibibyte)
  #expect(try size(nil, 100 << 20).capacity == 32 << 20)
  #expect(try size(64 << 20, 64 << 20) == size(64 << 20, 0, 64 << 20), "the journal that is there is used again")
  #expect(try size(64 << 20, 64 << 20).segmentBytes == 8 << 20)
  #expect(try size(nil, Int.max, Int.max).capacity == 8 * gibibyte)
  #expect(
    failure { () throws(CommandFailure) in
      try JournalSize.decide(requested: nil, available: 31 << 20, existing: 0, directory: "/s")
    } == CommandFailure(.stateDirectory, "state disk too small: the journal needs 32.0 MiB, 31.0 MiB are free for /s"))
}

@Test func theMountTableIsReadWithItsEscapes() {
  let text = """
    22 1 0:21 / /proc rw,nosuid shared:12 master:1 - proc proc rw
    36 35 0:45 / /mnt/a\\040b\\134c rw,nosuid - fuse.ebbfs /srv/\\303\\244 rw,user_id=0
    damaged line
    37 35 0:46 / /mnt/x rw -
    """
  #expect(
    MountTable.parse(text) == [
      MountEntry(mountpoint: "/proc", type: "proc", source: "proc"),
      MountEntry(mountpoint: "/mnt/a b\\c", type: "fuse.ebbfs", source: "/srv/\u{e4}", user: 0),
    ])
}

@Test func stateDirectoriesAreToldApart() throws {
  #expect(StateDirectory.identifier(backing: "/srv/data") == "data-3d446ac1e15e5f54")
  #expect(StateDirectory.identifier(backing: "/srv/data") != StateDirectory.identifier(backing: "/srv2/data"))
  #expect(StateDirectory.identifier(backing: "/a b/\u{e4}:x").hasPrefix("__x-"))
  #expect(StateDirectory.identifier(backing: "/").hasPrefix("_-"))
  #expect(StateDirectory.identifier(backing: "/" + String(repeating: "n", count: 255)).utf8.count == 49)
}
