import FilesystemModel
import Support
import Testing

@testable import WritebackCache

/// Random sequences of everything against plain byte arrays.
@Suite struct RandomChangesTests {
  /// One step of a random run. The files are small and the memory is smaller, so that everything meets everything.
  private struct Walk {
    let model: ContentsModel
    var generator: SeededGenerator
    let pool: [UInt8]
    let inodes = [InodeNumber(2), InodeNumber(3), InodeNumber(4)]
    static let sizeMax = 4 * DirtyContents.blockBytes + 1000

    /// Whether changes are often written back after a few: then much is clean.
    let isOftenWrittenBack: Bool

    init(seed: UInt64, memoryBlocks: Int, isOftenWrittenBack: Bool = false, rules: ProtocolRules = ProtocolRules()) {
      var generator = SeededGenerator(seed: seed)
      pool = (0..<3 * Self.sizeMax).map { _ in UInt8.random(in: 1...255, using: &generator) }
      self.generator = generator
      self.isOftenWrittenBack = isOftenWrittenBack
      model = ContentsModel(memoryBlocks: memoryBlocks, rules: rules)
    }

    mutating func random(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }

    /// An offset that is often at or beside a block's border.
    mutating func randomOffset() -> Int {
      if random(0...2) > 0 { return random(0...Self.sizeMax) }
      return min(Self.sizeMax, max(0, random(0...4) * DirtyContents.blockBytes + random(-2...2)))
    }

    mutating func randomRange() -> ByteRange {
      let start = randomOffset()
      switch random(0...3) {
      case 0: return start..<min(Self.sizeMax, start + random(0...20))
      case 1: return start..<min(Self.sizeMax, start + DirtyContents.blockBytes)
      default:
        let other = randomOffset()
        return min(start, other)..<max(start, other)
      }
    }

    /// Returns false when something is not as it must be.
    mutating func step() -> Bool {
      let inode = inodes[random(0...2)]
      if isOftenWrittenBack, random(0...3) == 0 { return writeBack(inode) && check(inode) }
      switch random(0...99) {
      case 0..<40: write(inode)
      case 40..<50: model.resize(randomOffset(), inode)
      case 50..<65: model.zero(randomRange(), keepSize: random(0...2) > 0, inode)
      case 65..<67: model.setPermissions(UInt16(random(0...0o777)), inode)
      case 67..<70: model.setExtendedAttribute([UInt8(random(1...3))], random(0...1) == 0 ? nil : [UInt8(random(0...9))], inode)
      case 70..<74: _ = model.seal(inode)
      case 74..<76: model.beginWriteBack(inode)
      case 76..<93: return model.stepWriteBack(inode)
      case 93..<98:
        _ = model.evict(blocks: random(1...3), writtenThrough: LSN(UInt64(random(0...Int(model.lsn.rawValue)))))
      case 98: if random(0...3) == 0 { return discard(inode) } else { model.contents.dropClean(inode) }
      case 99 where random(0...1) == 0:
        model.copyForward(inode, through: LSN(UInt64(random(0...Int(model.lsn.rawValue)))))
      default: if random(0...3) == 0 { model.recover() }
      }
      return check(inode)
    }

    private mutating func write(_ inode: InodeNumber) {
      let range = randomRange()
      let start = random(0...pool.count - range.count)
      let bytes = Array(pool[start..<start + range.count])
      if !model.contents.hasRoom(forWriting: range, of: inode) {
        _ = model.evict(blocks: 4, writtenThrough: model.lsn)
      }
      let hasRoom = model.contents.hasRoom(forWriting: range, of: inode)
      let origin: ContentsModel.Origin = !hasRoom || random(0...9) == 0 ? .journal : random(0...19) == 0 ? .memoryAlone : .memory
      model.write(bytes, at: range.lowerBound, inode, from: origin)
    }

    private func writeBack(_ inode: InodeNumber) -> Bool {
      _ = model.seal(inode)
      if model.writeBacks[inode] == nil { model.beginWriteBack(inode) }
      while model.writeBacks[inode] != nil {
        guard model.stepWriteBack(inode) else { return false }
      }
      return true
    }

    private mutating func discard(_ inode: InodeNumber) -> Bool {
      guard model.writeBacks[inode] == nil else { return true }
      let last = model.records[inode]?.last?.lsn
      return model.discard(inode) == last && !model.contents.hasContents(inode)
    }

    private mutating func check(_ inode: InodeNumber) -> Bool {
      if random(0...199) == 0 { return inodes.allSatisfy { model.isRight($0) } && partsAgree(inode) }
      let offset = randomOffset()
      return model.isRight(offset..<offset + random(1...200), inode) && model.contents._checkInvariants().isEmpty
    }

    /// Whether `parts` and `read` tell the same, and neither leaves pieces that could be joined.
    private func partsAgree(_ inode: InodeNumber) -> Bool {
      let range = 0..<model.size(inode)
      let parts = model.contents.parts(of: inode, in: range)
      let kinds = model.contents.read(inode, range).reduce(into: [ContentsPart.Kind]()) { kinds, piece in
        let kind: ContentsPart.Kind =
          switch piece {
          case .bytes, .journal: .dirty
          case .zeros: .zeros
          case .backing: .backing
          }
        if kinds.last != kind { kinds.append(kind) }
      }
      return parts.map(\.kind) == kinds && parts.reduce(0) { $0 + $1.range.count } == range.count
    }
  }

  @Test(arguments: [4, 9, 40], [false, true])
  func everyReadAndEverySealedImageEqualsTheReference(memoryBlocks: Int, isOftenWrittenBack: Bool) {
    let seed = Seed.fromEnvironment &+ UInt64(memoryBlocks)
    var walk = Walk(seed: seed, memoryBlocks: memoryBlocks, isOftenWrittenBack: isOftenWrittenBack)
    for number in 0..<34_000 {
      guard walk.step() else {
        Issue.record("EBBFS_SEED=\(Seed.fromEnvironment): step \(number) is wrong: \(walk.model.contents._checkInvariants())")
        return
      }
    }
    for inode in walk.inodes { _ = walk.model.discard(inode) }
    #expect(walk.model.contents.arenaBlocksUsed == 0 && walk.model.contents.cleanBlocks == 0)
    #expect(walk.model.contents.dirtyBytes == 0)
    #expect(walk.model.contents.oldestLSN() == nil)
  }

  @Test func theWalkFindsTheMissingRuleR18() {
    var rules = ProtocolRules()
    rules.keepsSmallestSize = false
    var walk = Walk(seed: 1, memoryBlocks: 9, rules: rules)
    #expect((0..<34_000).contains { _ in !walk.step() })
  }
}
