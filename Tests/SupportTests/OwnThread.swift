import Glibc

/// Runs `body` on a new thread with a umask of its own, and waits for it.
func onThread(umask mask: mode_t, _ body: @escaping () -> Void) {
  final class Work {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
  }
  let work = Work {
    precondition(KernelCalls.unshare(0x200) == 0, "unshare failed: these tests need root")
    umask(mask)
    body()
  }
  var thread = pthread_t()
  // SAFETY: the new thread takes over the reference that `passRetained` made.
  let result = unsafe pthread_create(
    &thread, nil,
    { argument in
      unsafe Unmanaged<Work>.fromOpaque(argument!).takeRetainedValue().body()
      return nil
    }, Unmanaged.passRetained(work).toOpaque())
  precondition(result == 0, "no thread")
  pthread_join(thread, nil)
}

/// The supplementary groups of this process.
func supplementaryGroups() -> [UInt32] {
  var groups = [gid_t](repeating: 0, count: 65_536)
  let count = unsafe getgroups(65_536, &groups)
  return Array(groups.prefix(Int(max(0, count))))
}
