import CFUSE
import FilesystemModel

/// A request that libfuse has decoded, in its callback.
@safe struct Incoming {
  // SAFETY: libfuse's request lives until its reply; this value does not outlive the callback.
  private let request: OpaquePointer
  let session: FUSESession

  init(_ request: OpaquePointer?) {
    guard let request = unsafe request else { preconditionFailure("libfuse calls without a request") }
    unsafe self.request = request
    unsafe session = FUSESession.of(request)
  }

  /// Submits the operation, or replies with the error that deriving it throws.
  func submit(_ form: ReplyForm, needsGroups: Bool = false, _ operation: () throws(Errno) -> Operation) {
    do throws(Errno) {
      let operation = try operation()
      let pending = PendingRequest(
        session, target: .library(UInt(bitPattern: unsafe request)), form: form, arrival: CurrentRequest.arrival)
      pending.submit(operation, from: caller(needsGroups: needsGroups))
    } catch {
      refuse(error)
    }
  }

  func refuse(_ error: Errno) {
    session.metrics.countReply(to: CurrentRequest.arrival)
    unsafe fuse_reply_err(request, error.rawValue)
  }

  /// Ends a request that has no answer.
  func end() { unsafe fuse_reply_none(request) }

  /// The new inode's permissions and the caller's umask, which the kernel leaves to us (DONT_MASK).
  func makeRequest(_ kind: FileKind, mode: mode_t, device: UInt64 = 0) -> MakeRequest {
    MakeRequest(
      kind: kind, permissions: UInt16(truncatingIfNeeded: mode & 0o7777),
      umask: UInt16(truncatingIfNeeded: unsafe fuse_req_ctx(request).pointee.umask & 0o777), device: device)
  }

  /// libfuse reads the groups from /proc: only where the operation depends on them, and root's never matter.
  private func caller(needsGroups: Bool) -> Caller {
    let context = unsafe fuse_req_ctx(request).pointee
    return Caller(
      owner: context.uid, group: context.gid, process: UInt32(bitPattern: context.pid),
      groups: needsGroups && context.uid != 0 ? groups() : [], request: CurrentRequest.arrival.unique)
  }

  private func groups() -> [UInt32] {
    var capacity = 64
    while true {
      let count = unsafe withUnsafeTemporaryAllocation(of: gid_t.self, capacity: capacity) { list -> [UInt32]? in
        let count = Int(unsafe fuse_req_getgroups(request, Int32(capacity), list.baseAddress))
        guard count <= capacity else {
          capacity = count
          return nil
        }
        return unsafe Array(list.prefix(max(0, count)))
      }
      if let count { return count }
    }
  }
}
