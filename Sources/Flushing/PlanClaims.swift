import FilesystemModel

/// What one action needs for itself while its plan is open.
struct ActionClaims {
  /// Names that it makes, removes or claims.
  var names: [Location] = []
  /// Inodes that it writes, names, moves, removes or claims.
  var inodes: [InodeNumber] = []
  /// Directories that its backing paths pass through.
  var passed: [InodeNumber] = []
  /// Directories that come, move or go with it: no other path may pass through them.
  var shaped: [InodeNumber] = []
  /// Directories whose entries it changes.
  var changed: [InodeNumber] = []
  /// The directory whose attributes it sets: entries must not change meanwhile (R20).
  var attributed: InodeNumber?
  var movesDirectory = false
  /// Whether backing locations of inodes that exist change with it: loads of them wait (R22).
  var unsettles = false
}

/// The claims of several actions, counted.
struct PlanClaims {
  private(set) var names: [Location: Int] = [:]
  private(set) var inodes: [InodeNumber: Int] = [:]
  private(set) var passed: [InodeNumber: Int] = [:]
  private(set) var shaped: [InodeNumber: Int] = [:]
  private(set) var changed: [InodeNumber: Int] = [:]
  private(set) var attributed: [InodeNumber: Int] = [:]
  private(set) var unsettled: [InodeNumber: Int] = [:]
  private(set) var directoryMoves = 0

  mutating func add(_ claims: ActionClaims) { count(claims, 1) }
  mutating func remove(_ claims: ActionClaims) { count(claims, -1) }

  private mutating func count(_ claims: ActionClaims, _ change: Int) {
    for name in claims.names { Self.count(&names, name, change) }
    for inode in claims.inodes { Self.count(&inodes, inode, change) }
    for inode in claims.passed { Self.count(&passed, inode, change) }
    for inode in claims.shaped { Self.count(&shaped, inode, change) }
    for inode in claims.changed { Self.count(&changed, inode, change) }
    if let inode = claims.attributed { Self.count(&attributed, inode, change) }
    if claims.unsettles { for inode in claims.inodes { Self.count(&unsettled, inode, change) } }
    if claims.movesDirectory { directoryMoves += change }
  }

  private static func count<Key: Hashable>(_ counts: inout [Key: Int], _ key: Key, _ change: Int) {
    let count = counts[key, default: 0] + change
    counts[key] = count == 0 ? nil : count
  }

  /// Whether an action cannot be carried out beside these.
  ///
  /// - Parameter created: Directories that come with the same batch, before the action: its path may pass through them (R23).
  func conflict(with claims: ActionClaims, created: Set<InodeNumber> = [], rules: ProtocolRules) -> Bool {
    if rules.namesInDoubtAreTaken, claims.names.contains(where: { names[$0] != nil }) { return true }
    if rules.plansAreDisjointInInodes {
      if claims.inodes.contains(where: { inodes[$0] != nil }) { return true }
      if claims.passed.contains(where: { shaped[$0] != nil && !created.contains($0) }) { return true }
      if claims.shaped.contains(where: { passed[$0] != nil }) { return true }
      if claims.movesDirectory, directoryMoves > 0 { return true }
    }
    if claims.changed.contains(where: { attributed[$0] != nil }) { return true }
    return claims.attributed.map { changed[$0] != nil } ?? false
  }
}
