import FilesystemModel
import Glibc

/// Where the journal of a backing directory is.
enum StateDirectory {
  /// The lock that PosixStorage keeps in every state directory.
  private static let lockName = "lock"

  /// The name of a default state directory: the backing directory's own name, for people, and a hash of its canonical path.
  ///
  /// Two paths with the same hash share a directory; the journal's header then refuses the second one.
  static func identifier(backing: String) -> String {
    let name = PathText.name(backing).unicodeScalars.prefix(32).map { scalar in
      scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil) ? Character(scalar) : "_"
    }
    let digits = String(hash(backing), radix: 16)
    return String(name) + "-" + String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// FNV-1a, 64 bits. Source: RFC 9923.
  private static func hash(_ text: String) -> UInt64 {
    text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }

  /// The state directory that is taken when `state=` does not say another.
  ///
  /// - Parameter backing: the canonical path.
  static func defaultPath(backing: String) throws(CommandFailure) -> String {
    PathText.joined(try base(), identifier(backing: backing))
  }

  private static func base() throws(CommandFailure) -> String {
    if getuid() == 0 { return "/var/lib/ebbfs" }
    // A relative XDG_STATE_HOME is to be ignored (XDG Base Directory Specification).
    if let state = Processes.environmentValue("XDG_STATE_HOME"), state.hasPrefix("/") { return PathText.joined(state, "ebbfs") }
    guard let home = Processes.environmentValue("HOME") ?? Processes.homeDirectory(), home.hasPrefix("/") else {
      throw CommandFailure(.stateDirectory, "there is no home directory for the journal; give state=DIR")
    }
    return PathText.joined(home, ".local/state/ebbfs")
  }

  /// What the argument of `ebbfs journal` means: a mountpoint, a backing directory that has a state directory, or a state
  /// directory itself.
  static func named(_ argument: String) throws(CommandFailure) -> JournalPlace {
    if let mounted = Registry.host.entry(mountpoint: argument) { return JournalPlace(mounted) }
    let path: String
    do throws(Errno) {
      path = try Files.canonicalPath(argument)
      guard try Files.facts(path).isDirectory else { throw .notDirectory }
    } catch {
      throw CommandFailure(.stateDirectory, "\(argument): \(error.message)")
    }
    if let live = Registry.host.entries().first(where: { $0.backing == path || $0.stateDirectory == path }) {
      return JournalPlace(live)
    }
    let standard = try defaultPath(backing: path)
    if (try? Files.facts(standard))?.isDirectory == true { return JournalPlace(stateDirectory: standard, backing: path) }
    guard (try? Files.facts(PathText.joined(path, lockName))) != nil else {
      throw CommandFailure(
        .stateDirectory,
        "\(argument) is no state directory, no mountpoint, and no backing directory with a journal in \(standard)")
    }
    return JournalPlace(stateDirectory: path, backing: nil)
  }

  /// Bytes of the files directly in a directory that a journal may use again; 0 if it does not exist.
  static func bytesUsed(_ path: String) -> Int {
    ((try? Files.names(in: path)) ?? []).filter { !$0.hasPrefix("damaged-") }.reduce(0) { sum, name in
      sum + ((try? Files.facts(PathText.joined(path, name), followingLinks: false))?.bytes ?? 0)
    }
  }
}

/// Where a journal is, and of what.
struct JournalPlace: Hashable, Sendable {
  var stateDirectory: String
  /// The backing directory; `nil` when only the state directory is known.
  var backing: String?

  init(stateDirectory: String, backing: String?) {
    self.stateDirectory = stateDirectory
    self.backing = backing
  }

  init(_ entry: RegistryEntry) { self.init(stateDirectory: entry.stateDirectory, backing: entry.backing) }
}
