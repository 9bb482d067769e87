import Control
import FilesystemModel

/// `ebbfs flush`, `set` and `status`, and how all commands find and ask a running daemon.
enum DaemonCommands {
  /// Writes everything back, or what is at and below the paths.
  static func flush(_ mountpoint: String, paths: [String]) throws(CommandFailure) {
    let entry = try find(mountpoint)
    try askWithProgress(.flush(inodes: try inodes(paths, entry)), entry, untilGone: false, "writing back")
  }

  /// The numbers that files of a mount have there and in its daemon.
  static func inodes(_ paths: [String], _ entry: RegistryEntry) throws(CommandFailure) -> [UInt64] {
    guard !paths.isEmpty else { return [] }
    let device = try facts(entry.mountpoint).identity.device
    var inodes: [UInt64] = []
    for path in paths {
      let identity = try facts(path).identity
      guard identity.device == device else { throw CommandFailure(.failed, "\(path) is not on the mount on \(entry.mountpoint)") }
      inodes.append(identity.inode)
    }
    return inodes
  }

  private static func facts(_ path: String) throws(CommandFailure) -> FileFacts {
    do throws(Errno) {
      return try Files.facts(path, followingLinks: false)
    } catch {
      throw CommandFailure(.failed, "\(path): \(error.message)")
    }
  }

  /// Changes options of a mount, or with a path what its extended attributes say; reads the rules file again.
  static func set(_ request: SetRequest) throws(CommandFailure) {
    switch request.change {
    case .mount(let settings):
      _ = try RuntimeSettings.parse(settings)
      try askOnce(.set(settings), try find(request.mountpoint))
    case .path(let settings, let path):
      let entry = try find(request.mountpoint)
      try PolicyAttributes.set(settings, on: path, mountpoint: entry.mountpoint)
    case .rules: try askOnce(.reloadRules, try find(request.mountpoint))
    }
  }

  private static func askOnce(_ request: ControlRequest, _ entry: RegistryEntry) throws(CommandFailure) {
    guard try ask(request, entry) == .done else {
      throw CommandFailure(.failed, "process \(entry.process) answered something else than `done`")
    }
  }

  /// Prints one mount, or all that this user may ask.
  ///
  /// - Returns: the worst health of those.
  static func status(_ mountpoint: String?, asJSON: Bool) throws(CommandFailure) -> Health.Level {
    let reports = try ask(mountpoint, report)
    show(asJSON ? nil : reports.map(\.text), json: reports.map(\.json), isOne: mountpoint != nil)
    return reports.map(\.health.level).max() ?? .ok
  }

  /// Asks the daemon of one mount, or those of all that this user may ask.
  static func ask<Answer>(
    _ mountpoint: String?, _ question: (RegistryEntry) throws(CommandFailure) -> Answer
  ) throws(CommandFailure) -> [Answer] {
    if let mountpoint { return [try question(try find(mountpoint))] }
    var answers: [Answer] = []
    for entry in Registry.host.entries() {
      do throws(CommandFailure) {
        answers.append(try question(entry))
      } catch {
        // A daemon that ends while it is asked is no failure here.
        if entry.isRunning { Messages.write("ebbfs: \(error.message)\n") }
      }
    }
    return answers
  }

  /// Prints what daemons answered: in words, or as JSON where there are none; all mounts in an array.
  static func show(_ texts: [String]?, json: [JSONValue], isOne: Bool) {
    if let texts {
      print(texts.isEmpty ? "no ebbfs daemon is running\n" : texts.joined(separator: "\n"), terminator: "")
    } else {
      print((isOne ? json[0] : .array(json)).text())
    }
  }

  static func find(_ mountpoint: String) throws(CommandFailure) -> RegistryEntry {
    if let entry = Registry.host.entry(mountpoint: mountpoint) { return entry }
    let path = try? Files.canonicalPath(mountpoint)
    let isMounted = ((try? MountTable.current()) ?? []).contains { $0.type == MountTable.ownType && $0.mountpoint == path }
    let reason =
      if !isMounted {
        "is no mountpoint of a running ebbfs, nor on one"
      } else if MountValidation.isDeadMount(mountpoint) {
        "has the mount of a daemon that died; mount again to recover what it left"
      } else {
        "is an ebbfs mount of another user"
      }
    throw CommandFailure(.notMounted, "\(mountpoint) \(reason)")
  }

  static func report(_ entry: RegistryEntry) throws(CommandFailure) -> StatusReport {
    guard case .status(let report) = try ask(.status, entry) else {
      throw CommandFailure(.failed, "process \(entry.process) answered something else than its status")
    }
    return report
  }

  /// Shows how far it is.
  ///
  /// - Parameter deadline: an uptime in milliseconds after which the command ends with `pending`.
  static func askWithProgress(
    _ request: ControlRequest, _ entry: RegistryEntry, untilGone: Bool, deadline: Int? = nil, _ doing: String
  ) throws(CommandFailure) {
    var line = ProgressLine()
    defer { line.end() }
    var meter = ProgressMeter()
    let reply = try ask(request, entry, untilGone: untilGone, deadline: deadline) { partial in
      if partial == .waitingForUsers { return line.show("unmounted; programs still have files open") }
      guard case .progress(let left) = partial else { return }
      meter.note(left, now: Monotonic.milliseconds())
      line.show("\(doing): \(line.isTerminal ? meter.bar : "")\(meter.text)")
    }
    line.end(saying: meter.hasWaited ? "\(meter.summary(now: Monotonic.milliseconds()))" : nil)
    guard reply == .done else { throw CommandFailure(.failed, "process \(entry.process) answered something else than `done`") }
  }

  /// The last reply, unless it is a failure.
  static func ask(
    _ request: ControlRequest, _ entry: RegistryEntry, untilGone: Bool = false, deadline: Int? = nil,
    partial: (ControlReply) -> Void = { _ in }
  ) throws(CommandFailure) -> ControlReply {
    let client = ControlClient(stateDirectory: entry.stateDirectory, user: entry.user)
    let reply: ControlReply?
    do throws(ConnectionError) {
      reply = try client.ask(request, untilGone: untilGone, deadline: deadline, partial: partial)
    } catch .outOfTime {
      throw CommandFailure(.pending, "\(entry.mountpoint): not yet written back, and the time for that is over")
    } catch {
      throw CommandFailure(
        .failed, "process \(entry.process), the daemon of \(entry.mountpoint), cannot be asked: \(error.message)")
    }
    guard let reply else {
      throw CommandFailure(.daemonDied, "process \(entry.process), the daemon of \(entry.mountpoint), ended without an answer")
    }
    if case .failed(let failure) = reply {
      throw CommandFailure(status(of: failure.reason), "\(entry.mountpoint): \(failure.message)")
    }
    return reply
  }

  private static func status(of reason: ControlFailure.Reason) -> ExitStatus {
    switch reason {
    case .busy: .busy
    case .incomplete: .incomplete
    case .deadLetters: .deadLetters
    case .stillMounted: .inUse
    case .unusable: .usage
    case .notUnderstood, .notPermitted, .failed: .failed
    }
  }
}
