import FilesystemModel
import StorageInterface

extension PlanExecutor {
  /// Writes the sealed changes of an inode that is in the backing directory. Redone: all steps again, whatever an earlier attempt
  /// has made of the file.
  ///
  /// - Parameter observe: Is told the file's state after the changes; `nil` when they were begun and it is not known. What is
  ///   half done and not synced may be another state after a power cut.
  func writeContents(_ action: ExecutableAction, _ isRedo: Bool, _ observe: (BackingStatus?) -> Void) throws(Failure) {
    guard let image = action.contents else { preconditionFailure("contents are sealed before they are written back") }
    let path = required(action.source)
    if image.changesData {
      let file: any BackingFile
      do throws(Errno) {
        file = try storage.open(path, writable: true)
      } catch {
        throw missing(error)
      }
      var sizeBefore: Int?
      if let expected = action.expectedSource {
        let status = try retrying { () throws(Errno) in try file.status() }
        if isRedo { try check(status, expected) } else { try checkVersion(status, expected) }
        // A server that lost what an earlier attempt did may be remembered by the kernel as it was before.
        if !isRedo { sizeBefore = status.attributes.size }
      }
      do throws(Errno) {
        try write(image, to: file, sizeBefore: sizeBefore, action.read)
      } catch {
        observe(nil)
        throw contentsFailure(error)
      }
      return observe(try? file.status())
    }
    var isAsLeft = true
    if let expected = action.expectedSource {
      guard let status = try status(path) else { throw .refused(.noEntry, .sourceMissing) }
      try check(status, expected)
      isAsLeft = isRedo || self.isAsLeft(status, expected)
    }
    // What somebody else has written stays in conflict with data that is written later.
    let isNewState = image.attributes.modified != nil && isAsLeft
    do throws(Failure) {
      try writeAttributes(image, action.action.fileKind, path)
    } catch {
      if isNewState { observe(nil) }
      throw error
    }
    if isNewState { observe(try? storage.status(path)) }
  }

  /// R18 and R20: cut, zeros, bytes, final size, extended attributes, then owner, permissions and times. Synced, unless the
  /// plan's filesystem is.
  ///
  /// - Parameter sizeBefore: The file's size if it is known for certain: then one that the file has in any case is not set, which
  ///   on a remote filesystem is a round trip or two.
  package func write(
    _ image: ContentsImage, to file: any BackingFile, sizeBefore: Int? = nil,
    _ read: (ByteRange) throws(Errno) -> [UInt8]
  ) throws(Errno) {
    var size = sizeBefore
    if let smallest = image.smallestSize, size.map({ $0 > smallest }) ?? true {
      try file.resize(smallest)
      if size != nil { size = smallest }
    }
    for range in image.zeroed { try file.zero(range) }
    for extent in image.extents {
      var offset = extent.lowerBound
      while offset < extent.upperBound {
        let end = min(offset + chunkBytes, extent.upperBound)
        try file.write(try read(offset..<end), at: offset)
        offset = end
      }
    }
    let sizeNow = size.map { max($0, image.extents.last?.upperBound ?? 0) }
    if let sizeAfter = image.sizeAfter, sizeAfter != sizeNow { try file.resize(sizeAfter) }
    for step in image.attributeSteps {
      switch step {
      case .attributes(let change): try file.setAttributes(change)
      case .extended(let change): try file.setExtendedAttribute(change)
      }
    }
    if !synchronizesFilesystem { try file.synchronize() }
  }

  /// Changes of attributes alone need no open file.
  private func writeAttributes(_ image: ContentsImage, _ kind: FileKind, _ path: BackingPath) throws(Failure) {
    func step(_ body: () throws(Errno) -> Void) throws(Failure) {
      do throws(Errno) {
        try body()
      } catch {
        throw missing(error)
      }
    }
    var image = image
    if kind == .symlink { image.attributes.permissions = nil }
    for attributeStep in image.attributeSteps {
      try step { () throws(Errno) in try carryOut(attributeStep, kind, path) }
    }
    if !synchronizesFilesystem, Self.hasSynchronization(kind) {
      try retrying { () throws(Errno) in try storage.synchronize(path) }
    }
  }

  func carryOut(_ step: ContentsImage.AttributeStep, _ kind: FileKind, _ path: BackingPath) throws(Errno) {
    switch step {
    case .attributes(let change): try storage.setAttributes(path, kind: kind, change)
    case .extended(let change): try storage.setExtendedAttribute(path, change)
    }
  }

  /// Contents are always written from their beginning: what an attempt has written does no harm, and a refusal at any step, of a
  /// redo too, gives them back. What was removed or overwritten on the mount meanwhile is not written then.
  private func contentsFailure(_ error: Errno) -> Failure { Self.isRefusal(error) ? .refused(error, .refused) : .again(error) }

  private func missing(_ error: Errno) -> Failure {
    switch error {
    case .noEntry, .notDirectory: .refused(error, .sourceMissing)
    case .isDirectory: .refused(error, .kindDiffers)
    default: contentsFailure(error)
    }
  }
}
