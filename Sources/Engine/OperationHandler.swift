import FilesystemModel

/// Answers the kernel's requests: `Engine`, or a double of it in a test of the bridge.
package protocol OperationHandler: AnyObject, Sendable {
  /// Carries out an operation and calls `answer` exactly once, from any thread, perhaps before `submit` returns. Never blocks on
  /// the backing directory or on another request: an operation that must wait is parked.
  ///
  /// - Returns: what `interrupt` takes.
  @discardableResult
  func submit(
    _ operation: Operation, from caller: Caller, answer: @escaping @Sendable (Result<Reply, Errno>) -> Void
  ) -> UInt64

  /// Answers a request that is still parked about a second later with `interrupted`; does nothing for one that is answered or has
  /// taken effect.
  func interrupt(_ request: UInt64)

  /// Lowers lookup counts, as the kernel's FORGET says.
  func forget(_ inode: InodeNumber, count: UInt64)
}
