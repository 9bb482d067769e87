/// A part of the journal's capacity, or so many bytes.
package enum JournalShare: Hashable, Sendable {
  case bytes(Int)
  case percent(Int)

  package func bytes(ofCapacity capacity: Int) -> Int {
    switch self {
    case .bytes(let bytes): bytes
    case .percent(let percent): capacity / 100 * percent
    }
  }
}
