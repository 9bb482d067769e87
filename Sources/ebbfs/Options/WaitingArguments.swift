import Control
import Policies

/// The words behind `ebbfs unmount` and `ebbfs wait`.
enum WaitingArguments {
  static func unmount(_ words: [String]) throws(CommandFailure) -> CommandLineRequest {
    let words = try CommandWords(
      words, "unmount", flags: ["--lazy", "--keep-journal"], valued: ["--timeout"], pathCounts: 1...1)
    let timeout = try timeout(words)
    if timeout != nil, words.has("--keep-journal") {
      throw words.failure("--keep-journal waits for nothing: only one of it and --timeout is possible")
    }
    let options = UnmountOptions(
      isLazy: words.has("--lazy"), keepsJournal: words.has("--keep-journal"), timeoutMilliseconds: timeout)
    return .unmount(mountpoint: words.paths[0], options)
  }

  static func wait(_ words: [String]) throws(CommandFailure) -> CommandLineRequest {
    let words = try CommandWords(words, "wait", valued: ["--timeout"], pathCounts: 1...1)
    return .wait(path: words.paths[0], timeoutMilliseconds: try timeout(words))
  }

  private static func timeout(_ words: CommandWords) throws(CommandFailure) -> Int? {
    guard let text = words.value("--timeout") else { return nil }
    do throws(ValueError) {
      return try OptionValues.time(text, UnmountOptions.timeoutsMilliseconds)
    } catch {
      throw words.failure("--timeout=\(text) \(error.reason)")
    }
  }
}
