import FilesystemModel
import Policies

/// One inode the daemon knows of. Its number and its locations are kept for the life of the mount, also when the kernel forgets
/// it.
///
/// It has two kinds of location: *logical* names, where the mount shows it, and *backing* names, where it is in the backing
/// directory right now. They differ exactly while a namespace operation waits for write-back.
///
/// Belongs to its table: used under the engine's lock.
package final class Inode {
  package let number: InodeNumber
  package let kind: FileKind
  /// What `stat` on the mount tells: loaded from the backing directory, with everything acknowledged since on top. `nil`: not
  /// loaded.
  package var attributes: Attributes?
  /// All extended attributes, loaded together with `attributes`.
  package var extendedAttributes: [[UInt8]: [UInt8]] = [:]
  /// Names of further ones whose values could not be read then.
  package var unreadableAttributes: Set<[UInt8]> = []
  /// The target of a symbolic link, loaded together with `attributes`.
  package var target: [UInt8] = []
  /// How many times the kernel was told of this inode.
  package var lookupCount: UInt64 = 0
  /// Entries of a directory; `nil` for other kinds.
  package var directory: Directory?

  /// Where the mount shows it. Empty: an orphan, unlinked while open.
  package internal(set) var names: [Location] = []
  /// Where the backing directory has it. Empty: not there yet, or no more.
  package internal(set) var backingNames: [Location] = []
  /// Who the backing file is, with its link count there; `nil` when not looked at, or not there.
  package var identity: BackingIdentity?

  /// Uptime in milliseconds when the attributes were last looked up, and the listing.
  package var attributesMilliseconds = 0
  package var listingMilliseconds = 0
  /// The backing file's ctime then.
  package var backingChanged: Timestamp?

  /// Whether the journal's live part can tell where the inode is: a BIND record, a checkpoint's row or its creation.
  package var isBound = false
  /// The last record that names this inode: as long as it is live the inode must stay bound.
  package var lastReference = LSN.zero
  /// The record of a creation without a name (`O_TMPFILE`), until a link names the inode.
  package var unnamedCreation: LSN?
  /// What was last found to hold for it, and the generation of policies in which that was.
  package var policy: (value: Policy, generation: UInt64)?
  /// What was last appended to it in sequence: where that ended, how much it was and when, by uptime in milliseconds.
  package var stream: (end: Int, bytes: Int, milliseconds: Int)?
  /// What the file takes in the backing directory, as far as is known, in blocks of 512 bytes.
  package var backingBlocks512 = 0
  /// What its pending changes will take there besides, in bytes.
  package var reservedBytes = 0
  /// The last change a reader of this inode can have seen.
  package var lastChange = LSN.zero

  package init(number: InodeNumber, kind: FileKind, isNew: Bool) {
    self.number = number
    self.kind = kind
    if kind == .directory { directory = Directory(isComplete: isNew) }
  }

  package var isOrphan: Bool { names.isEmpty && number != .root }
  package var isInBacking: Bool { !backingNames.isEmpty || number == .root }

  /// Whether the backing directory may have bytes of this file: it has a name there, or a held descriptor of a removed one.
  package var hasBackingContents: Bool { isInBacking && !isBeingMade || wasInBacking }
  /// Whether an open plan of an earlier mount, which counts as carried out, is still to make it.
  package var isBeingMade = false
  /// Whether the directory's link count was loaded while entries of it waited for write-back: then only its listing tells.
  package var isLinkCountInDoubt = false
  /// Set when the last backing name goes while the inode lives on.
  package internal(set) var wasInBacking = false

  /// Names in the backing directory that we have not come across: the file outlives all names we know.
  package var hasUnknownNames: Bool { kind != .directory && Int(identity?.linkCount ?? 0) > backingNames.count }

  /// Whether what changes of its contents is to be written back: it has a name, or its file has others, and there is a way to it.
  package var isKept: Bool { !isOrphan || hasUnknownNames && isInBacking }
  /// Whether its last known name is gone from the backing directory while the file has others there: the only way to it is a held
  /// descriptor, until somebody looks one of these names up.
  package var isCutOff: Bool { isOrphan && hasUnknownNames && !isInBacking }

  package var linkCount: UInt32 {
    if let directory {
      if isOrphan { return 0 }
      return directory.isComplete ? UInt32(2 + directory.subdirectoryCount) : max(attributes?.linkCount ?? 2, 2)
    }
    let unknown = hasUnknownNames ? Int(identity?.linkCount ?? 0) - backingNames.count : 0
    return UInt32(names.count + unknown)
  }
}
