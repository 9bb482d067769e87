import FilesystemModel

extension FieldSink {
  mutating func put(_ letter: DeadLetter) {
    precondition(letter.errno.rawValue > 0 && letter.errno.rawValue <= FieldLimits.errnoMax)
    put(letter.action)
    put(UInt32(letter.errno.rawValue))
    put(UInt32(clamping: letter.attempts))
    put(letter.first)
    put(letter.last)
  }

  mutating func put(_ subject: WritebackSubject) {
    switch subject {
    case .names(let key):
      put(1 as UInt8)
      put(key)
    case .contents(let inode):
      put(2 as UInt8)
      put(inode)
    }
  }

  mutating func put(_ discard: Discard) {
    put(discard.completes)
    put(discard.contents)
    put(count: discard.names.count)
    for name in discard.names {
      put(name.location)
      put(optional: name.inode)
    }
  }
}

extension FieldReader {
  mutating func takeDeadLetter() throws(RecordError) -> DeadLetter {
    let action = try takeAction()
    let errno = try take(UInt32.self)
    guard errno > 0, errno <= FieldLimits.errnoMax else { throw .badField }
    let attempts = Int(try take(UInt32.self))
    let first = try takeTimestamp()
    return DeadLetter(
      action: action, errno: Errno(rawValue: Int32(errno)), attempts: attempts, first: first, last: try takeTimestamp())
  }

  mutating func takeSubject() throws(RecordError) -> WritebackSubject {
    switch try take(UInt8.self) {
    case 1: .names(try takeStage())
    case 2: .contents(try takeInode())
    default: throw .badField
    }
  }

  mutating func takeDiscard() throws(RecordError) -> Discard {
    var discard = Discard(completes: try takeStages())
    discard.contents = try takeContentsCompletions()
    for _ in 0..<(try takeCount(bytesEach: 11)) {
      discard.names.append(Discard.Name(try takeLocation(), try takeOptionalInode()))
    }
    return discard
  }
}
