import FilesystemModel
import JournalFormat
import StorageInterface

extension Journal {
  /// Prepared segments kept when old ones are retired.
  private var sparesMax: Int { 2 }

  /// Gives up segments whose records are all below `lowWater`, which must be that of a checkpoint that is durable: a few become
  /// the next segments to be written, the others, and what could not be retired at once, are removed, oldest first. Stops at a
  /// segment that is being read.
  ///
  /// - Throws: when the disk fails; the journal goes on, and a later call tries again.
  package func retireSegments(below lowWater: LSN) throws(Errno) {
    while let retired = beginRetiring(below: lowWater) {
      do {
        if let number = retired.newNumber {
          try storage.recycleSegment(retired.segment.number, as: number)
        } else {
          try storage.removeSegment(retired.segment.number)
        }
      } catch {
        finishProvisioning { state in
          state.live.insert(retired.segment, at: 0)
          state.live[0].isRecyclable = false
        }
        throw error
      }
      finishProvisioning { state in
        metrics.segmentsRetired.add()
        guard let number = retired.newNumber else { return }
        metrics.segmentsRecycled.add()
        state.addSpare(SpareSegment(number: number, isRecycled: true))
      }
    }
  }

  /// Takes the oldest segment when nothing in it is needed.
  private func beginRetiring(below lowWater: LSN) -> (segment: LiveSegment, newNumber: UInt64?)? {
    state.wait { state -> (segment: LiveSegment, newNumber: UInt64?)?? in
      guard state.failure == nil, state.live.count > 1, state.live[1].exists,
        state.live[1].firstLSN <= min(lowWater, state.durableLowWater), state.live[0].readers == 0
      else { return .some(nil) }
      guard !state.isProvisioning else { return nil }
      state.isProvisioning = true
      let segment = state.live.removeFirst()
      let isReusable = state.spares.count < sparesMax && segment.isRecyclable && segment.bytes == configuration.segmentBytes
      return (segment, isReusable ? state.highestFile + 1 : nil)
    }!
  }

  /// Has the next segment prepared in the background, unless there is one or no room for it.
  func scheduleNextSegment() {
    let isWanted = state.withLock { state in
      guard state.wantsSpare(capacityBytes, configuration.segmentBytes), !state.isPreparationQueued else { return false }
      state.isPreparationQueued = true
      return true
    }
    if isWanted { runner.run(.journal) { [weak self] in self?.prepareNextSegment() } }
  }

  private func prepareNextSegment() {
    let number: UInt64? = state.wait { state -> UInt64?? in
      if state.isProvisioning { return nil }
      state.isPreparationQueued = false
      guard state.wantsSpare(capacityBytes, configuration.segmentBytes) else { return .some(nil) }
      state.isProvisioning = true
      return state.highestFile + 1
    }!
    guard let number else { return }
    do {
      try storage.prepareSegment(number, bytes: configuration.segmentBytes)
      finishProvisioning { $0.addSpare(SpareSegment(number: number, isRecycled: false)) }
    } catch {
      // Not final: the leader tries again when it needs the segment.
      finishProvisioning { $0.preparationFailed = true }
    }
  }

  /// Opens the file of a segment that begins, which is made first when it was not prepared.
  ///
  /// - Returns: whether the file was used before.
  func openNewSegment(_ number: UInt64) throws(Errno) -> Bool {
    let ready: SpareSegment? = state.wait { state -> SpareSegment?? in
      if state.isProvisioning { return nil }
      if let spare = state.spares.first {
        precondition(spare.number == number)
        state.spares.removeFirst()
        return spare
      }
      precondition(state.highestFile + 1 == number)
      state.isProvisioning = true
      return .some(nil)
    }!
    if ready == nil {
      do { try storage.prepareSegment(number, bytes: configuration.segmentBytes) } catch {
        finishProvisioning { _ in }
        throw error
      }
      finishProvisioning { $0.highestFile = number }
    }
    let file = try storage.openSegment(number)
    state.withLock { state in
      let index = state.index(of: number)!
      state.live[index].file = file
      state.live[index].bytes = file.bytes
      state.live[index].exists = true
    }
    scheduleNextSegment()
    return ready?.isRecycled ?? false
  }

  private func finishProvisioning(_ change: (inout JournalState) -> Void) {
    state.withLock { state in
      state.isProvisioning = false
      change(&state)
    }
    state.wake()
  }
}

extension JournalState {
  fileprivate func wantsSpare(_ capacityBytes: Int, _ segmentBytes: Int) -> Bool {
    let segmentsMax = capacityBytes / segmentBytes
    return spares.isEmpty && failure == nil && !isClosed && live.count < segmentsMax
  }

  fileprivate mutating func addSpare(_ spare: SpareSegment) {
    precondition(spare.number == highestFile + 1)
    spares.append(spare)
    preparationFailed = false
    highestFile = spare.number
  }
}
