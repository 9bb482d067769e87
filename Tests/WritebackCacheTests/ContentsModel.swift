import FilesystemModel
import WritebackCache

/// Dirty contents with all that is around them: a journal that keeps all records, backing files, and what every file must read
/// as.
final class ContentsModel {
  /// What a file is, in the mount or in the backing directory.
  struct File: Equatable {
    var bytes: [UInt8] = []
    var permissions: UInt16 = 0o644
    var extendedAttributes: [[UInt8]: [UInt8]] = [:]
  }

  struct Record {
    var change: ContentChange
    var lsn: LSN
    var position: JournalPosition?
  }

  /// A write-back that is going on: its steps that are still to come, and what the file must be at the end.
  struct WriteBack {
    var steps: [(inout File) -> Void]
    var result: File
    var through: LSN
  }

  let memoryBytes: Int
  let rules: ProtocolRules
  var contents: DirtyContents
  /// The bytes of each record, from offset 100 of a segment of its own.
  var journal: [UInt64: [UInt8]] = [:]
  var logical: [InodeNumber: File] = [:]
  var backing: [InodeNumber: File] = [:]
  var resultAtSeal: [InodeNumber: File] = [:]
  var records: [InodeNumber: [Record]] = [:]
  var writeBacks: [InodeNumber: WriteBack] = [:]
  var lsn = LSN.zero
  /// Numbers of segments with copies are above those of records.
  private var segments: UInt64 = 1 << 32

  init(memoryBlocks: Int = 64, rules: ProtocolRules = ProtocolRules()) {
    memoryBytes = memoryBlocks * DirtyContents.blockBytes
    self.rules = rules
    contents = DirtyContents(memoryBytes: memoryBytes, rules: rules)
  }

  /// A model with one file that is only in the backing directory.
  convenience init(backing bytes: [UInt8], memoryBlocks: Int = 64, rules: ProtocolRules = ProtocolRules()) {
    self.init(memoryBlocks: memoryBlocks, rules: rules)
    backing[file] = File(bytes: bytes)
    logical[file] = File(bytes: bytes)
  }

  func size(_ inode: InodeNumber = file) -> Int { logical[inode, default: File()].bytes.count }
}

extension CleanBasis {
  /// Nobody else changes the backing files of tests.
  static let test = CleanBasis(
    identity: BackingIdentity(isOnRootDevice: true, inode: 1, linkCount: 1), changed: Timestamp(seconds: 1))
}

/// The inode of tests that need one only.
let file = InodeNumber(7)

// MARK: changes

extension ContentsModel {
  /// How the bytes of a write reach the contents.
  enum Origin {
    case memory
    /// As in recovery: the bytes are only in the journal.
    case journal
    /// In memory, with a journal position that is not known.
    case memoryAlone
  }

  func write(_ bytes: [UInt8], at offset: Int, _ inode: InodeNumber = file, from origin: Origin = .memory) {
    let sizeAfter = max(size(inode), offset + bytes.count)
    var change = ContentChange(inode: inode, data: .write(offset: offset, count: bytes.count), sizeAfter: sizeAfter)
    change.attributes.modified = Timestamp(seconds: Int64(lsn.rawValue))
    logical[inode, default: File()].bytes.resize(sizeAfter)
    logical[inode, default: File()].bytes.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    let record = append(change, bytes: bytes)
    contents.apply(
      change, bytes: origin == .journal ? nil : bytes, position: origin == .memoryAlone ? nil : record.position, lsn: record.lsn)
  }

  func resize(_ size: Int, _ inode: InodeNumber = file) {
    logical[inode, default: File()].bytes.resize(size)
    apply(ContentChange(inode: inode, data: .resize(size), sizeAfter: size))
  }

  /// Punches a hole (`keepSize`) or zeroes a range that may lengthen the file.
  func zero(_ range: ByteRange, keepSize: Bool = true, _ inode: InodeNumber = file) {
    let sizeAfter = keepSize ? size(inode) : max(size(inode), range.upperBound)
    logical[inode, default: File()].bytes.resize(sizeAfter)
    logical[inode, default: File()].bytes.zero(range)
    apply(ContentChange(inode: inode, data: .zero(range), sizeAfter: sizeAfter))
  }

