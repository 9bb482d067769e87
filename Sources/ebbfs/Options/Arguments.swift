import Control

/// What the command line asks for.
enum CommandLineRequest: Hashable, Sendable {
  case mount(MountRequest)
  case unmount(mountpoint: String, UnmountOptions)
  /// Of everything when there are no paths.
  case flush(mountpoint: String, paths: [String])
  case set(SetRequest)
  /// Of a mount by its mountpoint, of a file by its path, of all mounts without one.
  case status(path: String?, asJSON: Bool)
  case configuration(mountpoint: String, asJSON: Bool)
  case wait(path: String, timeoutMilliseconds: Int?)
  case statistics(mountpoint: String?, StatisticsForm)
  case top(mountpoint: String?)
  case report(mountpoint: String?, output: String?)
  case journal(JournalRequest, place: String)
  case deadLetters(DeadLetterVerb, mountpoint: String)
  case documentation(Document)
  case debugBundle(place: String, output: String?)
  case upgradeJournal(place: String)
  case version
  case help
}

/// How `ebbfs stats` prints.
enum StatisticsForm: Hashable, Sendable {
  case text
  case json
  case prometheus
  /// The same for as long as the command runs.
  case exposition(ExpositionPlace)
  /// A line of rates every so many seconds, until interrupted.
  case watch(seconds: Int)
}

/// What `ebbfs journal` does.
enum JournalRequest: Hashable, Sendable {
  case check
  case dump(JournalDumpOptions)
  case extract(JournalExtractOptions)
}

/// Which contents are wanted, and where they go.
struct JournalExtractOptions: Hashable, Sendable {
  var lsn: UInt64
  /// Below the mount's root, as `EscapedText`.
  var path: String
  /// A file that does not exist; `nil` for standard output.
  var output: String?
  /// Whether bytes that are not held may be missing.
  var isPartial = false
}

/// How records are told.
struct JournalDumpOptions: Hashable, Sendable {
  /// The first record; `nil` for the oldest that is kept.
  var from: UInt64?
  var isFollowing = false
  var asJSON = false
}

/// A mount as it was asked for, before anything is checked.
struct MountRequest: Hashable, Sendable {
  var backing: String
  var mountpoint: String
  var options: MountOptions
  /// Stay in the foreground, `-f`.
  var isForeground = false
  /// The descriptor on which the daemon tells the command that started it how it went; only `Launcher` gives it.
  var readinessDescriptor: Int32?
}

/// What `ebbfs set` changes.
struct SetRequest: Hashable, Sendable {
  enum Change: Hashable, Sendable {
    /// Options of the mount, each `KEY=VALUE`.
    case mount([String])
    /// Extended attributes of a file or directory of the mount, each `KEY=VALUE`.
    case path([String], String)
    /// The rules file is read again.
    case rules
  }

  var mountpoint: String
  var change: Change
}

/// Reads the command line.
enum Arguments {
  /// The name of the option by which `Launcher` hands its pipe to the daemon.
  static let readinessOption = "--readiness-descriptor="
  /// Where it may be: behind the standard descriptors, below the number that a process has at most by default.
  private static let readinessDescriptors: Range<Int32> = 3..<1024

  /// - Parameter arguments: without the program's name.
  static func parse(_ arguments: [String]) throws(CommandFailure) -> CommandLineRequest {
    guard arguments.allSatisfy({ !$0.unicodeScalars.contains("\u{FFFD}") }) else {
      throw CommandFailure(.usage, "arguments must be UTF-8")
    }
    guard let first = arguments.first else { throw CommandFailure(.usage, "nothing to do; try `ebbfs --help`") }
    guard let command = CommandTable.command(first) else { return try mount(arguments) }
    return try command.parse(Array(arguments.dropFirst()))
  }

  private static let mountUsage = "[mount]"

  static func mount(_ words: [String]) throws(CommandFailure) -> CommandLineRequest {
    var paths: [String] = []
    var request = MountRequest(backing: "", mountpoint: "", options: MountOptions())
    var rest = words[...]
    while let word = rest.popFirst() {
      switch word {
      case "-f", "--foreground": request.isForeground = true
      case "-h", "--help": return .help
      case "-o":
        guard let list = rest.popFirst() else { throw usage(mountUsage, "-o needs options behind it") }
        try OptionParser.parse(list, into: &request.options)
      case "--":
        paths += rest
        rest = []
      case _ where word.hasPrefix(readinessOption):
        guard let descriptor = Int32(word.dropFirst(readinessOption.count)), readinessDescriptors.contains(descriptor) else {
          throw usage(mountUsage, "unknown option \(word)")
        }
        request.readinessDescriptor = descriptor
      case _ where word.hasPrefix("-o"): try OptionParser.parse(String(word.dropFirst(2)), into: &request.options)
      case _ where word.hasPrefix("-") && word.count > 1: throw usage(mountUsage, "unknown option \(word)")
      default: paths.append(word)
      }
    }
    guard paths.count == 2 else {
      throw usage(
        mountUsage, paths.count < 2 ? "a backing directory and a mountpoint are needed" : "unexpected argument \(paths[2])")
    }
    (request.backing, request.mountpoint) = (paths[0], paths[1])
    return .mount(request)
  }

  static func flush(_ words: [String]) throws(CommandFailure) -> CommandLineRequest {
    let form = "flush"
    let isGuarded = words.first == "--"
    let paths = isGuarded ? Array(words.dropFirst()) : words
    guard let mountpoint = paths.first else { throw usage(form, "an argument is missing") }
    if !isGuarded, let option = paths.first(where: { $0.hasPrefix("-") }) { throw usage(form, "unknown option \(option)") }
    guard paths.count - 1 <= ControlCodec.inodesMax else { throw usage(form, "more than \(ControlCodec.inodesMax) paths") }
    return .flush(mountpoint: mountpoint, paths: Array(paths.dropFirst()))
  }

