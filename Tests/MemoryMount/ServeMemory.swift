import FUSEBridge
import Glibc
import MemoryFilesystem

/// Returns the exit status: 0 when the mount was ended, 1 with a line on standard error when it could not be made.
func serveMemory(mountpoint: String, kernelOptions: [String]) -> Int32 {
  var signals = sigset_t()
  unsafe sigemptyset(&signals)
  unsafe sigaddset(&signals, SIGTERM)
  unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
  do throws(MountError) {
    let options = MountSessionOptions(
      fsname: "memory", allowOther: geteuid() == 0, kernelOptions: kernelOptions, threads: 4)
    let session = try MountSession(
      mountpoint: mountpoint, options: options, handler: MemoryHandler(owner: getuid(), group: getgid()))
    try session.mount()
    startThread { [signals] in
      var signals = signals
      var received: Int32 = 0
      unsafe sigwait(&signals, &received)
      session.exit()
    }
    try session.run()
    return 0
  } catch {
    let line = Array("MemoryMount: \(error)\n".utf8)
    _ = unsafe line.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
    return 1
  }
}
