import Glibc

private final class Work {
  let body: () -> Void
  init(_ body: @escaping () -> Void) { self.body = body }
}

private func start(_ body: @escaping () -> Void) -> pthread_t {
  var thread = pthread_t()
  // SAFETY: the new thread takes over the reference that `passRetained` made.
  let result = unsafe pthread_create(
    &thread, nil,
    { argument in
      unsafe Unmanaged<Work>.fromOpaque(argument!).takeRetainedValue().body()
      return nil
    }, Unmanaged.passRetained(Work(body)).toOpaque())
  precondition(result == 0, "no thread")
  return thread
}

/// Runs `body` on a new thread with a umask of its own, and waits for it.
func onThread(umask mask: mode_t, _ body: @escaping () -> Void) {
  let thread = start {
    precondition(KernelCalls.unshare(0x200) == 0, "unshare(CLONE_FS) failed: these tests need root")
    umask(mask)
    body()
  }
  pthread_join(thread, nil)
}

/// Runs `body` on several threads at once, with their numbers, and waits for all.
func onThreads(count: Int, _ body: @escaping @Sendable (Int) -> Void) {
  let threads = (0..<count).map { number in start { body(number) } }
  for thread in threads { pthread_join(thread, nil) }
}

/// The supplementary groups of this process.
func supplementaryGroups() -> [UInt32] {
  var groups = [gid_t](repeating: 0, count: 65_536)
  let count = unsafe getgroups(65_536, &groups)
  return Array(groups.prefix(Int(max(0, count))))
}
