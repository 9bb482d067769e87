import FilesystemModel
import StorageInterface

extension Journal {
  /// Reads bytes of a write by the position that `append` or recovery gave, also before they are written. The segment is not
  /// retired meanwhile.
  ///
  /// - Throws: `stale` when the segment is retired, `inputOutput` when it ends before, or the disk's error.
  package func read(_ position: JournalPosition, count: Int) throws(Errno) -> [UInt8] {
    switch beginRead(position, count: count) {
    case .bytes(let bytes): return bytes
    case .retired: throw .stale
    case .file(let known):
      defer { endReading(position.segment) }
      let file: any SegmentFile = if let known { known } else { try openForReading(position.segment) }
      let bytes = try file.read(at: position.offset, count: count)
      guard bytes.count == count else { throw .inputOutput }
      return bytes
    }
  }

  private enum Source {
    case bytes([UInt8])
    case file((any SegmentFile)?)
    case retired
  }

  private func beginRead(_ position: JournalPosition, count: Int) -> Source {
    waitForGroup { state -> Source? in
      for chunk in state.pending + state.writing where chunk.holds(position, count: count) {
        let start = position.offset - chunk.start
        return .bytes(Array(chunk.bytes[start..<start + count]))
      }
      // The bytes may be in the hands of a leader, which gives them back, sealed, in a moment.
      if state.isSealing, state.index(of: position.segment) != nil { return nil }
      guard let index = state.index(of: position.segment) else { return .retired }
      state.live[index].readers += 1
      return .file(state.live[index].file)
    }
  }

  private func openForReading(_ number: UInt64) throws(Errno) -> any SegmentFile {
    let file = try storage.openSegment(number)
    state.withLock { state in
      if let index = state.index(of: number), state.live[index].file == nil { state.live[index].file = file }
    }
    return file
  }

  func endReading(_ number: UInt64) {
    state.withLock { state in
      if let index = state.index(of: number) { state.live[index].readers -= 1 }
    }
  }
}
