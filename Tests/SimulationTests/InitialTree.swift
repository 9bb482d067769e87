import FilesystemModel
import StorageInterface
import Support

/// What the backing directory holds before the first mount.
enum InitialTree {
  static let forWalks: [InitialTree] = [.empty, .furnished, .linked, .small]

  case empty
  /// Files and directories with contents, a symbolic link and extended attributes.
  case furnished
  /// `a` and `h` are one file.
  case linked
  /// What the small alphabet names.
  case small
  /// That of PROTOCOL.md: `a`, `b`, `d/x`.
  case model

  func backing(_ clock: SimulatedClock, options: SimulatedBackingStorage.Options = .init()) throws -> SimulatedBackingStorage {
    let storage = SimulatedBackingStorage(clock: clock, options: options)
    let bystander = storage.bystander
    switch self {
    case .empty: break
    case .small:
      try bystander.make("d", kind: .directory, device: 0, target: [])
      try Self.fill(bystander, "a", 65, count: 700)
      try Self.fill(bystander, "d/b", 66, count: 300)
    case .model:
      try bystander.make("d", kind: .directory, device: 0, target: [])
      try Self.fill(bystander, "a", 65, count: 4096)
      try Self.fill(bystander, "b", 66, count: 8192)
      try Self.fill(bystander, "d/x", 88, count: 100)
    case .furnished:
      for (place, path) in ["d", "e", "d/e"].enumerated() {
        let path = BackingPath(path)
        try bystander.make(path, kind: .directory, device: 0, target: [])
        try bystander.setAttributes(path, kind: .directory, AttributeChange(permissions: 0o755 - UInt16(place)))
      }
      for (place, path) in ["a", "b", "d/a", "d/e/a"].enumerated() {
        try Self.fill(bystander, BackingPath(path), UInt8(65 + place), count: [700, 5000, 1, 9000][place])
      }
      try bystander.make("s", kind: .symlink, device: 0, target: Array("a".utf8))
      try bystander.setExtendedAttribute("b", ExtendedAttributeChange(name: Array("user.x".utf8), value: [1, 2]))
    case .linked:
      try bystander.make("d", kind: .directory, device: 0, target: [])
      try Self.fill(bystander, "a", 65, count: 700)
      try Self.fill(bystander, "b", 66, count: 300)
      try bystander.link("a", to: "h")
      try Self.fill(bystander, "d/b", 67, count: 300)
      try bystander.link("d/b", to: "d/a")
    }
    try bystander.synchronizeFilesystem()
    return storage
  }

  private static func fill(_ storage: SimulatedBackingStorage, _ path: BackingPath, _ byte: UInt8, count: Int) throws {
    let file = try storage.createFile(path)
    try file.write([UInt8](repeating: byte, count: count), at: 0)
    try file.setAttributes(AttributeChange(permissions: 0o644))
  }
}
