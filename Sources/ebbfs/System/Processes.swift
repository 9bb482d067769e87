import FilesystemModel
import Glibc

// SAFETY: the arrays given to `posix_spawn` end with a null pointer, their strings are freed only after the call, and the
// attribute and action structures are local, initialized before and destroyed after their use.

/// How a process ended.
enum ProcessEnd: Hashable, Sendable {
  case exited(Int32)
  case killed(signal: Int32)
}

/// Processes of the host.
enum Processes {
  static var isRoot: Bool { geteuid() == 0 }

  /// The number of this process.
  static var current: Int { Int(getpid()) }

  /// Starts a program with the given arguments (the first is its name) and this process's environment, with no signal blocked.
  ///
  /// - Parameter descriptors: for each descriptor number of the child, the one of this process that it becomes.
  static func spawn(
    program: String, arguments: [String], descriptors: [(child: Int32, parent: Int32)]
  ) throws(Errno) -> pid_t {
    var actions = unsafe posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    unsafe posix_spawn_file_actions_init(&actions)
    unsafe posix_spawnattr_init(&attributes)
    defer {
      unsafe posix_spawn_file_actions_destroy(&actions)
      unsafe posix_spawnattr_destroy(&attributes)
    }
    for descriptor in descriptors { unsafe posix_spawn_file_actions_adddup2(&actions, descriptor.parent, descriptor.child) }
    var noSignals = sigset_t()
    unsafe sigemptyset(&noSignals)
    unsafe posix_spawnattr_setsigmask(&attributes, &noSignals)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    let words = unsafe arguments.map { unsafe strdup($0) } + [nil]
    defer { for index in unsafe words.indices { unsafe free(words[index]) } }
    var process: pid_t = 0
    let result = unsafe posix_spawn(&process, program, &actions, &attributes, words, environ)
    guard result == 0 else { throw Errno(rawValue: result) }
    return process
  }

  /// Waits for a child. The corresponding C function is `waitpid`.
  static func wait(for process: pid_t) throws(Errno) -> ProcessEnd {
    var status: Int32 = 0
    while unsafe waitpid(process, &status, 0) < 0 {
      if Errno.current != .interrupted { throw Errno.current }
    }
    return status & 0x7f == 0 ? .exited((status >> 8) & 0xff) : .killed(signal: status & 0x7f)
  }

  /// Whether a process exists and is no zombie.
  static func isRunning(_ process: Int) -> Bool { startTime(of: process) != nil }

  /// Whether there is certainly no process with the number.
  static func isGone(_ process: Int) -> Bool {
    guard let number = pid_t(exactly: process), number > 0 else { return true }
    return kill(number, 0) != 0 && Errno.current == Errno(rawValue: ESRCH)
  }

  /// When a process began, in ticks since boot; `nil` when it does not exist or is a zombie. Source: proc(5), `/proc/PID/stat`.
  static func startTime(of process: Int) -> Int? {
    guard let text = try? Files.text("/proc/\(process)/stat"), let parenthesis = text.lastIndex(of: ")") else { return nil }
    // The name in parentheses may hold anything, so that the third field is what follows the last one.
    let fields = text[parenthesis...].dropFirst(2).split(separator: " ")
    guard let state = fields.first, state != "Z", state != "X", fields.count > 19 else { return nil }
    return Int(fields[19])
  }

  /// The value of an environment variable; empty counts as absent.
  static func environmentValue(_ name: String) -> String? {
    guard let value = unsafe getenv(name), let text = unsafe String(validatingCString: value), !text.isEmpty else { return nil }
    return text
  }

  /// The home directory that the user database names.
  static func homeDirectory() -> String? {
    guard let entry = unsafe getpwuid(getuid()), let home = unsafe entry.pointee.pw_dir else { return nil }
    return unsafe String(validatingCString: home)
  }
}

/// Time that never goes back.
enum Monotonic {
  /// Milliseconds since some fixed moment.
  static func milliseconds() -> Int {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
  }

  static func sleep(milliseconds: Int) { usleep(UInt32(milliseconds) * 1000) }
}
