/// Where `ebbfs stats --prometheus --listen` has the statistics.
enum ExpositionPlace: Hashable, Sendable {
  /// Replaced as a whole every 15 seconds, for the textfile collector of Prometheus's node exporter.
  case file(String)
  /// A socket that answers each connection as an HTTP server does.
  case socket(String)

  /// - Parameter text: `unix:PATH` or the path of a file.
  init(_ text: String) {
    self = text.hasPrefix("unix:") ? .socket(String(text.dropFirst("unix:".count))) : .file(text)
  }

  var path: String {
    switch self {
    case .file(let path), .socket(let path): path
    }
  }
}
