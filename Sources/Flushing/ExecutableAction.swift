import FilesystemModel
import StorageInterface

/// What is to be written of an inode: the sealed changes of its contents, coalesced (R17, R18).
package struct ContentsImage: Hashable, Sendable {
  /// The smallest size that the file had since it was last written back, if it was ever cut: bytes above it are gone even when
  /// the file has grown again.
  package var smallestSize: Int?
  /// The size at the end; `nil` when neither data nor size changed.
  package var sizeAfter: Int?
  /// Ranges that read as zeros, carried out before the extents.
  package var zeroed: [ByteRange]
  /// Ranges with new bytes, ascending and disjoint; `ExecutableAction.read` gives the bytes.
  package var extents: [ByteRange]
  /// With data the modification time is always given (R20).
  package var attributes: AttributeChange
  package var extendedAttributes: [ExtendedAttributeChange]

  package init(
    smallestSize: Int? = nil, sizeAfter: Int? = nil, zeroed: [ByteRange] = [], extents: [ByteRange] = [],
    attributes: AttributeChange = AttributeChange(), extendedAttributes: [ExtendedAttributeChange] = []
  ) {
    self.smallestSize = smallestSize
    self.sizeAfter = sizeAfter
    self.zeroed = zeroed
    self.extents = extents
    self.attributes = attributes
    self.extendedAttributes = extendedAttributes
  }

  /// How many new bytes there are.
  package var extentBytes: Int { extents.reduce(0) { $0 + $1.count } }

  /// One call that sets attributes.
  enum AttributeStep {
    case attributes(AttributeChange)
    case extended(ExtendedAttributeChange)
  }

  /// The calls in the order that works: a new owner takes `security.capability` away, and an access list changes the permissions.
  var attributeSteps: [AttributeStep] {
    let extended = extendedAttributes.map { AttributeStep.extended($0) }
    if extended.isEmpty { return attributes.isEmpty ? [] : [.attributes(attributes)] }
    let ownership = AttributeChange(owner: attributes.owner, group: attributes.group)
    var others = attributes
    (others.owner, others.group) = (nil, nil)
    return (ownership.isEmpty ? [] : [.attributes(ownership)]) + extended + (others.isEmpty ? [] : [.attributes(others)])
  }

  /// Whether the file must be opened for it.
  package var changesData: Bool { smallestSize != nil || sizeAfter != nil || !zeroed.isEmpty || !extents.isEmpty }
}

/// A physical action with all that is needed to carry it out, resolved by the engine when the plan is opened or redone.
package struct ExecutableAction: Sendable {
  package var action: PhysicalAction
  /// The path of `action.source`; of the inode for `writeContents`, also when that is the root.
  package var source: BackingPath?
  package var target: BackingPath?
  /// The description of the inode that a creation makes.
  package var newInode: NewInode?
  /// What is to be written, for a creation or `writeContents`.
  package var contents: ContentsImage?
  /// Who must be at `source`, if known: checked before a removal, and before a rename over another name.
  package var expectedSource: BackingIdentity?
  /// Who must be at `target` before it is replaced, if known.
  package var expectedTarget: BackingIdentity?
  /// The bytes of a range inside one of the extents. May be called from any thread, several times.
  package var read: @Sendable (ByteRange) throws(Errno) -> [UInt8]

  package init(
    action: PhysicalAction, source: BackingPath? = nil, target: BackingPath? = nil, newInode: NewInode? = nil,
    contents: ContentsImage? = nil, expectedSource: BackingIdentity? = nil, expectedTarget: BackingIdentity? = nil,
    read: @escaping @Sendable (ByteRange) throws(Errno) -> [UInt8] = { _ throws(Errno) in throw .inputOutput }
  ) {
    self.action = action
    self.source = source
    self.target = target
    self.newInode = newInode
    self.contents = contents
    self.expectedSource = expectedSource
    self.expectedTarget = expectedTarget
    self.read = read
  }
}

/// What became of an action.
package enum ActionOutcome: Hashable, Sendable {
  /// In the backing directory; durable once `PlanExecutor.synchronize` says so too.
  case done
  /// It failed and may have had an effect: all of it is to be done again, as a redo, after a while.
  case retry(Errno)
  /// It cannot be done and this attempt had no effect: it is given back to the queue.
  case aborted(Errno, AbortReason)
}

/// Why an action cannot be done: the backing directory is not as this mount left it (R24).
package enum AbortReason: Hashable, Sendable, CaseIterable {
  /// Something else has the name that was to be made.
  case targetExists
  /// The name that was to be moved, removed, linked or written is not there, or a directory on its way is not.
  case sourceMissing
  /// A directory on the way to the name that was to be made is not there.
  case targetParentMissing
  /// A redone rename finds neither its source nor its target.
  case neitherSourceNorTarget
  /// Another file has the name.
  case identityDiffers
  /// The file is not as this mount left it: somebody else has written to it.
  case contentsDiffer
  /// The directory that was to be removed or replaced has entries.
  case directoryNotEmpty
  /// A directory is where a file was expected, or the other way round.
  case kindDiffers
  /// A directory was to be moved below itself.
  case wouldContainItself
  /// The backing directory refuses it for want of rights, space or ability.
  case refused
}
