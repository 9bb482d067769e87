import CLinux
import FUSEBridge
import FilesystemModel
import Glibc

// SAFETY: a constant path, and a local structure that the call fills or reads.

/// `ebbfs mount`.
enum MountCommand {
  /// - Parameter arguments: of this program, without its name.
  static func run(_ request: MountRequest, arguments: [String]) throws(CommandFailure) -> ExitStatus {
    if let readiness = request.readinessDescriptor { return runInBackground(request, readiness) }
    if request.isForeground {
      let messages = Messages(log: request.options.log, finest: request.options.logLevel)
      return try start(request, messages: messages).runToTheEnd()
    }
    // Checked here too, so that what is wrong is told by the process that the user started and nothing is started in vain.
    _ = try MountValidation.check(request)
    try Launcher.launch(arguments)
    return .success
  }

  /// The daemon's process, started by `Launcher`.
  private static func runInBackground(_ request: MountRequest, _ readiness: Int32) -> ExitStatus {
    Launcher.detach(keeping: readiness)
    let pipe = Descriptor(owning: readiness)
    let messages = Messages(log: request.options.log, finest: request.options.logLevel, hasTimestamps: true)
    do throws(CommandFailure) {
      let daemon = try start(request, messages: messages)
      // Whoever asked for the mount is gone: then it is not wanted.
      if (try? pipe.write(Readiness.encode(nil))) == nil { daemon.terminate() }
      drop(pipe)
      return daemon.runToTheEnd()
    } catch {
      try? pipe.write(Readiness.encode(error))
      return error.status
    }
  }

  private static func drop(_ descriptor: consuming Descriptor) {}

  private static func start(_ request: MountRequest, messages: Messages) throws(CommandFailure) -> RunningMount {
    Signals.prepare()
    raiseDescriptorLimit()
    // The bytes of large requests take memory again and again: mapped anew each time, its pages would be cleared each time.
    linux_keep_heap(4 << 20)
    // Confined, syslog(3) could not find out the time zone.
    tzset()
    let mount = try MountValidation.check(request)
    umask(0)
    guard unsafe chdir("/") == 0 else { throw CommandFailure(.failed, "chdir /: \(Errno.current.message)") }
    messages.notify("STATUS=recovering")
    let storage = try Takeover(stateDirectory: mount.stateDirectory, backing: mount.backing).acquire()
    // Used when the mount is ready: until then who started it reads along.
    let file = request.readinessDescriptor == nil ? nil : try openMessages(mount.stateDirectory)
    if mount.hasDeadMount { try takeAway(deadMount: mount) }
    // The daemon that had the lock may have been mounted, or have used up the disk, since the first check.
    let again = try MountValidation.check(absolute(request, mount))
    let mounter = try makeMounter(again)
    // Confined, nobody makes any.
    let rings = again.options.transport == .auto ? RequestRings.open() : nil
    let confinement = try confine(again)
    let filesystem = try Assembly.assemble(again, journalStorage: storage, mounter: mounter, rings: rings) { messages.tell($0) }
    let daemon = try RunningMount(again, filesystem: filesystem, messages: messages, confinement: confinement)
    if let file { Messages.redirect(to: file) }
    return daemon
  }

  private static func openMessages(_ stateDirectory: String) throws(CommandFailure) -> Descriptor {
    do throws(Errno) {
      return try Messages.openFile(stateDirectory: stateDirectory)
    } catch {
      let path = PathText.joined(stateDirectory, Messages.fileName)
      throw CommandFailure(.stateDirectory, "\(path) cannot be written: \(error.message)")
    }
  }

  private static func makeMounter(_ mount: ValidMount) throws(CommandFailure) -> MounterProcess {
    do throws(Errno) {
      return try MounterProcess(directMounter(mount))
    } catch {
      throw CommandFailure(.failed, "the process that mounts cannot be started: \(error.message)")
    }
  }

  /// Before there are other threads, each of which would have rights of its own.
  private static func confine(_ mount: ValidMount) throws(CommandFailure) -> String {
    let registry = Registry.host.own
    do throws(Errno) {
      try Files.makeDirectories(registry)
      let mounts = try MountTable.current()
      return Confinement.confine(to: Confinement.Places(mount, registry: registry, mounts: mounts))
    } catch {
      throw CommandFailure(.failed, "\(registry): \(error.message)")
    }
  }

  /// Takes away what a daemon that died has left; files of it that are open keep failing with ENOTCONN.
  private static func takeAway(deadMount mount: ValidMount) throws(CommandFailure) {
    do throws(Errno) {
      try directMounter(mount).unmount(lazily: true)
    } catch {
      let path = mount.mountpoint
      throw CommandFailure(
        .mountpoint, "mountpoint \(path) has the mount of a daemon that died; take it away with `umount \(path)`")
    }
  }

  private static func directMounter(_ mount: ValidMount) -> DirectMounter {
    DirectMounter(mountpoint: mount.mountpoint, options: Assembly.sessionOptions(mount))
  }

  /// The request with the paths found by the first check, which do not depend on the working directory.
  private static func absolute(_ request: MountRequest, _ mount: ValidMount) -> MountRequest {
    var result = request
    result.backing = mount.backing
    result.mountpoint = mount.mountpoint
    result.options.stateDirectory = mount.stateDirectory
    result.options.rulesFile = mount.options.rulesFile
    return result
  }

  /// The backing files that are open at one time are bounded by this only.
  private static func raiseDescriptorLimit() {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }
}
