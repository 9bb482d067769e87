import FilesystemModel

/// What is still needed of one record of an inode's contents (PROTOCOL.md R21).
package struct NeededContents: Hashable, Sendable {
  /// Attributes, extended attributes, and a resize or a zero range: what no later record has superseded.
  package var change: ContentChange
  /// The parts of a write that are still the file's bytes, ascending.
  package var pieces: [ByteRange] = []
}

extension DirtyContents {
  /// What is needed of a record, so that the journal can do without it; `nil` when that is nothing.
  ///
  /// - Parameters:
  ///   - position: where the first byte of a write lies in the journal.
  ///   - isForReading: whether nobody will replay the record, because the file has no name: then only bytes in the journal that
  ///     are read from there are needed.
  /// - Complexity: O(blocks of the write).
  package func needed(
    of change: ContentChange, lsn: LSN, position: JournalPosition?, isForReading: Bool
  ) -> NeededContents? {
    guard let layer = inodes[change.inode]?.layer(of: lsn) else { return nil }
    return layer.needed(of: change, lsn: lsn, position: position, isForReading: isForReading)
  }

  /// Bytes of a range of the file are in the journal at `target` now, no more at `source`.
  package mutating func move(_ range: ByteRange, of inode: InodeNumber, from source: JournalPosition, to target: JournalPosition)
  {
    changeLayers(of: inode) { layer in layer.move(range, from: source, to: target) }
  }
}

extension DirtyContents.Layers {
  fileprivate func layer(of lsn: LSN) -> Layer? {
    [sealed, current].compactMap(\.self).first { $0.firstLSN <= lsn && lsn <= $0.lastLSN }
  }
}

extension Layer {
  fileprivate func needed(
    of change: ContentChange, lsn: LSN, position: JournalPosition?, isForReading: Bool
  ) -> NeededContents? {
    var needed = NeededContents(change: ContentChange(inode: inode, sizeAfter: change.sizeAfter))
    if case .write(let offset, let count)? = change.data {
      needed.pieces = pieces(of: offset..<offset + count, position: position, isForReading: isForReading)
    }
    guard !isForReading else { return needed.pieces.isEmpty ? nil : needed }
    switch change.data {
    case .resize, .zero: needed.change.data = change.data
    case .write, nil: break
    }
    needed.change.attributes = change.attributes.common(with: attributes)
    needed.change.extendedAttributes = change.extendedAttributes.filter(extendedAttributes.contains)
    // The layer's first record tells since when it waits, whatever is left of it.
    let isSuperseded =
      needed.pieces.isEmpty && needed.change.data == nil && needed.change.attributes == AttributeChange()
      && needed.change.extendedAttributes.isEmpty
    return isSuperseded && lsn != firstLSN ? nil : needed
  }

  /// The parts of a written range that are still dirty. Bytes without a position in the journal may be those of this record.
  private func pieces(of range: ByteRange, position: JournalPosition?, isForReading: Bool) -> [ByteRange] {
    var pieces: [ByteRange] = []
    for index in dirtyBlockIndexes(in: range) {
      guard let block = blocks[index] else { continue }
      for segment in block.segments.all {
        let whole = segment.range(inBlock: index)
        let piece = whole.clamped(to: range)
        let isOurs = segment.position.map { $0 == position?.advanced(by: whole.lowerBound - range.lowerBound) }
        guard !piece.isEmpty, isOurs ?? !isForReading else { continue }
        if let last = pieces.last, last.upperBound == piece.lowerBound {
          pieces[pieces.count - 1] = last.lowerBound..<piece.upperBound
        } else {
          pieces.append(piece)
        }
      }
    }
    return pieces
  }
}

extension BlockSegment {
  /// Its range in the file, given the index of its block.
  func range(inBlock block: Int) -> ByteRange {
    let start = block * BlockArena.blockBytes
    return start + range.lowerBound..<start + range.upperBound
  }
}

extension AttributeChange {
  /// The fields that have the same values in both.
  fileprivate func common(with other: AttributeChange) -> AttributeChange {
    AttributeChange(
      permissions: permissions == other.permissions ? permissions : nil, owner: owner == other.owner ? owner : nil,
      group: group == other.group ? group : nil, accessed: accessed == other.accessed ? accessed : nil,
      modified: modified == other.modified ? modified : nil, changed: changed == other.changed ? changed : nil)
  }
}
