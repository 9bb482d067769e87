import FilesystemModel
import StorageInterface

extension PlanExecutor {
  /// Makes a file with its contents, or another kind of inode.
  ///
  /// Redone: a regular file or directory that is there is taken for ours, a regular file is emptied and written again. A symbolic
  /// link or device file is ours when its target or device number is the same; else somebody else's, and it is not touched.
  ///
  /// - Parameter observe: Is told the state of a regular file that was made.
  func create(_ action: ExecutableAction, _ isRedo: Bool, _ observe: (BackingStatus?) -> Void) throws(Failure) {
    guard let inode = action.newInode else { preconditionFailure("a creation has the description of its inode") }
    if inode.attributes.kind == .regular { return try createFile(action, inode, isRedo, observe) }
    let path = required(action.target)
    var image = image(of: action, inode)
    do throws(Errno) {
      let permissions = initialPermissions(image)
      try storage.make(
        path, kind: inode.attributes.kind, permissions: permissions, device: inode.attributes.device, target: inode.target)
      omitWhatIsSo(&image, try? storage.status(path))
    } catch {
      guard error == .exists, isRedo else { throw creationFailure(error, isRedo) }
      try adopt(path, inode)
    }
    try undoing(inode.attributes.kind, at: path) { () throws(Errno) in
      for step in image.attributeSteps { try carryOut(step, inode.attributes.kind, path) }
      if inode.attributes.kind == .directory, !synchronizesFilesystem { try storage.synchronize(path) }
    }
  }

  private func createFile(
    _ action: ExecutableAction, _ inode: NewInode, _ isRedo: Bool, _ observe: (BackingStatus?) -> Void
  ) throws(Failure) {
    let path = required(action.target)
    var image = image(of: action, inode)
    image.smallestSize = nil
    image.zeroed = []
    let file: any BackingFile
    var sizeBefore: Int?
    do throws(Errno) {
      file = try storage.createFile(path, permissions: initialPermissions(image))
      omitWhatIsSo(&image, try? file.status())
      sizeBefore = 0
    } catch {
      guard error == .exists, isRedo else { throw creationFailure(error, isRedo) }
      try adopt(path, inode)
      file = try retrying { () throws(Errno) in
        let file = try storage.open(path, writable: true)
        try file.resize(0)
        return file
      }
    }
    try undoing(.regular, at: path) { () throws(Errno) in
      try write(image, to: file, sizeBefore: sizeBefore, action.read)
    }
    observe(try? file.status())
  }

  /// What is to be written of a new inode: what it was born with, and what changed since.
  private func image(of action: ExecutableAction, _ inode: NewInode) -> ContentsImage {
    var image = action.contents ?? ContentsImage()
    image.extendedAttributes = inode.extendedAttributes.map(\.asChange) + image.extendedAttributes
    image.attributes = attributes(of: inode, image)
    return image
  }

  /// The permissions that an inode is made with, as far as they harm nobody before it has its owner, group and contents: the
  /// owner can write, the group may no more than others.
  private func initialPermissions(_ image: ContentsImage) -> UInt16 {
    let wanted = image.attributes.permissions ?? 0
    let group = wanted & 0o070 & ((wanted & 0o007) << 3)
    return wanted & 0o707 | group | 0o600
  }

  /// An owner, group and permissions that an inode is born with need not be set: a round trip or two less on a remote filesystem.
  private func omitWhatIsSo(_ image: inout ContentsImage, _ born: BackingStatus?) {
    guard let born = born?.attributes else { return }
    if image.attributes.owner == born.owner { image.attributes.owner = nil }
    if image.attributes.group == born.group { image.attributes.group = nil }
    // A new owner takes set-ID bits away, and an access list, which is set before them, changes permissions.
    let isLast = image.extendedAttributes.isEmpty && (image.attributes.permissions ?? 0) & 0o7000 == 0
    if isLast, image.attributes.permissions == born.permissions { image.attributes.permissions = nil }
  }

  /// What was made and then refused its contents or attributes is removed again, durably: the creation is given back, so that
  /// what is changed or removed on the mount meanwhile counts.
  private func undoing(_ kind: FileKind, at path: BackingPath, _ body: () throws(Errno) -> Void) throws(Failure) {
    do throws(Errno) {
      try body()
    } catch {
      guard Self.isRefusal(error) else { throw .again(error) }
      try retrying { () throws(Errno) in
        try remove(path, kind)
        try storage.synchronizeDirectory(BackingPath(Array(path.components.dropLast())))
      }
      throw .refused(error, .refused)
    }
  }

  /// Checks that what is at the path can be what an earlier attempt made.
  func adopt(_ path: BackingPath, _ inode: NewInode) throws(Failure) {
    let details = try retrying { () throws(Errno) in try storage.details(path) }
    let found = details.status.attributes
    guard found.kind == inode.attributes.kind else { throw .refused(.exists, .kindDiffers) }
    let isDevice = found.kind == .blockDevice || found.kind == .characterDevice
    guard details.target == inode.target || found.kind != .symlink, found.device == inode.attributes.device || !isDevice else {
      throw .refused(.exists, .targetExists)
    }
  }

  private func creationFailure(_ error: Errno, _ isRedo: Bool) -> Failure {
    switch error {
    case .exists: .refused(error, .targetExists)
    case .noEntry, .notDirectory: .refused(error, .targetParentMissing)
    default: failure(error, isRedo)
    }
  }

  /// What a new inode was born with, and what changed since. Owner and group only where the daemon may give files away: elsewhere
  /// the file is the daemon's, as it should be. Symbolic links have no permissions of their own.
  private func attributes(of inode: NewInode, _ image: ContentsImage) -> AttributeChange {
    let born = inode.attributes
    var change = AttributeChange(permissions: born.permissions, accessed: born.accessed, modified: born.modified)
    if storage.abilities.isPrivileged {
      change.owner = born.owner
      change.group = born.group
    }
    change.merge(image.attributes)
    if born.kind == .symlink { change.permissions = nil }
    return change
  }
}

extension ExtendedAttribute {
  fileprivate var asChange: ExtendedAttributeChange { ExtendedAttributeChange(name: name, value: value) }
}
