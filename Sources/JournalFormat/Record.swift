import FilesystemModel

/// One record of the journal: what happened, or what write-back is about to do or has done.
package enum Record: Hashable, Sendable {
  /// An operation on names took effect at `time`; `request` is the kernel's number of the request, for a resent one.
  case namespace(NamespaceChange, time: Timestamp, request: UInt64)
  /// An operation on one inode's contents took effect; `bytes` are those of a `DataChange.write`, empty else.
  case content(ContentChange, bytes: [UInt8], time: Timestamp, request: UInt64)
  /// BIND: where an inode is in the backing directory.
  case binding(Binding)
  /// INTENT: the actions of a plan; the plan's number is this record's LSN.
  case intent([PhysicalAction])
  /// DONE: what became of actions of a plan.
  case outcome(PlanOutcome)
  /// A checkpoint begins: nothing below `lowWater` is needed once it is complete.
  case checkpointBegin(lowWater: LSN, nextInode: InodeNumber)
  /// Rows of the checkpoint's table. Rows of the same inode that follow each other, also in the next record, are one binding.
  case checkpointTable([Binding])
  /// The checkpoint that began at `begin` is complete.
  case checkpointEnd(begin: LSN)
  /// COPY: what is still needed of an older record, so that its segment can be retired. It counts as the record `of` (R21).
  /// Only of namespace, content and intent records.
  indirect case copy(of: LSN, Record)
  /// What is refused is not tried any more; again and again in checkpoints, as long as that is so.
  case deadLetter(DeadLetter)
  /// A dead letter is taken up again.
  case deadLetterRetry(WritebackSubject)
  /// An operator gave changes up.
  case discard(Discard)
}

/// The type field of a record. Raw values are written to the journal.
package enum RecordType: UInt8, Hashable, Sendable, CaseIterable {
  case namespace = 1
  case content = 2
  case binding = 3
  case intent = 4
  case outcome = 5
  case checkpointBegin = 6
  case checkpointTable = 7
  case checkpointEnd = 8
  case copy = 9
  case deadLetter = 10
  case deadLetterRetry = 11
  case discard = 12

  /// Whether a copy may be made of records of this type.
  var isCopied: Bool { self == .namespace || self == .content || self == .intent }
}

extension Record {
  package var type: RecordType {
    switch self {
    case .namespace: .namespace
    case .content: .content
    case .binding: .binding
    case .intent: .intent
    case .outcome: .outcome
    case .checkpointBegin: .checkpointBegin
    case .checkpointTable: .checkpointTable
    case .checkpointEnd: .checkpointEnd
    case .copy: .copy
    case .deadLetter: .deadLetter
    case .deadLetterRetry: .deadLetterRetry
    case .discard: .discard
    }
  }
}
