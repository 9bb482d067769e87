/// What is written back as one, is refused as one and waits as one.
package enum WritebackSubject: Hashable, Sendable {
  /// A change of names; merged records have the key of the latest.
  case names(Stage)
  /// All changes of an inode's data and attributes.
  case contents(InodeNumber)
}

extension PhysicalAction {
  /// What the action writes back. Contents of a new inode go with its creation.
  package var subject: WritebackSubject { kind == .writeContents ? .contents(inode) : .names(completes.max() ?? Stage(.zero)) }
}

/// A change that the backing directory refuses and that is not tried any more until an operator says so. The journal keeps the
/// change, and the mount goes on showing it.
package struct DeadLetter: Hashable, Sendable {
  /// What was tried.
  package var action: PhysicalAction
  package var errno: Errno
  /// How often it was tried, from 1.
  package var attempts: Int
  /// When it failed first and last.
  package var first: Timestamp
  package var last: Timestamp

  package init(action: PhysicalAction, errno: Errno, attempts: Int, first: Timestamp, last: Timestamp) {
    self.action = action
    self.errno = errno
    self.attempts = attempts
    self.first = first
    self.last = last
  }

  package var subject: WritebackSubject { action.subject }
}

/// Acknowledged changes that an operator gave up, all at once: they need no write-back any more, and each of their names is what
/// it is without them. Absolute, as records of names are: "this name is now that inode", "this name is now free".
package struct Discard: Hashable, Sendable {
  /// A name and who has it; `nil` when it is free.
  package struct Name: Hashable, Sendable {
    package var location: Location
    package var inode: InodeNumber?

    package init(_ location: Location, _ inode: InodeNumber?) {
      self.location = location
      self.inode = inode
    }
  }

  package var completes: [Stage]
  package var contents: [ContentsCompletion]
  package var names: [Name]

  package init(completes: [Stage] = [], contents: [ContentsCompletion] = [], names: [Name] = []) {
    self.completes = completes
    self.contents = contents
    self.names = names
  }
}
