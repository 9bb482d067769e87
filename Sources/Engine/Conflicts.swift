import FilesystemModel
import Flushing
import StorageInterface

/// Conflicts that were met in the life of this mount, the latest at the end.
struct ConflictList: Sendable {
  private(set) var latest: [Conflict] = []
  private(set) var count = 0
  /// How many an operator is told of; their number is always told.
  static let latestMax = 100

  mutating func add(_ conflict: Conflict) {
    count += 1
    if latest.count == Self.latestMax { latest.removeFirst() }
    latest.append(conflict)
  }
}

/// What the kernel knows and must forget, since somebody else has changed it.
package enum Invalidation: Hashable, Sendable {
  /// Attributes and contents, or the listing.
  case inode(InodeNumber)
  case entry(Location)
}

/// What was done in the backing directory about an action that met somebody else's change.
struct ConflictOutcome: Sendable {
  /// The action's index in its plan.
  let index: Int
  /// `nil` where nothing of anybody was in danger.
  var conflict: Conflict?
  /// The state that the changes of an inode are based on from now on.
  var basis: (inode: InodeNumber, status: BackingStatus)?
  /// Where theirs is kept.
  var kept: (location: Location, kind: FileKind)?
  /// Theirs, for which the change of the mount is given up.
  var winner: (location: Location, status: BackingStatus)?
}

extension ExecutableAction {
  /// What kind of conflict it is that an attempt was refused for this reason; `nil` for none.
  func conflict(_ reason: AbortReason) -> Conflict.Kind? {
    switch (action.kind, reason) {
    case (.writeContents, .identityDiffers), (.writeContents, .contentsDiffer): isTruncation ? .truncate : .overwrite
    case (.removeFile, .identityDiffers), (.removeFile, .contentsDiffer), (.removeFile, .kindDiffers): .unlink
    case (.removeDirectory, .directoryNotEmpty), (.removeDirectory, .identityDiffers), (.removeDirectory, .kindDiffers):
      .removeDirectory
    case (.create, .targetExists), (.create, .kindDiffers), (.link, .targetExists), (.rename, .targetExists): .newName
    case (.rename, .identityDiffers), (.rename, .contentsDiffer), (.rename, .kindDiffers), (.rename, .directoryNotEmpty):
      action.replaced == nil ? nil : .renameOver
    default: nil
    }
  }

  private var isTruncation: Bool { contents.map { $0.smallestSize != nil && $0.extents.isEmpty } ?? false }

  /// The name that theirs is under, as the journal and the backing directory know it.
  func disputed(_ kind: Conflict.Kind) -> (location: Location, path: BackingPath)? {
    let isTarget = kind == .renameOver || kind == .newName
    guard let location = isTarget ? action.target : action.source, let path = isTarget ? target : source else { return nil }
    return (location, path)
  }
}
