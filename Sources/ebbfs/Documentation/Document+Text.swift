extension Document {
  /// The whole of it.
  var text: String {
    switch self {
    case .program: ManualPages.program
    case .journal: ManualPages.journal
    case .mountHelper: ManualPages.mountHelper
    case .rules: ManualPages.rules
    case .bash: Completion.bash
    case .zsh: Completion.zsh
    case .fish: Completion.fish
    }
  }
}
