import FilesystemModel

extension ConflictPolicy {
  /// As the option is written.
  var word: String {
    switch self {
    case .keepBoth: "keep-both"
    case .ours: "ours"
    case .theirs: "theirs"
    }
  }
}
