import Glibc
import Testing

// SAFETY: the arrays given to `posix_spawnp` end with a null pointer, their strings are freed only after the call, and the
// attribute and action structures are local, initialized before and destroyed after their use.

/// What a child process wrote, standard output and standard error together, and how it ended.
struct ChildResult {
  /// The exit status; 128 and the signal's number when a signal ended it, as shells tell it.
  var status: Int32
  var output: String

  var lines: [Substring] { output.split(separator: "\n") }
}

/// A child process. The mount is only ever touched by such, so that a mount that hangs cannot hang the tests.
struct ChildProcess {
  let process: pid_t
  private let outputPath: String

  /// Starts a program that is killed, with all its children, after `seconds`.
  static func start(
    _ arguments: [String], directory: String = "/", environment: [String: String] = [:], seconds: Int = 60
  ) throws -> ChildProcess {
    let base = try makeTestDirectory()
    let settings = environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    let words =
      ["env", "-C", directory, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"] + settings
      + ["timeout", "-s", "KILL", "\(seconds)"] + arguments
    return ChildProcess(process: try spawn(words, outputPath: base + "/output"), outputPath: base + "/output")
  }

  /// Waits for the end.
  func wait() throws -> ChildResult {
    var status: Int32 = 0
    while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
    let output = contents(of: outputPath)
    unsafe unlink(outputPath)
    unsafe rmdir(String(outputPath.dropLast("/output".count)))
    return ChildResult(status: status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f), output: output)
  }

  private static func spawn(_ words: [String], outputPath: String) throws -> pid_t {
    var actions = unsafe posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    unsafe posix_spawn_file_actions_init(&actions)
    unsafe posix_spawnattr_init(&attributes)
    defer {
      unsafe posix_spawn_file_actions_destroy(&actions)
      unsafe posix_spawnattr_destroy(&attributes)
    }
    unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    unsafe posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
    // The threads of tests block signals, and a child would inherit that.
    var noSignals = sigset_t()
    unsafe sigemptyset(&noSignals)
    unsafe posix_spawnattr_setsigmask(&attributes, &noSignals)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    let pointers = unsafe words.map { unsafe strdup($0) } + [nil]
    defer { for index in unsafe pointers.indices { unsafe free(pointers[index]) } }
    var process: pid_t = 0
    let failure = unsafe posix_spawnp(&process, words[0], &actions, &attributes, pointers, environ)
    try #require(failure == 0, "\(words[0]): error \(failure)")
    return process
  }
}

/// Runs a program to its end.
func run(
  _ arguments: [String], directory: String = "/", environment: [String: String] = [:], seconds: Int = 60
) throws -> ChildResult {
  try ChildProcess.start(arguments, directory: directory, environment: environment, seconds: seconds).wait()
}

/// Runs shell text to its end.
func shell(
  _ text: String, directory: String = "/", environment: [String: String] = [:], seconds: Int = 60
) throws -> ChildResult {
  try run(["/bin/sh", "-c", text], directory: directory, environment: environment, seconds: seconds)
}
