import CLinux
import FilesystemModel
import StorageInterface

extension PosixBackingStorage {
  package func open(_ path: BackingPath, writable: Bool) throws(Errno) -> any BackingFile {
    let flags = writable ? linux_o_read_write : linux_o_read_only
    let file = try openFile(path, flags: flags)
    // On a descriptor that the kernel reads ahead of by itself, FUSE drops what `fetchAhead` asks for once nine reads wait.
    if !writable, abilities.isFar { _ = linux_fetch_nothing_ahead(file.number) }
    return PosixBackingFile(file, rootDevice: rootIdentity.device, gate: gate)
  }

  package func createFile(_ path: BackingPath, permissions: UInt16) throws(Errno) -> any BackingFile {
    try withAccess(to: path) { () throws(Errno) -> any BackingFile in
      guard !path.components.isEmpty else { throw .exists }
      let parent = try root.parent(of: path)
      let flags = linux_o_read_write | linux_o_create | linux_o_exclusive | linux_o_no_follow
      let created = try Descriptor(at: parent.directory.descriptor, parent.name, flags: flags, mode: UInt32(permissions))
      return PosixBackingFile(created, rootDevice: rootIdentity.device, gate: gate)
    }
  }

  /// Opens a regular file and nothing else: opening a device can have effects, and a fifo can block.
  func openFile(_ path: BackingPath, flags: Int32) throws(Errno) -> Descriptor {
    try withAccess(to: path, reach: .entry) { () throws(Errno) -> Descriptor in
      do throws(Errno) {
        return try openFileOnce(path, flags: flags | linux_o_no_access_time | linux_o_non_block)
      } catch {
        guard error == .notPermitted else { throw error }
        return try openFileOnce(path, flags: flags | linux_o_non_block)
      }
    }
  }

  /// The type is asked of an O_PATH descriptor, which is then opened itself: nobody can put something else in between.
  private func openFileOnce(_ path: BackingPath, flags: Int32) throws(Errno) -> Descriptor {
    let entry = try root.open(path.components, flags: linux_o_path)
    try checkRegular(entry)
    if root.features.hasProc { return try Descriptor(linux_reopen(entry.number, flags)) }
    let file = try root.open(path.components, flags: flags)
    try checkRegular(file)
    return file
  }

  private func checkRegular(_ descriptor: borrowing Descriptor) throws(Errno) {
    switch try FileKind(mode: descriptor.status().mode) {
    case .regular: return
    case .directory: throw .isDirectory
    case .symlink: throw .tooManySymlinks
    default: throw .noDeviceOrAddress
    }
  }
}

/// An open regular file of the backing directory.
package final class PosixBackingFile: BackingFile {
  private let descriptor: Descriptor
  private let rootDevice: UInt64
  private let gate: AccessGate

  init(_ descriptor: consuming Descriptor, rootDevice: UInt64, gate: AccessGate) {
    self.descriptor = descriptor
    self.rootDevice = rootDevice
    self.gate = gate
  }

  package func read(at offset: Int, count: Int) throws(Errno) -> [UInt8] { try descriptor.read(at: offset, count: count) }

  /// In pieces, for of each call the kernel fetches no more than it reads ahead at one time (`posix_fadvise(2)`).
  package func fetchAhead(_ range: ByteRange) {
    for start in stride(from: range.lowerBound, to: range.upperBound, by: Self.pieceFetchedAhead) {
      let count = min(Self.pieceFetchedAhead, range.upperBound - start)
      guard linux_fetch_ahead(descriptor.number, Int64(start), Int64(count)) == 0 else { return }
    }
  }

  /// What filesystems read ahead if nothing else is said.
  private static let pieceFetchedAhead = 128 << 10

  package func write(_ bytes: [UInt8], at offset: Int) throws(Errno) { try descriptor.write(bytes, at: offset) }

  package func resize(_ size: Int) throws(Errno) { try checked(linux_resize(descriptor.number, Int64(size))) }

  package func zero(_ range: ByteRange) throws(Errno) {
    guard !range.isEmpty else { return }
    let result = linux_punch_hole(descriptor.number, Int64(range.lowerBound), Int64(range.count))
    guard result == -Errno.notSupported.rawValue || result == -Errno.notImplemented.rawValue else {
      try checked(result)
      return
    }
    try writeZeros(range)
  }

  /// Writes zeros where the range is inside of the file.
  func writeZeros(_ range: ByteRange) throws(Errno) {
    let end = min(range.upperBound, Int(try descriptor.status().size))
    if range.lowerBound < end { try descriptor.writeZeros(range.lowerBound..<end, piece: 1 << 20) }
  }

  package func setAttributes(_ change: AttributeChange) throws(Errno) {
    try gate.changingModes(when: change.permissions != nil) { () throws(Errno) in
      try descriptor.apply(change, isSymlink: false, way: linux_way_direct)
    }
  }

  package func setExtendedAttribute(_ change: ExtendedAttributeChange) throws(Errno) {
    do {
      try descriptor.apply(change, way: linux_way_direct)
    } catch {
      guard error == .accessDenied, !gate.isPrivileged else { throw error }
      try gate.exclusively { () throws(Errno) in try setWithAccess(change) }
    }
  }

  /// `user.` attributes ask for the file's permissions even of who has it open.
  private func setWithAccess(_ change: ExtendedAttributeChange) throws(Errno) {
    let permissions = try descriptor.status().mode & 0o7777
    try checked(linux_set_mode(descriptor.number, linux_way_direct, permissions | 0o600))
    defer { linux_set_mode(descriptor.number, linux_way_direct, permissions) }
    try descriptor.apply(change, way: linux_way_direct)
  }

  package func status() throws(Errno) -> BackingStatus {
    try BackingStatus(descriptor.status(), rootDevice: rootDevice)
  }

  package func seek(from offset: Int, _ target: SeekTarget) throws(Errno) -> Int? {
    let result =
      target == .data
      ? linux_seek_data(descriptor.number, Int64(offset)) : linux_seek_hole(descriptor.number, Int64(offset))
    switch result {
    case -Int64(Errno.noDeviceOrAddress.rawValue): return nil
    case -Int64(Errno.invalidArgument.rawValue):
      // Not supported: then all of the file is data.
      let size = Int(try descriptor.status().size)
      return target == .data && offset < size ? offset : nil
    default:
      let found = try checked(result)
      // The end of the file, which lseek(2) counts as a hole, is not before the end of the file.
      let size = Int(try descriptor.status().size)
      return target == .hole && found >= size ? nil : found
    }
  }

  package func synchronize() throws(Errno) { try descriptor.synchronize() }
}