  static func set(_ words: [String]) throws(CommandFailure) -> CommandLineRequest { .set(try setRequest(words)) }

  private static func setRequest(_ words: [String]) throws(CommandFailure) -> SetRequest {
    let form = "set"
    guard let mountpoint = words.first, !mountpoint.hasPrefix("-") else { throw usage(form, "a mountpoint is needed") }
    let rest = Array(words.dropFirst())
    if rest == ["--reload"] { return SetRequest(mountpoint: mountpoint, change: .rules) }
    if let option = rest.first(where: { $0.hasPrefix("-") }) { throw usage(form, "unknown option \(option)") }
    // A path may have an equals sign: as ./NAME it is none of a setting.
    let isSetting = { (word: String) in word.unicodeScalars.contains("=") && !word.hasPrefix("/") && !word.hasPrefix(".") }
    let settings = Array(rest.prefix(while: isSetting))
    let paths = rest.dropFirst(settings.count)
    guard ControlCodec.settingsCounts.contains(settings.count) else { throw usage(form, "a KEY=VALUE is needed") }
    guard paths.count <= 1 else { throw usage(form, "unexpected argument \(rest[settings.count + 1])") }
    if let path = paths.first {
      _ = try PathSettings.parse(settings)
      return SetRequest(mountpoint: mountpoint, change: .path(settings, path))
    }
    _ = try RuntimeSettings.parse(settings)
    return SetRequest(mountpoint: mountpoint, change: .mount(settings))
  }

  static func status(_ words: [String]) throws(CommandFailure) -> CommandLineRequest {
    if words.contains("--config") { return try configuration(words) }
    let paths = words.filter { $0 != "--json" }
    guard paths.count <= 1, !(paths.first ?? "").hasPrefix("-") else {
      throw usage("status", "unexpected argument \(paths.last ?? "")")
    }
    return .status(path: paths.first, asJSON: paths.count < words.count)
  }

  private static func configuration(_ words: [String]) throws(CommandFailure) -> CommandLineRequest {
    let mountpoint = try only(words.filter { $0 != "--config" && $0 != "--json" }, "status MOUNTPOINT")
    return .configuration(mountpoint: mountpoint, asJSON: words.contains("--json"))
  }

  static func upgradeJournal(_ words: [String]) throws(CommandFailure) -> CommandLineRequest {
    .upgradeJournal(place: try only(words, "upgrade-journal"))
  }

  static func documentation(_ words: [String]) throws(CommandFailure) -> CommandLineRequest {
    let word = try only(words, "documentation")
    guard let document = Document(rawValue: word) else { throw usage("documentation", "there is no document \(word)") }
    return .documentation(document)
  }

  static func top(_ words: [String]) throws(CommandFailure) -> CommandLineRequest {
    .top(mountpoint: try CommandWords(words, "top", pathCounts: 0...1).paths.first)
  }

  static func report(_ words: [String]) throws(CommandFailure) -> CommandLineRequest {
    let words = try CommandWords(words, "report", valued: ["-o"], pathCounts: 0...1)
    return .report(mountpoint: words.paths.first, output: words.value("-o"))
  }

  private static let statisticsUsage = "stats"
  /// Up to an hour.
  private static let watchSeconds = 1...3600

  static func statistics(_ words: [String]) throws(CommandFailure) -> CommandLineRequest {
    var forms: [StatisticsForm] = []
    var paths: [String] = []
    var place: ExpositionPlace?
    var rest = words[...]
    while let word = rest.popFirst() {
      switch word {
      case "--listen":
        let next = rest.popFirst().map { ExpositionPlace($0) }
        guard let next, !next.path.isEmpty else { throw usage(statisticsUsage, "--listen needs FILE or unix:PATH behind it") }
        place = next
      case "--json": forms.append(.json)
      case "--prometheus": forms.append(.prometheus)
      case "--watch": forms.append(.watch(seconds: 1))
      case _ where word.hasPrefix("--watch="):
        guard let seconds = Int(word.dropFirst("--watch=".count)), watchSeconds.contains(seconds) else {
          throw usage(statisticsUsage, "\(word): 1 to 3600 whole seconds are possible")
        }
        forms.append(.watch(seconds: seconds))
      case _ where word.hasPrefix("-"): throw usage(statisticsUsage, "unknown option \(word)")
      default: paths.append(word)
      }
    }
    guard paths.count <= 1 else { throw usage(statisticsUsage, "unexpected argument \(paths[1])") }
    guard forms.count <= 1 else { throw usage(statisticsUsage, "only one of --json, --prometheus and --watch is possible") }
    if case .watch? = forms.first, paths.isEmpty { throw usage(statisticsUsage, "--watch needs a mountpoint") }
    if let place {
      guard forms == [.prometheus] else { throw usage(statisticsUsage, "--listen needs --prometheus") }
      return .statistics(mountpoint: paths.first, .exposition(place))
    }
    return .statistics(mountpoint: paths.first, forms.first ?? .text)
  }

  /// The one argument of commands that take one.
  static func only(_ words: [String], _ form: String) throws(CommandFailure) -> String {
    guard let word = words.first else { throw usage(form, "an argument is missing") }
    guard words.count == 1 else { throw usage(form, "unexpected argument \(words[1])") }
    guard !word.hasPrefix("-") else { throw usage(form, "unknown option \(word)") }
    return word
  }

  /// - Parameter form: the words with which the synopsis begins.
  static func usage(_ form: String, _ message: String) -> CommandFailure {
    CommandFailure(.usage, "\(message); usage: ebbfs \(CommandTable.usage(form))")
  }
}
