import FilesystemModel
import Inodes
import StorageInterface
import WritebackCache

/// What lseek(2) looks through.
struct SeekAssembly: Sendable {
  let inode: InodeNumber
  /// Where the backing file is; `nil` when a held descriptor has it.
  let path: BackingPath?
  let target: SeekTarget
  let parts: [ContentsPart]
  let size: Int
  /// The last change that the answer may show.
  let after: LSN
}

/// lseek with SEEK_DATA and SEEK_HOLE.
extension EngineState {
  func seek(_ number: InodeNumber, _ offset: Int, _ target: SeekTarget, _ request: Request) throws(Interruption) -> Outcome {
    let inode = try regular(number)
    let size = try attributes(inode, request).size
    guard offset >= 0, offset < size else { throw .failure(.noDeviceOrAddress) }
    var parts = cache.parts(of: number, in: offset..<size)
    if !inode.hasBackingContents {
      for index in parts.indices where parts[index].kind == .backing { parts[index].kind = .zeros }
    }
    if parts.contains(where: { $0.kind == .backing }), isMoving(inode) { throw .needsPlanEnd }
    let assembly = SeekAssembly(
      inode: number, path: path(of: inode), target: target, parts: parts, size: size, after: inode.lastChange)
    guard parts.contains(where: { $0.kind == .backing }) else {
      guard let found = try? assembly.find({ _ in nil }) else { throw .failure(.noDeviceOrAddress) }
      return .reply(.offset(found), after: inode.lastChange)
    }
    return .seek(assembly)
  }
}

extension SeekAssembly {
  /// The first place that is sought. Every file ends with a hole.
  ///
  /// - Parameter inBacking: the first such place of the backing file in a range, if there is one.
  func find(_ inBacking: (ByteRange) throws(Errno) -> Int?) throws(Errno) -> Int {
    for part in parts {
      switch part.kind {
      case .backing: if let found = try inBacking(part.range) { return found }
      case .zeros: if target == .hole { return part.range.lowerBound }
      case .dirty: if target == .data { return part.range.lowerBound }
      }
    }
    guard target == .hole else { throw .noDeviceOrAddress }
    return size
  }

  /// The same, with the file open.
  func find(in file: any BackingFile) throws(Errno) -> Int {
    try find { range throws(Errno) in
      // Behind its end the backing file is a hole.
      let found = try file.seek(from: range.lowerBound, target) ?? (target == .hole ? range.lowerBound : range.upperBound)
      return found < range.upperBound ? found : nil
    }
  }
}
