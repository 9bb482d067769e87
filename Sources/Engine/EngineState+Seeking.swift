import FilesystemModel
import Inodes
import StorageInterface
import WritebackCache

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
    guard parts.contains(where: { $0.kind == .backing }) else {
      guard let found = Self.first(target, in: parts, size: size) else { throw .failure(.noDeviceOrAddress) }
      return .reply(.offset(found), after: inode.lastChange)
    }
    if isMoving(inode) { throw .needsPlanEnd }
    guard let path = path(of: inode) else { throw .failure(.stale) }
    let question = Question(inode: number, after: inode.lastChange) { [parts] (backing) throws(Errno) in
      let file = try backing.open(path, writable: false)
      var looked: [ContentsPart] = []
      for part in parts { looked += part.kind == .backing ? try Self.split(part, file) : [part] }
      guard let found = Self.first(target, in: looked, size: size) else { throw .noDeviceOrAddress }
      return .offset(found)
    }
    return .ask(question)
  }

  private static func first(_ target: SeekTarget, in parts: [ContentsPart], size: Int) -> Int? {
    let part = parts.first { ($0.kind == .zeros) == (target == .hole) }
    // Every file ends with a hole.
    return part?.range.lowerBound ?? (target == .hole ? size : nil)
  }

  /// A part of the backing file as its data and holes.
  private static func split(_ part: ContentsPart, _ file: any BackingFile) throws(Errno) -> [ContentsPart] {
    var parts: [ContentsPart] = []
    var offset = part.range.lowerBound
    while offset < part.range.upperBound {
      let data = min(try file.seek(from: offset, .data) ?? part.range.upperBound, part.range.upperBound)
      if data > offset { parts.append(ContentsPart(range: offset..<data, kind: .zeros)) }
      guard data < part.range.upperBound else { break }
      let hole = min(max(try file.seek(from: data, .hole) ?? part.range.upperBound, data + 1), part.range.upperBound)
      parts.append(ContentsPart(range: data..<hole, kind: .backing))
      offset = hole
    }
    return parts
  }
}
