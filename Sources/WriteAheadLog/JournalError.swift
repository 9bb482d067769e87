import FilesystemModel

/// Why a journal cannot be opened. The description is one line for the operator: what is wrong, and what to do.
package enum JournalError: Error, Hashable, Sendable, CustomStringConvertible {
  /// A record that had been durable cannot be read, or the segments contradict each other.
  case corrupt(segment: UInt64, offset: Int, lsn: LSN, reason: String)
  /// A torn tail, which `RecoveryMode.absolute` does not cut.
  case torn(TornTail)
  /// What was asked for is not in the journal any more.
  case retired(LSN, oldest: LSN)
  case newerVersion(found: UInt32, supported: UInt32, neededRelease: String?)
  /// The journal was made for another backing directory.
  case otherBacking(recorded: String, actual: String)
  /// Bytes that the journal needs at least, and those it may have.
  case tooSmall(needed: Int, available: Int)
  case storage(Errno, doing: String)

  package var description: String {
    switch self {
    case .corrupt(let segment, let offset, let lsn, let reason):
      "the journal is corrupt at LSN \(lsn.rawValue), segment \(segment), offset \(offset): \(reason); nothing was changed: "
        + "copy the state directory, then look at it with `ebbfs journal check`"
    case .torn(let tail):
      "recovery=absolute does not accept this journal, which a crash left with a torn tail at LSN \(tail.lsn.rawValue), segment "
        + "\(tail.segment), offset \(tail.offset), \(tail.bytesCut) bytes; nothing was changed: mount with "
        + "recovery=point-in-time to cut what nobody was promised"
    case .retired(let lsn, let oldest):
      "record \(lsn.rawValue) is retired, the oldest that is kept is \(oldest.rawValue): -o retain= keeps more"
    case .newerVersion(let found, let supported, let release):
      "the journal has format version \(found), this ebbfs reads up to \(supported): use "
        + (release.map { "ebbfs \($0) or newer" } ?? "the newer ebbfs that wrote it")
    case .otherBacking(let recorded, let actual):
      "the journal belongs to another backing directory (\(recorded)), not to this one (\(actual)): mount that one, "
        + "or choose another state directory with -o state=DIR"
    case .tooSmall(let needed, let available):
      "the journal needs \(needed) bytes of disk and may have \(available): free space in the state directory or raise "
        + "-o journal_size="
    case .storage(let errno, let doing):
      "the journal's disk failed with error \(errno.rawValue) while \(doing): check the disk of the state directory"
    }
  }
}

/// Runs a call of the storage and says what was being done when it fails.
func doing<Result>(_ what: @autoclosure () -> String, _ body: () throws(Errno) -> Result) throws(JournalError) -> Result {
  do { return try body() } catch { throw .storage(error, doing: what()) }
}
