import FilesystemModel

/// The entries of one directory as the mount shows them, in the order of their cookies.
///
/// A cookie is given when a name appears and never changes or returns while the name stays, so that a listing in progress neither
/// skips nor repeats entries while others come and go.
package struct Directory {
  /// Whether every entry is here: true from birth for a directory of our own, after one listing for an existing one.
  package var isComplete: Bool
  /// How many entries are directories.
  package private(set) var subdirectoryCount = 0
  private var places: [EntryName: Place] = [:]
  private var order: [Row] = []
  private var vacantRows = 0
  private var cookieNext = firstCookie

  /// Cookies 1 and 2 are `.` and `..`.
  package static let firstCookie: UInt64 = 3

  private struct Place {
    var inode: InodeNumber
    var kind: FileKind
    var cookie: UInt64
  }

  private struct Row {
    var cookie: UInt64
    var name: EntryName?
  }

  /// One entry of a listing.
  package struct Listed {
    package let name: EntryName
    package let inode: InodeNumber
    package let kind: FileKind
    package let cookie: UInt64
  }

  package init(isComplete: Bool) { self.isComplete = isComplete }

  package var count: Int { places.count }
  package var isEmpty: Bool { places.isEmpty }
  package var names: [EntryName] { order.compactMap(\.name) }

  package subscript(name: EntryName) -> InodeNumber? { places[name]?.inode }

  /// Gives a name to an inode; an entry of that name is replaced in place. Amortised O(1).
  package mutating func set(_ name: EntryName, to inode: InodeNumber, kind: FileKind) {
    if let old = places[name] {
      countSubdirectory(old.kind, -1)
      places[name] = Place(inode: inode, kind: kind, cookie: old.cookie)
    } else {
      places[name] = Place(inode: inode, kind: kind, cookie: cookieNext)
      order.append(Row(cookie: cookieNext, name: name))
      cookieNext += 1
    }
    countSubdirectory(kind, 1)
  }

  /// Frees a name. O(log n), amortised.
  package mutating func remove(_ name: EntryName) {
    guard let place = places.removeValue(forKey: name) else { return }
    countSubdirectory(place.kind, -1)
    order[firstRow(from: place.cookie)].name = nil
    vacantRows += 1
    if vacantRows > 32, vacantRows > order.count / 2 {
      order.removeAll { $0.name == nil }
      vacantRows = 0
    }
  }

  /// Calls `visit` for the entries with a greater cookie, in order, until it answers false.
  package func list(after cookie: UInt64, _ visit: (Listed) -> Bool) {
    guard cookie < UInt64.max else { return }
    for row in order[firstRow(from: cookie + 1)...] {
      guard let name = row.name, let place = places[name] else { continue }
      if !visit(Listed(name: name, inode: place.inode, kind: place.kind, cookie: row.cookie)) { return }
    }
  }

  private mutating func countSubdirectory(_ kind: FileKind, _ by: Int) {
    if kind == .directory { subdirectoryCount += by }
  }

  /// The index of the first row whose cookie is at least `cookie`.
  private func firstRow(from cookie: UInt64) -> Int {
    var low = 0
    var high = order.count
    while low < high {
      let middle = (low + high) / 2
      if order[middle].cookie < cookie { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
