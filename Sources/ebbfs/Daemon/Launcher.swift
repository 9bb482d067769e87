import FilesystemModel
import Glibc

/// Starts the daemon in the background and waits until its mount is ready.
///
/// The program starts itself anew instead of forking: a fork takes over one thread of many, and the locks of the others.
enum Launcher {
  /// Where the daemon finds its end of the pipe.
  private static let readinessDescriptor: Int32 = 3

  /// - Parameter arguments: of this program, without its name.
  /// - Throws: what the daemon says about why the mount is not ready.
  static func launch(_ arguments: [String]) throws(CommandFailure) {
    let options = arguments.first == "mount" ? arguments.dropFirst() : arguments[...]
    let command = ["ebbfs", "mount", Arguments.readinessOption + String(readinessDescriptor)] + options
    let process: pid_t
    let message: [UInt8]
    do throws(Errno) {
      let (readNumber, writeNumber) = try Pipe().release()
      let readEnd = Descriptor(owning: readNumber)
      process = try spawn(command, readiness: Descriptor(owning: writeNumber))
      message = try readEnd.readAll(limit: 65_536)
    } catch {
      throw CommandFailure(.failed, "the daemon cannot be started: \(error.message)")
    }
    try decide(message, process)
  }

  /// Starts the daemon and closes this process's copy of its end of the pipe, so that the end of the daemon ends the message.
  private static func spawn(_ command: [String], readiness: consuming Descriptor) throws(Errno) -> pid_t {
    let nothing = try Descriptor(path: "/dev/null", flags: O_RDWR)
    return try Processes.spawn(
      program: "/proc/self/exe", arguments: command,
      descriptors: [(child: STDIN_FILENO, parent: nothing.number), (child: readinessDescriptor, parent: readiness.number)])
  }

  private static func decide(_ message: [UInt8], _ process: pid_t) throws(CommandFailure) {
    guard case .failure(var failure) = Readiness.decode(message) else { return }
    if failure.status == .daemonDied, let end = try? Processes.wait(for: process) {
      switch end {
      case .exited(let status): failure.message += ", with status \(status)"
      case .killed(let signal): failure.message += ", by signal \(signal)"
      }
    }
    throw failure
  }

  /// The daemon's side: leaves the terminal and everything that was open, except the pipe and standard error.
  static func detach(keeping readiness: Int32) {
    setsid()
    // The kernel has named the process `exe`, as it was started.
    try? Descriptor(path: "/proc/self/comm", flags: O_WRONLY).write(Array("ebbfs".utf8))
    closefrom(readiness + 1)
  }
}
