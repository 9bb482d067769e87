import FilesystemModel

/// A mount that is ready, with what the commands need to find and ask its daemon.
final class RunningMount: Sendable {
  let entry: RegistryEntry
  private let daemon: Daemon
  private let server: ControlServer
  private let messages: Messages

  /// Opens the control socket and writes the daemon down. Takes the mount away again when that fails.
  init(
    _ mount: ValidMount, filesystem: any MountedFilesystem, messages: Messages, confinement: String
  ) throws(CommandFailure) {
    self.messages = messages
    entry = RegistryEntry(
      mountpoint: mount.mountpoint, backing: mount.backing, stateDirectory: mount.stateDirectory)
    daemon = Daemon(
      filesystem: filesystem, entry: entry, messages: messages, options: mount.effectiveOptions, confinement: confinement)
    do throws(Errno) {
      server = try ControlServer(stateDirectory: mount.stateDirectory, service: ControlService(daemon: daemon))
      try server.start()
      try Registry.host.add(entry)
    } catch {
      filesystem.endServing()
      filesystem.stop()
      throw CommandFailure(.stateDirectory, "the control socket in \(mount.stateDirectory) cannot be made: \(error.message)")
    }
  }

  func terminate() { daemon.terminate() }

  /// Serves until the mount is gone and returns the process's exit status. What commands found the daemon by is removed.
  func runToTheEnd() -> ExitStatus {
    do throws(Errno) {
      try Threads.start("ebbfs-signals") { [daemon] in
        while true {
          _ = Signals.next()
          daemon.terminate()
        }
      }
    } catch {
      messages.say("no signal thread: \(error.message); only `ebbfs unmount` and umount end this daemon", .error)
    }
    messages.start(entry)
    let status = daemon.run()
    messages.finish()
    Registry.host.remove(process: entry.process)
    Files.remove(PathText.joined(entry.stateDirectory, ControlServer.socketName))
    return status
  }
}
