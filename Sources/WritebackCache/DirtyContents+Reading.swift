import FilesystemModel

extension DirtyContents {
  /// What a range of a file reads as: current over sealed over clean over the backing file. The caller clips it to the file's
  /// size.
  ///
  /// A `.journal` piece can be read once its record is written, and while the inode's oldest record keeps the segment.
  /// - Parameter includingClean: Whether clean blocks are what the backing file has (`cleanBasis`); else they are not looked at.
  /// - Returns: pieces in order that cover the range exactly; adjacent ones of a kind are joined.
  /// - Complexity: O(blocks of the range), plus the bytes copied.
  package func read(_ inode: InodeNumber, _ range: ByteRange, includingClean: Bool = false) -> [ReadPiece] {
    var pieces = ReadPieces(arena: memory.arena)
    let clean = includingClean ? memory.clean[inode] : nil
    forEachPart(of: inode, range) { part, source in
      if case .below = source, let clean {
        clean.forEachPart(of: part) { part, source in pieces.append(part, source) }
      } else {
        pieces.append(part, source)
      }
    }
    return pieces.finished()
  }

  /// The bytes of a range that lies within the extents of `sealed`: only `.bytes` and `.journal` pieces.
  package func readSealed(_ inode: InodeNumber, _ range: ByteRange) -> [ReadPiece] {
    var pieces = ReadPieces(arena: memory.arena)
    inodes[inode]?.sealed?.forEachPart(of: range) { part, source in
      switch source {
      case .arena, .journal: pieces.append(part, source)
      case .zeros, .below: preconditionFailure("only the extents of sealed contents are read")
      }
    }
    return pieces.finished()
  }

  /// What kind of contents the parts of a range have, without copying bytes: for SEEK_DATA and SEEK_HOLE. Clean blocks are
  /// left to the backing file, which may have holes there.
  ///
  /// - Returns: parts in order that cover the range exactly; adjacent ones of a kind are joined.
  /// - Complexity: O(blocks of the range), or O(n log n) of the inode's dirty blocks where these are fewer.
  package func parts(of inode: InodeNumber, in range: ByteRange) -> [ContentsPart] {
    var parts: [ContentsPart] = []
    forEachPart(of: inode, range) { part, source in
      let kind: ContentsPart.Kind =
        switch source {
        case .arena, .journal: .dirty
        case .zeros: .zeros
        case .below: .backing
        }
      if let last = parts.last, last.kind == kind {
        parts[parts.count - 1].range = last.range.lowerBound..<part.upperBound
      } else {
        parts.append(ContentsPart(range: part, kind: kind))
      }
    }
    return parts
  }

  private func forEachPart(of inode: InodeNumber, _ range: ByteRange, _ body: (ByteRange, ByteSource) -> Void) {
    precondition(range.lowerBound >= 0)
    let layers = inodes[inode]
    guard let upper = layers?.current ?? layers?.sealed else {
      if !range.isEmpty { body(range, .below) }
      return
    }
    let lower = layers?.current == nil ? nil : layers?.sealed
    upper.forEachPart(of: range) { part, source in
      if case .below = source, let lower {
        lower.forEachPart(of: part, body)
      } else {
        body(part, source)
      }
    }
  }
}

/// Pieces being put together; adjacent ones of a kind are joined.
private struct ReadPieces {
  let arena: BlockArena
  private var pieces: [ReadPiece] = []
  /// The bytes of a piece that is not yet among `pieces`, so that it can grow in place.
  private var bytes: [UInt8] = []

  init(arena: BlockArena) { self.arena = arena }

  mutating func append(_ range: ByteRange, _ source: ByteSource) {
    if case .arena(let slot, let offset) = source {
      return arena.append(slot, from: offset, count: range.count, to: &bytes)
    }
    endBytes()
    switch (source, pieces.last) {
    case (.arena, _): break
    case (.zeros, .zeros(let count)): pieces[pieces.count - 1] = .zeros(count + range.count)
    case (.zeros, _): pieces.append(.zeros(range.count))
    case (.below, .backing(let last)) where last.upperBound == range.lowerBound:
      pieces[pieces.count - 1] = .backing(last.lowerBound..<range.upperBound)
    case (.below, _): pieces.append(.backing(range))
    case (.journal(let position), .journal(let start, let count)) where start.advanced(by: count) == position:
      pieces[pieces.count - 1] = .journal(start, count: count + range.count)
    case (.journal(let position), _): pieces.append(.journal(position, count: range.count))
    }
  }

  private mutating func endBytes() {
    guard !bytes.isEmpty else { return }
    pieces.append(.bytes(bytes))
    bytes = []
  }

  mutating func finished() -> [ReadPiece] {
    endBytes()
    return pieces
  }
}
