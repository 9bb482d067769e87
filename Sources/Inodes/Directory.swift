import FilesystemModel

/// The entries of one directory as the mount shows them, in the order of their cookies.
///
/// A cookie is given when a name appears and never changes or returns while the name stays, so that a listing in progress neither
/// skips nor repeats entries while others come and go.
///
/// Belongs to its inode: used under the engine's lock. Finding a name is O(1).
package final class Directory {
  /// Whether every entry is here: true from birth for a directory of our own, after one listing for an existing one.
  package var isComplete: Bool
  /// How many entries are directories.
  package private(set) var subdirectoryCount = 0
  /// Uptime in milliseconds when it was listed.
  package var listingMilliseconds = 0
  private var rows: [Row] = []
  private var vacantRows = 0
  private var index = NameIndex()
  private var cookieNext = firstCookie

  /// Cookies 1 and 2 are `.` and `..`.
  package static let firstCookie: UInt64 = 3

  /// An entry, in 32 bytes; without a name, the place of one that is gone.
  struct Row {
    var name: EntryName?
    var inode: InodeNumber
    private let cookieAndKind: UInt64

    init(name: EntryName, inode: InodeNumber, kind: FileKind, cookie: UInt64) {
      self.name = name
      self.inode = inode
      cookieAndKind = cookie << 8 | UInt64(kind.rawValue)
    }

    var cookie: UInt64 { cookieAndKind >> 8 }
    var kind: FileKind { FileKind(rawValue: UInt8(truncatingIfNeeded: cookieAndKind))! }
  }

  /// One entry of a listing.
  package struct Listed {
    package let name: EntryName
    package let inode: InodeNumber
    package let kind: FileKind
    package let cookie: UInt64
  }

  package init(isComplete: Bool) { self.isComplete = isComplete }

  package var count: Int { rows.count - vacantRows }
  package var isEmpty: Bool { count == 0 }
  package var names: [EntryName] { rows.compactMap(\.name) }

  package subscript(name: EntryName) -> InodeNumber? { index.find(name, in: rows).map { rows[$0].inode } }

  /// Gives a name to an inode; an entry of that name is replaced in place. Amortised O(1).
  package func set(_ name: EntryName, to inode: InodeNumber, kind: FileKind) {
    if let place = index.find(name, in: rows) {
      let old = rows[place]
      countSubdirectory(old.kind, -1)
      rows[place] = Row(name: name, inode: inode, kind: kind, cookie: old.cookie)
    } else {
      rows.append(Row(name: name, inode: inode, kind: kind, cookie: cookieNext))
      cookieNext += 1
      index.add(rows)
    }
    countSubdirectory(kind, 1)
  }

  /// Frees a name. Amortised O(1).
  package func remove(_ name: EntryName) {
    guard let place = index.find(name, in: rows) else { return }
    countSubdirectory(rows[place].kind, -1)
    index.remove(place, in: rows)
    rows[place].name = nil
    vacantRows += 1
    guard vacantRows > 32, vacantRows > rows.count / 2 else { return }
    rows = rows.filter { $0.name != nil }
    vacantRows = 0
    index.rebuild(rows)
  }

  /// Calls `visit` for the entries with a greater cookie, in order, until it answers false.
  package func list(after cookie: UInt64, _ visit: (Listed) -> Bool) {
    guard cookie < UInt64.max else { return }
    for row in rows[firstRow(from: cookie + 1)...] {
      guard let name = row.name else { continue }
      if !visit(Listed(name: name, inode: row.inode, kind: row.kind, cookie: row.cookie)) { return }
    }
  }

  private func countSubdirectory(_ kind: FileKind, _ by: Int) {
    if kind == .directory { subdirectoryCount += by }
  }

  /// The index of the first row whose cookie is at least `cookie`.
  private func firstRow(from cookie: UInt64) -> Int {
    var low = 0
    var high = rows.count
    while low < high {
      let middle = (low + high) / 2
      if rows[middle].cookie < cookie { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
