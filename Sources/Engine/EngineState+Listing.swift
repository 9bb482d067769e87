import FilesystemModel
import Inodes

/// readdir and readdirplus.
extension EngineState {
  func readDirectory(_ number: InodeNumber, _ wanted: DirectoryRequest, _ request: Request) throws(Interruption) -> Outcome {
    let directory = try directory(number)
    guard !directory.isOrphan else { throw .failure(.noEntry) }
    try complete(directory, request)
    var bytes = 0
    var listed: [DirectoryEntry] = []
    func add(_ entry: DirectoryEntry) -> Bool {
      bytes += (entry.name.count + wanted.bytesPerEntry + 7) / 8 * 8
      guard bytes <= wanted.bytesMax else { return false }
      listed.append(entry)
      return true
    }
    let dot = UInt8(ascii: ".")
    let parent = directory.names.first?.parent ?? .root
    let selfAndParent = [([dot], number), ([dot, dot], parent)]
    var isFull = false
    for (index, (name, inode)) in selfAndParent.enumerated() where UInt64(index + 1) > wanted.after && !isFull {
      isFull = !add(DirectoryEntry(name: name, inode: inode, kind: .directory, cookie: UInt64(index + 1)))
    }
    if !isFull {
      directory.directory?.list(after: max(wanted.after, 2)) {
        add(DirectoryEntry(name: $0.name.bytes, inode: $0.inode, kind: $0.kind, cookie: $0.cookie))
      }
    }
    if wanted.withAttributes { try addAttributes(&listed, request) }
    return .reply(.listing(listed), after: directory.lastChange)
  }

  /// Fetches what is missing for all entries at once; an entry that cannot be looked at is listed without attributes.
  private func addAttributes(_ listed: inout [DirectoryEntry], _ request: Request) throws(Interruption) {
    var missing: [Load] = []
    for (index, entry) in listed.enumerated() where entry.cookie >= Directory.firstCookie {
      guard let inode = inodes[entry.inode] else { continue }
      do {
        let attributes = try attributes(inode, request)
        listed[index].entry = Entry(inode: inode.number, generation: generation, attributes: attributes)
      } catch .needs(let loads) {
        missing += loads
      } catch .failure {
        continue
      }
    }
    guard missing.isEmpty else { throw .needs(missing) }
    for entry in listed where entry.entry != nil { inodes[entry.inode]?.countLookup() }
  }
}
