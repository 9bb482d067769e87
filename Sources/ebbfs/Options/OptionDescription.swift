import Engine
import Policies
import WriteAheadLog

/// How the values of an option are written.
struct ValueForm<Value: Sendable>: Sendable {
  /// What stands behind the `=`, for people.
  var word: String
  /// The values it takes, for people; empty where the word says it all.
  var rangeText = ""
  var read: @Sendable (String) throws(ValueError) -> Value
  var text: @Sendable (Value) -> String
}

extension ValueForm<Int> {
  /// Bytes.
  static func size(_ range: ClosedRange<Int>) -> Self {
    ValueForm(
      word: "SIZE", rangeText: "\(OptionValues.sizeText(range.lowerBound)) to \(OptionValues.sizeText(range.upperBound))",
      read: { text throws(ValueError) in try OptionValues.size(text, range) }, text: { OptionValues.sizeText($0) })
  }

  /// Milliseconds.
  static func time(_ range: ClosedRange<Int>) -> Self {
    ValueForm(
      word: "TIME", rangeText: "\(OptionValues.timeText(range.lowerBound)) to \(OptionValues.timeText(range.upperBound))",
      read: { text throws(ValueError) in try OptionValues.time(text, range) }, text: { OptionValues.timeText($0) })
  }

  static func count(_ range: ClosedRange<Int>) -> Self {
    ValueForm(
      word: "N", rangeText: "\(range.lowerBound) to \(range.upperBound)",
      read: { text throws(ValueError) in try OptionValues.count(text, range) }, text: { String($0) })
  }
}

extension ValueForm<String> {
  static func path(_ word: String) -> Self { ValueForm(word: word, read: { $0 }, text: { $0 }) }
}

extension ValueForm<JournalShare> {
  /// A size, or a part of the journal's capacity.
  static var share: Self {
    ValueForm(
      word: "SIZE|%", rangeText: "1M to 16T, or 1% to 100% of the journal's capacity",
      read: { text throws(ValueError) in try OptionValues.share(text) }, text: { OptionValues.shareText($0) })
  }
}

extension ValueForm<Durability> {
  static var durability: Self {
    let range = Durability.batchMillisecondsRange
    return ValueForm(
      word: "always|batch=MS|os", rangeText: "batch=\(range.lowerBound) to \(range.upperBound)",
      read: { text throws(ValueError) in try OptionValues.durability(text) }, text: { $0.text })
  }
}

extension ValueForm<Retention> {
  static var retention: Self {
    let (bytes, time) = (OptionValues.retainedBytes, OptionValues.retainedTime)
    return ValueForm(
      word: "SIZE|TIME",
      rangeText: "0, a segment to \(OptionValues.sizeText(bytes.upperBound)), or \(OptionValues.timeText(time.lowerBound)) to "
        + OptionValues.timeText(time.upperBound),
      read: { text throws(ValueError) in try OptionValues.retention(text) }, text: { OptionValues.retentionText($0) })
  }
}

extension ValueForm {
  /// One of a few values, each a word.
  static func choice(_ values: [Value], _ word: @escaping @Sendable (Value) -> String) -> Self {
    let words = values.map(word)
    return ValueForm(
      word: words.joined(separator: "|"), read: { text throws(ValueError) in values[try OptionValues.choice(text, words)] },
      text: word)
  }
}

/// One option of `-o`: what parses it, checks it, shows it, and describes it to people.
struct OptionDescription: Sendable {
  var name: String
  /// What stands behind the `=`, for people; empty for an option that takes no value.
  var word = ""
  /// The values it takes, for people; empty where the word says it all.
  var rangeText = ""
  /// What holds when the option is not given, for people.
  var defaultText: String
  var help: String
  /// What holds, as the option is written; `nil` where it was not given and has no default of its own.
  var value: @Sendable (MountOptions) -> String?
  private var set: @Sendable (inout MountOptions, String) throws(ValueError) -> Void

  init<Value>(
    _ name: String, _ form: ValueForm<Value>, _ field: WritableKeyPath<MountOptions, Value> & Sendable, help: String
  ) {
    (self.name, self.help) = (name, help)
    (word, rangeText) = (form.word, form.rangeText)
    defaultText = form.text(MountOptions()[keyPath: field])
    value = { form.text($0[keyPath: field]) }
    set = { options, text throws(ValueError) in options[keyPath: field] = try form.read(text) }
  }

  init<Value>(
    _ name: String, _ form: ValueForm<Value>, _ field: WritableKeyPath<MountOptions, Value?> & Sendable, default: String,
    help: String
  ) {
    (self.name, self.help) = (name, help)
    (word, rangeText) = (form.word, form.rangeText)
    defaultText = `default`
    value = { $0[keyPath: field].map(form.text) }
    set = { options, text throws(ValueError) in options[keyPath: field] = try form.read(text) }
  }

  init(_ name: String, flag field: WritableKeyPath<MountOptions, Bool> & Sendable, default: String, help: String) {
    (self.name, self.help) = (name, help)
    defaultText = `default`
    value = { $0[keyPath: field] ? "on" : "off" }
    set = { options, _ in options[keyPath: field] = true }
  }

  /// The name with a word for its value, `memory=SIZE`.
  var usage: String { word.isEmpty ? name : name + "=" + word }

  /// The values, where they are words, for completion: `batch=` where more has to follow.
  var choices: [String] {
    word.split(separator: "|").filter { $0.first?.isLowercase ?? false }.map { choice in
      choice.firstIndex(of: "=").map { String(choice[...$0]) } ?? String(choice)
    }
  }

  func apply(_ value: String?, to options: inout MountOptions) throws(ValueError) {
    if word.isEmpty {
      guard value == nil else { throw ValueError(reason: "takes no value") }
    } else if (value ?? "").isEmpty {
      throw ValueError(reason: "needs a value: \(usage)")
    }
    try set(&options, value ?? "")
  }
}