  func setPermissions(_ permissions: UInt16, _ inode: InodeNumber = file) {
    logical[inode, default: File()].permissions = permissions
    apply(ContentChange(inode: inode, attributes: AttributeChange(permissions: permissions)))
  }

  func setExtendedAttribute(_ name: [UInt8], _ value: [UInt8]?, _ inode: InodeNumber = file) {
    logical[inode, default: File()].extendedAttributes[name] = value
    apply(ContentChange(inode: inode, extendedAttributes: [ExtendedAttributeChange(name: name, value: value)]))
  }

  private func apply(_ change: ContentChange) {
    let record = append(change, bytes: [])
    contents.apply(change, bytes: nil, position: nil, lsn: record.lsn)
  }

  private func append(_ change: ContentChange, bytes: [UInt8]) -> Record {
    lsn = lsn.next
    let isWrite = if case .write = change.data { true } else { false }
    let position = isWrite ? JournalPosition(segment: lsn.rawValue, offset: 100) : nil
    if isWrite { journal[lsn.rawValue] = bytes }
    let record = Record(change: change, lsn: lsn, position: position)
    records[change.inode, default: []].append(record)
    return record
  }
}

// MARK: write-back and recovery

extension ContentsModel {
  func seal(_ inode: InodeNumber = file) -> Bool {
    guard contents.seal(inode) else { return false }
    resultAtSeal[inode] = logical[inode]
    return true
  }

  /// Begins to write the sealed layer back in the order of R18, or begins again.
  func beginWriteBack(_ inode: InodeNumber = file) {
    guard let sealed = contents.sealed(inode), let result = resultAtSeal[inode] else { return }
    var steps: [(inout File) -> Void] = []
    if let size = sealed.smallestSize { steps.append { $0.bytes.resize(size) } }
    for range in sealed.zeroed { steps.append { $0.bytes.zero(range) } }
    for range in sealed.extents {
      let bytes = composed(contents.readSealed(inode, range), inode)
      steps.append { file in
        file.bytes.resize(max(file.bytes.count, range.upperBound))
        file.bytes.replaceSubrange(range, with: bytes)
      }
    }
    if let size = sealed.sizeAfter { steps.append { $0.bytes.resize(size) } }
    for change in sealed.extendedAttributes { steps.append { $0.extendedAttributes[change.name] = change.value } }
    if let permissions = sealed.attributes.permissions { steps.append { $0.permissions = permissions } }
    writeBacks[inode] = WriteBack(steps: steps.reversed(), result: result, through: sealed.through)
  }

  /// Does one step; after the last one compares the backing file with what the file was when it was sealed, and releases.
  ///
  /// - Returns: false when the backing file is not what it must be.
  func stepWriteBack(_ inode: InodeNumber = file) -> Bool {
    if let step = writeBacks[inode]?.steps.popLast() {
      step(&backing[inode, default: File()])
      return true
    }
    guard let done = writeBacks.removeValue(forKey: inode) else { return true }
    contents.release(inode, keeping: .test, carriesOver: true)
    records[inode]?.removeAll { $0.lsn <= done.through }
    return backing[inode, default: File()] == done.result
  }

  /// Seals, writes back and releases. Returns whether the backing file then is what the file was.
  func writeBackAll(_ inode: InodeNumber = file) -> Bool {
    guard seal(inode) else { return false }
    beginWriteBack(inode)
    while writeBacks[inode] != nil {
      guard stepWriteBack(inode) else { return false }
    }
    return true
  }

  /// A crash: contents are built again from the records that are not written back. A write-back that was going on is begun again.
  func recover() {
    contents = DirtyContents(memoryBytes: memoryBytes, rules: rules)
    var openPlans = writeBacks
    writeBacks = [:]
    for record in records.values.flatMap(\.self).sorted(by: { $0.lsn < $1.lsn }) {
      let inode = record.change.inode
      if let plan = openPlans[inode], plan.through < record.lsn {
        openPlans[inode] = nil
        restart(plan, inode)
      }
      contents.apply(record.change, bytes: nil, position: record.position, lsn: record.lsn)
    }
    for (inode, plan) in openPlans { restart(plan, inode) }
  }

  private func restart(_ plan: WriteBack, _ inode: InodeNumber) {
    guard contents.seal(inode) else { preconditionFailure("a replayed plan has contents") }
    resultAtSeal[inode] = plan.result
    beginWriteBack(inode)
    writeBacks[inode]?.through = plan.through
  }

