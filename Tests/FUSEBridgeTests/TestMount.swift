import FUSEBridge
import Glibc
import MemoryFilesystem
import Testing
import Threading

/// A mount of a filesystem in memory, served by threads of the test's process, in a directory of its own under /tmp.
struct TestMount {
  let path: String
  let handler: MemoryHandler
  let session: MountSession
}

/// Mounts, calls `body` and unmounts, whatever happens; then once more with requests that come through rings, where this kernel
/// has them. The session must end by itself.
func withMount(
  delivery: MemoryHandler.Delivery = .atOnce, configure: (inout MountSessionOptions) -> Void = { _ in },
  _ body: (TestMount) throws -> Void
) throws {
  try withMount(delivery: delivery, rings: nil, configure: configure, body)
  guard let rings = kernelRings.withLock({ $0.open() }) else { return }
  try withMount(delivery: delivery, rings: rings, configure: configure) { mount in
    #expect(mount.session.usesRings)
    try body(mount)
  }
}

private func withMount(
  delivery: MemoryHandler.Delivery, rings: RequestRings?, configure: (inout MountSessionOptions) -> Void,
  _ body: (TestMount) throws -> Void
) throws {
  let path = try makeTemporaryDirectory()
  defer { unsafe rmdir(path) }
  let handler = MemoryHandler(delivery: delivery)
  var options = MountSessionOptions(fsname: "memory", allowOther: true, threads: 3)
  configure(&options)
  let session = try MountSession(mountpoint: path, options: options, handler: handler, rings: rings)
  try session.mount()
  startThread {
    do { try session.run() } catch { Issue.record("serving failed: \(error)") }
  }
  defer {
    if !session.isEnded { session.exit() }
    #expect(eventually { session.isEnded })
  }
  try body(TestMount(path: path, handler: handler, session: session))
}

/// The kernel's switch for rings, which is on while the tests run if they may turn it.
private struct KernelRings {
  private static let path = "/sys/module/fuse/parameters/enable_uring"
  private var isLookedAt = false

  mutating func open() -> RequestRings? {
    if !isLookedAt, RequestRings.open() == nil, Self.set("Y") { atexit { _ = KernelRings.set("N") } }
    isLookedAt = true
    return RequestRings.open()
  }

  private static func set(_ value: String) -> Bool {
    let file = unsafe Glibc.open(path, O_WRONLY)
    guard file >= 0 else { return false }
    defer { close(file) }
    return unsafe write(file, value, 1) == 1
  }
}

private let kernelRings = Lock(KernelRings())

func makeTemporaryDirectory() throws -> String {
  var template = Array("/tmp/ebbfs-bridge-XXXXXX".utf8CString)
  let made = unsafe mkdtemp(&template)
  try unsafe #require(made != nil)
  return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Whether the condition holds within five seconds.
func eventually(_ condition: () -> Bool) -> Bool {
  for _ in 0..<500 {
    if condition() { return true }
    usleep(10_000)
  }
  return condition()
}

/// What a child process wrote and how it ended.
struct ChildResult {
  var status: Int32
  var output: String
}

/// Runs a program and waits for it, killing it after half a minute, when `onTimeout` has freed it from what cannot be killed.
/// Its output goes through a file, so that nobody has to read along.
func run(_ arguments: [String], onTimeout: () -> Void = {}) throws -> ChildResult {
  let directory = try makeTemporaryDirectory()
  let outputPath = directory + "/output"
  defer {
    unsafe unlink(outputPath)
    unsafe rmdir(directory)
  }
  var actions = unsafe posix_spawn_file_actions_t()
  unsafe posix_spawn_file_actions_init(&actions)
  defer { unsafe posix_spawn_file_actions_destroy(&actions) }
  unsafe posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
  unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
  var pointers: [UnsafeMutablePointer<CChar>?] = unsafe arguments.map { unsafe strdup($0) } + [nil]
  defer { for index in unsafe pointers.indices { unsafe free(pointers[index]) } }
  // The threads of tests block signals, and a child would inherit that.
  var attributes = posix_spawnattr_t()
  var noSignals = sigset_t()
  unsafe sigemptyset(&noSignals)
  unsafe posix_spawnattr_init(&attributes)
  defer { unsafe posix_spawnattr_destroy(&attributes) }
  unsafe posix_spawnattr_setsigmask(&attributes, &noSignals)
  unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
  var child = pid_t()
  let failure = unsafe posix_spawnp(&child, arguments[0], &actions, &attributes, &pointers, environ)
  try #require(failure == 0, "\(arguments[0]): error \(failure)")
  var status: Int32 = 0
  var isEnded = false
  for _ in 0..<6000 where !isEnded {
    isEnded = unsafe waitpid(child, &status, WNOHANG) == child
    if !isEnded { usleep(5000) }
  }
  if !isEnded {
    Issue.record("\(arguments[0]) hangs")
    onTimeout()
    kill(child, SIGKILL)
    unsafe waitpid(child, &status, 0)
  }
  return ChildResult(status: status, output: contents(outputPath))
}

private func contents(_ path: String) -> String {
  let descriptor = unsafe open(path, O_RDONLY)
  guard descriptor >= 0 else { return "" }
  defer { close(descriptor) }
  var bytes = [UInt8](repeating: 0, count: 1 << 16)
  let count = unsafe read(descriptor, &bytes, bytes.count)
  return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
}

/// Runs a Python script in the mount's directory; its assertions are the test's.
func check(_ mount: TestMount, _ script: String) throws {
  let result = try run(["/usr/bin/python3", "-c", pythonPrelude + script, mount.path]) { mount.session.exit() }
  #expect(result.status == 0, "\(result.output)")
}

private let pythonPrelude = """
  import ctypes, errno, fcntl, mmap, os, signal, stat, struct, sys, time
  signal.alarm(25)
  os.chdir(sys.argv[1])
  libc = ctypes.CDLL(None, use_errno=True)

  def call(name, *arguments):
      result = getattr(libc, name)(*arguments)
      if result < 0:
          raise OSError(ctypes.get_errno(), name + ": " + os.strerror(ctypes.get_errno()))
      return result

  def refused(number, function, *arguments):
      try:
          function(*arguments)
      except OSError as error:
          assert error.errno == number, (errno.errorcode[error.errno], errno.errorcode[number])
      else:
          raise AssertionError("not refused")

  def put(name, data, flags=os.O_WRONLY | os.O_CREAT):
      descriptor = os.open(name, flags, 0o644)
      assert os.write(descriptor, data) == len(data)
      os.close(descriptor)

  def get(name):
      with open(name, "rb") as file:
          return file.read()


  """
