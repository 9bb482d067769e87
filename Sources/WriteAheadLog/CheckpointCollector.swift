import FilesystemModel
import JournalFormat

/// Puts the records of checkpoints together and keeps the newest complete one.
struct CheckpointCollector {
  private(set) var newest: Checkpoint?
  private var open: Checkpoint?

  mutating func add(_ logged: LoggedRecord) {
    switch logged.record {
    case .checkpointBegin(let lowWater, let nextInode):
      open = Checkpoint(begin: logged.lsn, lowWater: lowWater, nextInode: nextInode, table: [])
    case .checkpointTable(let rows):
      for row in rows { addRow(row) }
    case .checkpointEnd(let begin):
      if let complete = open, complete.begin == begin { newest = complete }
      open = nil
    default: break
    }
  }

  /// Records are missing: a checkpoint that they may belong to is not complete.
  mutating func interrupt() { open = nil }

  private mutating func addRow(_ row: Binding) {
    guard let last = open?.table.indices.last, open?.table[last].inode == row.inode else {
      open?.table.append(row)
      return
    }
    open?.table[last].locations += row.locations
  }
}
