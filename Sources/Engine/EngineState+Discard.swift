import FilesystemModel

extension EngineState {
  /// Names are now what they are without changes that were given up (R4: absolute).
  mutating func setNames(_ names: [Discard.Name]) {
    for name in names {
      if let inode = name.inode.flatMap({ inodes[$0] }) {
        inodes.setName(name.location, to: inode)
      } else {
        inodes.clearName(name.location)
      }
    }
  }
}
