import FilesystemModel

/// What a command asks of a daemon, one request per connection of the control socket.
package enum ControlRequest: Hashable, Sendable {
  /// Answered by `status`.
  case status
  /// Write back, and sync in the backing directory, everything acknowledged before the request; with inode numbers only what
  /// concerns these, and everything below the directories among them, before all else. Answered by `progress`, then `done`.
  case flush(inodes: [UInt64])
  /// The same without haste: everything has its turn.
  case wait(inodes: [UInt64])
  /// Answered by `file`.
  case file(inode: UInt64)
  /// Take the mount away, unless it is busy. Unless the journal keeps it the daemon then writes everything back. It tells
  /// `waitingForUsers` and `progress`, answers `done` and ends.
  case unmount(UnmountOptions)
  /// A following mount asks: stop writing back at the next action and end. Refused with `stillMounted` while the mount is
  /// there.
  case stop
  /// Answered by `done`.
  case ping
  /// Answered by `statistics`.
  case statistics
  /// Answered by `history`.
  case history
  /// Answered by `activity`.
  case activity
  /// Change options of the mount, each `KEY=VALUE`: all or, with `failed`, none. Answered by `done`.
  case set([String])
  /// Read the rules file again: all of it or, with `failed`, nothing. Answered by `done`.
  case reloadRules
  /// Answered by `deadLetter` for each, with `dependent` for each change behind it, then `done`.
  case deadLetters
  /// These dead letters, or all without a list, are tried again. Answered by `count`.
  case retryDeadLetters([WritebackSubject]?)
  /// Dead letters are given up for good; with `withDependents` the changes behind them too. Answered by `count`.
  case discardDeadLetters([WritebackSubject]?, withDependents: Bool)
}

/// What a daemon answers.
package enum ControlReply: Hashable, Sendable {
  case status(StatusReport)
  case statistics(StatisticsReport)
  case file(FileReport)
  case history(HistoryReport)
  case activity(ActivityReport)
  /// The mount is gone from its place; programs still have files of it open.
  case waitingForUsers
  case progress(ControlProgress)
  case done
  case failed(ControlFailure)
  case deadLetter(DeadLetterReport)
  /// A change behind the dead letter that was told last.
  case dependent(WaitingChangeReport)
  /// How many changes it was about.
  case count(Int)

  /// Whether the connection has no further one.
  package var isLast: Bool {
    switch self {
    case .status, .statistics, .file, .history, .activity, .done, .failed, .count: true
    case .waitingForUsers, .progress, .deadLetter, .dependent: false
    }
  }
}

/// What is still to be written back.
package struct ControlProgress: Hashable, Sendable {
  package var bytesLeft: Int
  package var operationsLeft: Int

  package init(bytesLeft: Int, operationsLeft: Int) {
    self.bytesLeft = bytesLeft
    self.operationsLeft = operationsLeft
  }
}

/// Why a daemon did not do what it was asked to.
package struct ControlFailure: Error, Hashable, Sendable {
  package enum Reason: UInt8, Hashable, Sendable, CaseIterable {
    /// The request could not be read, or is of another version of ebbfs.
    case notUnderstood = 1
    /// The peer is neither root nor the user who mounted.
    case notPermitted = 2
    /// Files of the mount are in use, so that it cannot be unmounted.
    case busy = 3
    /// `stop` was asked of a daemon whose mount is still there.
    case stillMounted = 4
    /// The daemon ends before everything was written back; what is left is in the journal.
    case incomplete = 5
    /// Anything else; the message says what.
    case failed = 6
    /// Everything is written back but dead letters and what is behind them.
    case deadLetters = 7
    /// What is asked for is malformed; nothing is changed.
    case unusable = 8
  }

  package var reason: Reason
  /// One line for the operator.
  package var message: String

  package init(reason: Reason, message: String) {
    self.reason = reason
    self.message = message
  }
}
