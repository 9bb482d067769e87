extension StatusReport {
  /// An option of the mount and what holds for it, for people.
  package struct Setting: Hashable, Sendable {
    package var name: String
    package var value: String

    package init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  package static let settingsMax = 1000

  /// `NAME=VALUE` lines, each ended.
  package var configurationText: String { configuration.map { TerminalText.line("\($0.name)=\($0.value)") + "\n" }.joined() }

  package var configurationJSON: JSONValue { .object(configuration.map { .init($0.name, .string($0.value)) }) }

  func encodeConfiguration(to fields: inout FieldWriter) {
    fields.put(configuration.count)
    for setting in configuration {
      fields.put(setting.name)
      fields.put(setting.value)
    }
  }

  static func configuration(from fields: inout FieldReader) throws(MessageError) -> [Setting] {
    var settings: [Setting] = []
    for _ in 0..<(try fields.count(max: settingsMax)) {
      let name = try fields.string()
      settings.append(Setting(name: name, value: try fields.string()))
    }
    return settings
  }
}