  /// Puts copies of what is needed in the place of the records through an LSN, whose bytes are no more in the journal then.
  func copyForward(_ inode: InodeNumber, through end: LSN) {
    var kept: [Record] = []
    for record in records[inode] ?? [] {
      guard record.lsn <= end else {
        kept.append(record)
        continue
      }
      let old = record.position.flatMap { journal.removeValue(forKey: $0.segment) } ?? []
      guard let needed = contents.needed(of: record.change, lsn: record.lsn, position: record.position, isForReading: false)
      else { continue }
      var change = needed.change
      for piece in needed.pieces {
        guard let source = record.position, case .write(let offset, _) = record.change.data else { continue }
        change.data = .write(offset: piece.lowerBound, count: piece.count)
        segments += 1
        let start = piece.lowerBound - offset
        journal[segments] = Array(old[start..<start + piece.count])
        let target = JournalPosition(segment: segments, offset: 100)
        contents.move(piece, of: inode, from: source.advanced(by: start), to: target)
        kept.append(Record(change: change, lsn: record.lsn, position: target))
        change = ContentChange(inode: inode, sizeAfter: change.sizeAfter)
      }
      if needed.pieces.isEmpty { kept.append(Record(change: change, lsn: record.lsn, position: nil)) }
    }
    records[inode] = kept
  }

  func evict(blocks: Int, writtenThrough: LSN) -> Int { contents.evict(blocks: blocks, writtenThrough: writtenThrough) }

  func discard(_ inode: InodeNumber = file) -> LSN? {
    logical[inode] = nil
    backing[inode] = nil
    records[inode] = nil
    resultAtSeal[inode] = nil
    return contents.discard(inode)
  }
}

// MARK: reading

extension ContentsModel {
  /// The bytes that pieces stand for.
  func composed(_ pieces: [ReadPiece], _ inode: InodeNumber = file) -> [UInt8] {
    var bytes: [UInt8] = []
    for piece in pieces {
      switch piece {
      case .bytes(let more): bytes += more
      case .journal(let position, let count):
        bytes += journal[position.segment, default: []][position.offset - 100..<position.offset - 100 + count]
      case .zeros(let count): bytes += [UInt8](repeating: 0, count: count)
      case .backing(let range):
        let held = backing[inode, default: File()].bytes
        let inside = range.clamped(to: 0..<held.count)
        bytes += held[inside]
        bytes += [UInt8](repeating: 0, count: range.count - inside.count)
      }
    }
    return bytes
  }

  /// What a range of the file reads as.
  func read(_ range: ByteRange, _ inode: InodeNumber = file) -> [UInt8] {
    composed(contents.read(inode, range, includingClean: true), inode)
  }

  /// Whether a range, clipped to the size, reads as it must.
  func isRight(_ range: ByteRange, _ inode: InodeNumber = file) -> Bool {
    let inside = range.clamped(to: 0..<size(inode))
    return read(inside, inode)[...] == logical[inode, default: File()].bytes[inside]
  }

  /// Whether all of the file, its size and its attributes are as they must be, and the data structure is sound.
  func isRight(_ inode: InodeNumber = file) -> Bool {
    let expected = logical[inode, default: File()]
    let held = backing[inode, default: File()]
    var extendedAttributes = held.extendedAttributes
    for change in contents.extendedAttributes(of: inode) { extendedAttributes[change.name] = change.value }
    return isRight(0..<size(inode), inode)
      && contents.size(of: inode) ?? held.bytes.count == expected.bytes.count
      && contents.attributes(of: inode).permissions ?? held.permissions == expected.permissions
      && extendedAttributes == expected.extendedAttributes
      && contents._checkInvariants().isEmpty
  }
}

extension [UInt8] {
  mutating func resize(_ size: Int) {
    if size < count { removeLast(count - size) } else { append(contentsOf: [UInt8](repeating: 0, count: size - count)) }
  }

  /// Makes the part of a range that is inside zeros.
  mutating func zero(_ range: ByteRange) {
    let inside = range.clamped(to: 0..<count)
    replaceSubrange(inside, with: [UInt8](repeating: 0, count: inside.count))
  }

  /// As many of one byte, for tests.
  static func of(_ byte: Character, _ count: Int) -> [UInt8] { [UInt8](repeating: byte.asciiValue ?? 0, count: count) }
}
