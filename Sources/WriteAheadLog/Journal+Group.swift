import FilesystemModel
import JournalFormat
import StorageInterface

extension Journal {
  /// Runs `body` once the record has reached the level, or with the error when it never will; at once, on the calling thread,
  /// when that is known already, else on the thread whose `pump` or `commit` brings it there. No lock of the journal is held.
  package func whenReached(_ level: AckLevel, _ lsn: LSN, _ body: @escaping @Sendable (Errno?) -> Void) {
    let verdict: Errno?? = state.withLock { state in
      if lsn <= (level == .written ? state.written : state.durable) { return .some(nil) }
      if let failure = state.failure { return failure }
      switch level {
      case .written: state.writtenWaiters.append(Waiter(lsn: lsn, body: body))
      case .durable: state.durableWaiters.append(Waiter(lsn: lsn, body: body))
      }
      return nil
    }
    if let verdict { body(verdict) }
  }

  /// Writes everything appended to the segment files and runs the completions that wait for it. Returns at once when another
  /// thread is doing so: that one writes what was appended before this call too.
  package func pump() {
    while let group = beginGroup() {
      let start = clock.uptimeNanoseconds()
      do {
        var headers: [SegmentHeader] = []
        for segment in group.newSegments { headers.append(try beginSegmentFile(segment)) }
        var chunks = takeForSealing()
        seal(&chunks, headers)
        try write(chunks)
        metrics.appendSeconds.record(clock.uptimeNanoseconds() - start)
        finishGroup(&chunks, through: group.last)
      } catch {
        fail(error) { $0.isLeading = false }
      }
    }
  }

  private struct Group {
    let last: LSN
    /// Numbers of the segments that begin with this group.
    let newSegments: [UInt64]
  }

  /// Takes everything pending when there is something and no other thread leads.
  private func beginGroup() -> Group? {
    state.withLock { state in
      guard !state.isLeading, state.failure == nil, !state.pending.isEmpty else { return nil }
      state.isLeading = true
      swap(&state.writing, &state.pending)
      return Group(last: state.nextLSN.previous, newSegments: state.writing.filter { $0.start == 0 }.map(\.segment))
    }
  }

  /// Opens the file of a segment that begins, and makes its header, which says whether the file is recycled.
  private func beginSegmentFile(_ number: UInt64) throws(Errno) -> SegmentHeader {
    let isRecycled = try openNewSegment(number)
    return state.withLock { state in
      SegmentHeader(
        version: configuration.formatVersion, journalUUID: journalUUID, epoch: epoch, number: number,
        firstLSN: state.live[state.index(of: number)!].firstLSN,
        durable: state.durable, isRecycled: isRecycled, backingDescription: configuration.recordedDescription)
    }
  }

  /// Takes the group's bytes out of the state, so that they can be changed in place without the lock; `read` waits for them.
  private func takeForSealing() -> [PendingChunk] {
    state.withLock { state in
      var chunks: [PendingChunk] = []
      swap(&chunks, &state.writing)
      state.isSealing = true
      return chunks
    }
  }

  /// Fills in checksums and segment headers.
  private func seal(_ chunks: inout [PendingChunk], _ headers: [SegmentHeader]) {
    var headers = headers[...]
    for index in chunks.indices {
      var next = 0
      if chunks[index].start == 0 {
        chunks[index].bytes.replaceSubrange(0..<SegmentHeader.bytes, with: headers.removeFirst().encoded())
        next = SegmentHeader.bytes
      }
      while next < chunks[index].bytes.count { next = Record.seal(in: &chunks[index].bytes, at: next) }
    }
    let isAwaited = state.withLock { [chunks] state in
      state.writing = chunks
      state.isSealing = false
      return state.groupAwaiters > 0
    }
    if isAwaited { state.wake() }
  }

  private func write(_ chunks: [PendingChunk]) throws(Errno) {
    for chunk in chunks {
      let known = state.withLock { state in state.live[state.index(of: chunk.segment)!].file }
      let file: any SegmentFile = if let known { known } else { throw .badDescriptor }
      try file.append(chunk.bytes, at: chunk.start)
    }
  }

  private func finishGroup(_ chunks: inout [PendingChunk], through last: LSN) {
    let (waiters, isAwaited) = state.withLock { state in
      for chunk in chunks { state.live[state.index(of: chunk.segment)!].isDirty = true }
      state.writing = []
      state.isLeading = false
      metrics.groupRecords.record(Int(last.rawValue - state.written.rawValue))
      state.written = last
      writtenLSNValue.store(last.rawValue, ordering: .releasing)
      return (JournalState.take(&state.writtenWaiters, through: last), state.groupAwaiters > 0)
    }
    keepEmptied(&chunks)
    if isAwaited { state.wake() }
    for waiter in waiters { waiter.body(nil) }
  }

  /// Keeps arrays of written chunks for later ones, and the list of chunks itself: a fresh array of a MiB costs more page faults
  /// than its copy takes.
  private func keepEmptied(_ chunks: inout [PendingChunk]) {
    let arraysMax = 2
    let bytesMax = 4 << 20
    for index in chunks.indices.prefix(arraysMax) where chunks[index].bytes.count <= bytesMax {
      var bytes: [UInt8] = []
      swap(&bytes, &chunks[index].bytes)
      bytes.removeAll(keepingCapacity: true)
      state.withLock { [bytes] state in if state.emptied.count < arraysMax { state.emptied.append(bytes) } }
    }
    chunks.removeAll(keepingCapacity: true)
    state.withLock { state in if state.pending.isEmpty { swap(&state.pending, &chunks) } }
  }

  /// Waits until `body`, which asks for what a leader does, gives a result. Who waits for a sync, as somebody does all the time
  /// under load, is not woken by each group.
  func waitForGroup<Result>(until body: (inout JournalState) -> Result?) -> Result {
    var isCounted = false
    return state.wait { state -> Result? in
      let result = body(&state)
      let isWaiting = result == nil
      if isWaiting != isCounted { state.groupAwaiters += isWaiting ? 1 : -1 }
      isCounted = isWaiting
      return result
    }!
  }

  /// Stops the journal for good. What was appended stays readable; completions get the error.
  func fail(_ error: Errno, _ endRole: (inout JournalState) -> Void) {
    let waiters = state.withLock { state in
      state.failure = state.failure ?? error
      endRole(&state)
      return state.takeAllWaiters()
    }
    state.wake()
    for waiter in waiters { waiter.body(error) }
  }
}
