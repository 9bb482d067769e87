import FilesystemModel
import Policies

/// One inode the daemon knows of. Its number and its locations are kept for the life of the mount, also when the kernel forgets
/// it.
///
/// It has two kinds of location: *logical* names, where the mount shows it, and *backing* names, where it is in the backing
/// directory right now. They differ exactly while a namespace operation waits for write-back.
///
/// There may be millions: it is laid out to be small (`InodeSizeTests`), and what few inodes have is in `RareState`.
///
/// Belongs to its table: used under the engine's lock.
package final class Inode {
  package private(set) var number: InodeNumber
  /// Where the mount shows it. Empty: an orphan, unlinked while open.
  package internal(set) var names: Locations = []
  /// Where the backing directory has it. Empty: not there yet, or no more.
  package internal(set) var backingNames: Locations = []
  private var storedAttributes = StoredAttributes()
  package private(set) var kind: FileKind
  private var storedIdentity = StoredIdentity(nil)
  private var traits: Traits = []
  /// How many times the kernel was told of this inode, as far as 32 bits can count: one that was told of more often is not
  /// forgotten.
  package private(set) var lookupCount: UInt32 = 0
  /// The last record that names this inode: as long as it is live the inode must stay bound.
  package var lastReference = LSN.zero
  /// The last change a reader of this inode can have seen.
  package var lastChange = LSN.zero
  /// What the file takes in the backing directory, as far as is known, in blocks of 512 bytes.
  package var backingBlocks512 = 0
  /// What its pending changes will take there besides, in bytes.
  package var reservedBytes = 0
  /// Entries of a directory; `nil` for other kinds.
  package private(set) var directory: Directory?
  private var rare: RareState?

  private struct Traits: OptionSet {
    let rawValue: UInt8
    static let isBound = Traits(rawValue: 1)
    static let isBeingMade = Traits(rawValue: 2)
    static let isLinkCountInDoubt = Traits(rawValue: 4)
    static let wasInBacking = Traits(rawValue: 8)
  }

  init(number: InodeNumber, kind: FileKind, isNew: Bool) {
    self.number = number
    self.kind = kind
    if kind == .directory { directory = Directory(isComplete: isNew) }
  }

  /// Makes one that nobody has seen yet another one.
  func begin(_ number: InodeNumber, _ kind: FileKind, isNew: Bool) {
    self.number = number
    self.kind = kind
    directory = kind == .directory ? Directory(isComplete: isNew) : nil
  }
}

// MARK: - Names

extension Inode {
  package var isOrphan: Bool { names.isEmpty && number != .root }
  package var isInBacking: Bool { !backingNames.isEmpty || number == .root }

  /// Whether the backing directory may have bytes of this file: it has a name there, or a held descriptor of a removed one.
  package var hasBackingContents: Bool { isInBacking && !isBeingMade || wasInBacking }

  /// Names in the backing directory that we have not come across: the file outlives all names we know.
  package var hasUnknownNames: Bool { kind != .directory && storedIdentity.knownLinkCount > backingNames.count }

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
    return UInt32(names.count + max(0, storedIdentity.knownLinkCount - backingNames.count))
  }

  /// The kernel was told of it.
  package func countLookup() { countLookups(1) }

  func countLookups(_ count: UInt64) { lookupCount += UInt32(min(count, UInt64(UInt32.max - lookupCount))) }

  /// The kernel forgets it, as many times as it was told.
  package func forget(_ lookups: UInt64) {
    if lookupCount < .max { lookupCount -= UInt32(min(lookups, UInt64(lookupCount))) }
  }
}

// MARK: - State

extension Inode {
  /// What `stat` on the mount tells: loaded from the backing directory, with everything acknowledged since on top. `nil`: not
  /// loaded.
  package var attributes: Attributes? {
    get { storedAttributes.attributes(device: rare?.parts.device ?? 0) }
    set {
      storedAttributes = newValue.map(StoredAttributes.init) ?? StoredAttributes()
      let device = newValue?.device ?? 0
      change(isUsual: device == 0) { $0.device = device }
    }
  }

  package var hasAttributes: Bool { storedAttributes.isPresent }

  /// Who the backing file is, with its link count there; `nil` when not looked at, or not there.
  package var identity: BackingIdentity? {
    get { storedIdentity.identity }
    set { storedIdentity = StoredIdentity(newValue) }
  }

  /// Whether the journal's live part can tell where the inode is: a BIND record, a checkpoint's row or its creation.
  package var isBound: Bool {
    get { traits.contains(.isBound) }
    set { set(.isBound, newValue) }
  }

  /// Whether an open plan of an earlier mount, which counts as carried out, is still to make it.
  package var isBeingMade: Bool {
    get { traits.contains(.isBeingMade) }
    set { set(.isBeingMade, newValue) }
  }

  /// Whether the directory's link count was loaded while entries of it waited for write-back: then only its listing tells.
  package var isLinkCountInDoubt: Bool {
    get { traits.contains(.isLinkCountInDoubt) }
    set { set(.isLinkCountInDoubt, newValue) }
  }

  /// Set when the last backing name goes while the inode lives on.
  package internal(set) var wasInBacking: Bool {
    get { traits.contains(.wasInBacking) }
    set { set(.wasInBacking, newValue) }
  }

  private func set(_ trait: Traits, _ isSet: Bool) {
    if isSet { traits.insert(trait) } else { traits.remove(trait) }
  }
}

// MARK: - What few inodes have

extension Inode {
  /// All extended attributes, loaded together with `attributes`.
  package var extendedAttributes: [[UInt8]: [UInt8]] {
    get { rare?.parts.extendedAttributes ?? [:] }
    set { change(isUsual: newValue.isEmpty) { $0.extendedAttributes = newValue } }
  }

  /// Names of further ones whose values could not be read then.
  package var unreadableAttributes: Set<[UInt8]> {
    get { rare?.parts.unreadableAttributes ?? [] }
    set { change(isUsual: newValue.isEmpty) { $0.unreadableAttributes = newValue } }
  }

  /// The target of a symbolic link, loaded together with `attributes`.
  package var target: [UInt8] {
    get { rare?.parts.target ?? [] }
    set { change(isUsual: newValue.isEmpty) { $0.target = newValue } }
  }

  /// The record of a creation without a name (`O_TMPFILE`), until a link names the inode.
  package var unnamedCreation: LSN? {
    get { rare?.parts.unnamedCreation }
    set { change(isUsual: newValue == nil) { $0.unnamedCreation = newValue } }
  }

  /// What was last found to hold for it, and the generation of policies in which that was.
  package var policy: FoundPolicy? {
    get { rare?.parts.policy }
    set { change(isUsual: newValue == nil) { $0.policy = newValue } }
  }

  /// What was last appended to it in sequence.
  package var stream: AppendedStream? {
    get { rare?.parts.stream }
    set { change(isUsual: newValue == nil) { $0.stream = newValue } }
  }

  /// When it was last looked up: to be noted only where others change the backing directory, too.
  package var revalidation: Revalidation {
    get { rare?.parts.revalidation ?? Revalidation() }
    set { change(isUsual: newValue == Revalidation()) { $0.revalidation = newValue } }
  }

  var hasRareState: Bool { rare != nil }

  /// What has come back to what is usual needs no memory, once that holds for all of it.
  private func change(isUsual: Bool, _ change: (inout RareState.Parts) -> Void) {
    if isUsual, rare == nil { return }
    let rare = rare ?? RareState()
    change(&rare.parts)
    self.rare = isUsual && rare.parts == RareState.Parts() ? nil : rare
  }
}
