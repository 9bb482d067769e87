import FilesystemModel

/// The names of one inode, in the order in which they came. One name, the usual number, takes no memory of its own.
package struct Locations: RandomAccessCollection, Hashable, Sendable, ExpressibleByArrayLiteral {
  private enum Storage: Hashable, Sendable {
    case none
    case one(Location)
    case many([Location])
  }

  private var storage: Storage

  package init(_ locations: [Location]) {
    switch locations.count {
    case 0: storage = .none
    case 1: storage = .one(locations[0])
    default: storage = .many(locations)
    }
  }

  package init(arrayLiteral locations: Location...) { self.init(locations) }

  package var startIndex: Int { 0 }

  package var endIndex: Int {
    switch storage {
    case .none: 0
    case .one: 1
    case .many(let locations): locations.count
    }
  }

  package subscript(index: Int) -> Location {
    switch storage {
    case .one(let location) where index == 0: return location
    case .many(let locations): return locations[index]
    default: preconditionFailure("index out of range")
    }
  }

  mutating func append(_ location: Location) {
    switch storage {
    case .none: storage = .one(location)
    case .one(let first): storage = .many([first, location])
    case .many(var locations):
      storage = .none
      locations.append(location)
      storage = .many(locations)
    }
  }

  mutating func remove(_ location: Location) { if contains(location) { self = Locations(filter { $0 != location }) } }
}
