import FilesystemModel
import StorageInterface
import Threading

/// A watch whose events a test makes up.
package final class SimulatedWatch: BackingWatch {
  private let body: @Sendable ([BackingEvent]) -> Void
  private let added = Lock<[InodeNumber: BackingPath]>([:])

  init(_ body: @escaping @Sendable ([BackingEvent]) -> Void) { self.body = body }

  package func add(_ path: BackingPath, as directory: InodeNumber) { added.withLock { $0[directory] = path } }

  /// The directories that are watched.
  package var directories: [InodeNumber: BackingPath] { added.withLock { $0 } }

  package func tell(_ events: [BackingEvent]) { body(events) }
}
