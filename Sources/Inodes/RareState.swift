import FilesystemModel
import Policies

/// What few inodes have: one that has any of it keeps a box for all of it.
final class RareState {
  var parts = Parts()

  struct Parts: Equatable {
    var extendedAttributes: [[UInt8]: [UInt8]] = [:]
    var unreadableAttributes: Set<[UInt8]> = []
    var target: [UInt8] = []
    var device: UInt64 = 0
    var unnamedCreation: LSN?
    var policy: FoundPolicy?
    var stream: AppendedStream?
    var revalidation = Revalidation()
  }
}

/// What was found to hold for a file in one generation of policies.
package struct FoundPolicy: Equatable {
  package let value: Policy
  package let generation: UInt64

  package init(_ value: Policy, generation: UInt64) {
    self.value = value
    self.generation = generation
  }
}

/// What was appended to a file without a gap: where that ended and how much it was, in bytes; when, by uptime in milliseconds.
package struct AppendedStream: Equatable {
  package let end: Int
  package let bytes: Int
  package let milliseconds: Int

  package init(end: Int, bytes: Int, milliseconds: Int) {
    self.end = end
    self.bytes = bytes
    self.milliseconds = milliseconds
  }
}

/// What tells whether an inode is to be looked up again, and whether it has changed then.
package struct Revalidation: Equatable {
  /// Uptime in milliseconds when the attributes were last looked up.
  package var attributesMilliseconds = 0
  /// The backing file's ctime then.
  package var backingChanged: Timestamp?
}
