import Control
import FilesystemModel
import Glibc
import JournalFormat

/// `ebbfs debug bundle`: what somebody who is to help wants to see of a mount, in one archive. It has names of files, never what
/// is in them. What cannot be had is replaced by the reason: of a mount whose daemon is gone there is still much to see.
struct DebugBundle {
  private static let textBytesMax = 4 << 20

  private let place: JournalPlace
  /// The daemon, while it runs.
  private let daemon: RegistryEntry?

  static func run(place argument: String, output: String?) throws(CommandFailure) {
    let place = try StateDirectory.named(argument)
    let daemon = Registry.host.entries().first { $0.stateDirectory == place.stateDirectory }
    let seconds = time(nil)
    let path = output ?? "ebbfs-bundle-\(UniversalTime.text(seconds).filter { $0 != "-" && $0 != ":" }).tar"
    var archive = TarArchive(seconds: seconds)
    for (name, text) in DebugBundle(place: place, daemon: daemon).files() {
      archive.add("ebbfs-bundle/\(name)", Array(text.utf8))
    }
    try write(archive.encoded, to: path)
    print("\(path): read it before you send it: it has names of files, though not what is in them")
  }

  private static func write(_ bytes: [UInt8], to path: String) throws(CommandFailure) {
    do throws(Errno) {
      let file = try Descriptor(path: path, flags: O_WRONLY | O_CREAT | O_EXCL, permissions: 0o600)
      do throws(Errno) {
        try file.write(bytes)
      } catch {
        Files.remove(path)
        throw error
      }
    } catch {
      throw CommandFailure(.failed, "\(path): \(error.message)")
    }
  }

  private func files() -> [(name: String, text: String)] {
    [
      ("version", text(version)), ("options", text(options)),
      ("status.json", text { () throws(CommandFailure) in try answer(.status) }),
      ("stats.json", text { () throws(CommandFailure) in try answer(.statistics) }),
      ("dead-letters.json", text(deadLetters)), ("diagnostics.json", text(diagnostics)),
      ("journal-check", text(journalCheck)), ("state-directory", text(listing)), ("messages", text(messages)),
    ]
  }

  private func text(_ body: () throws(CommandFailure) -> String) -> String {
    do throws(CommandFailure) { return try body() } catch { return "not to be had: \(error.message)\n" }
  }

  // MARK: The parts

  private func version() -> String {
    let system = ["/proc/version", "/etc/os-release"].map { (try? file($0)) ?? "\($0) is not to be had\n" }
    return VersionCommand.text + "\n" + system.joined()
  }

  /// What the daemon was started with: `ebbfs set` shows in the status.
  private func options() throws(CommandFailure) -> String {
    let words = try file("/proc/\(try running().process)/cmdline").split(separator: "\0")
    return words.joined(separator: "\n") + "\n"
  }

  private func answer(_ request: ControlRequest) throws(CommandFailure) -> String {
    switch try DaemonCommands.ask(request, running()) {
    case .status(let report): report.json.text() + "\n"
    case .statistics(let report): report.json.text() + "\n"
    default: throw CommandFailure(.failed, "the daemon answered something else than was asked")
    }
  }

  private func deadLetters() throws(CommandFailure) -> String {
    JSONValue.array(try DeadLetterCommands.letters(running()).map(\.json)).text() + "\n"
  }

  private func diagnostics() throws(CommandFailure) -> String {
    var lines: [String] = []
    _ = try DaemonCommands.ask(.diagnostics, running()) { reply in
      if case .diagnostic(let diagnostic) = reply { lines.append(diagnostic.json.line + "\n") }
    }
    return lines.joined()
  }

  private func journalCheck() throws(CommandFailure) -> String {
    try JournalInspection(stateDirectory: place.stateDirectory).check() + "\n"
  }

  private func listing() throws(CommandFailure) -> String {
    do throws(Errno) {
      return try Files.names(in: place.stateDirectory).map { name in
        let bytes = (try? Files.facts(PathText.joined(place.stateDirectory, name), followingLinks: false))?.bytes
        return "\(bytes.map(String.init) ?? "?") \(TerminalText.line(name))\n"
      }.joined()
    } catch {
      throw CommandFailure(.stateDirectory, "\(place.stateDirectory): \(error.message)")
    }
  }

  /// What daemons before this one told, too.
  private func messages() throws(CommandFailure) -> String {
    try file(PathText.joined(place.stateDirectory, Messages.fileName))
  }

  private func running() throws(CommandFailure) -> RegistryEntry {
    guard let daemon else { throw CommandFailure(.notMounted, "no daemon runs") }
    return daemon
  }

  private func file(_ path: String) throws(CommandFailure) -> String {
    do throws(Errno) {
      return try Files.text(path, limit: Self.textBytesMax)
    } catch {
      throw CommandFailure(.failed, "\(path): \(error.message)")
    }
  }
}
