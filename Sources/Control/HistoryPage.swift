import FilesystemModel

/// The page of `ebbfs report`: HTML in one piece, with its charts as SVG and nothing from elsewhere.
package enum HistoryPage {
  /// - Parameter mounts: each with its status and its history.
  package static func html(_ mounts: [(StatusReport, HistoryReport)]) -> String {
    let sections = mounts.map { section($0.0, $0.1) }.joined()
    let body = mounts.isEmpty ? "<p>No ebbfs daemon is running.</p>\n" : sections
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width">
      <title>ebbfs report</title>
      <style>
      \(style)
      </style>
      </head>
      <body>
      <h1>ebbfs report</h1>
      \(body)</body>
      </html>

      """
  }

  private static let style = """
    :root { color-scheme: light dark; --ink: #222; --grid: #ddd; --c0: #0b62a4; --c1: #d1603d; --c2: #2a8a4a; }
    @media (prefers-color-scheme: dark) {
      :root { --ink: #ddd; --grid: #444; --c0: #6cb2eb; --c1: #f0936f; --c2: #6fcf8e; }
    }
    body { font: 15px/1.4 sans-serif; color: var(--ink); max-width: 64em; margin: 1em auto; padding: 0 1em; }
    figure { margin: 1.5em 0; } figcaption { font-weight: bold; } svg { width: 100%; height: auto; }
    svg text { font: 11px sans-serif; fill: var(--ink); } .grid { stroke: var(--grid); }
    polyline { fill: none; stroke-width: 1.5; stroke-linejoin: round; } td, th { text-align: left; padding-right: 2em; }
    .c0 { stroke: var(--c0); } .c1 { stroke: var(--c1); } .c2 { stroke: var(--c2); }
    .legend span { margin-right: 1.5em; border-bottom: 3px solid; }
    .legend .l0 { border-color: var(--c0); } .legend .l1 { border-color: var(--c1); } .legend .l2 { border-color: var(--c2); }
    """

  private static func section(_ status: StatusReport, _ history: HistoryReport) -> String {
    let charts =
      history.samples.isEmpty
      ? "<p>There is no history yet: a sample is taken every \(History.intervalSeconds) seconds.</p>\n"
      : HistoryChart.all.map { $0.svg(history) }.joined()
    return "<section>\n<h2>\(escaped(status.mountpoint))</h2>\n\(table(status, history))\(charts)</section>\n"
  }

  private static func table(_ status: StatusReport, _ history: HistoryReport) -> String {
    let rows = [
      ("written", UniversalTime.text(history.nowSeconds)), ("backing directory", status.backing),
      ("up", Quantity.time(milliseconds: status.uptimeMilliseconds)), ("health", status.health.text),
      (
        "not yet written back",
        "\(Quantity.size(status.dirtyBytes)) in \(Quantity.count(status.dirtyInodes, "file")), "
          + Quantity.count(status.pendingOperations, "operation")
      ),
      ("dead letters", String(status.deadLetters)), ("conflicts", String(status.conflictCount)),
      ("last error", status.lastFailure?.message ?? "none"),
    ]
    return "<table>\n" + rows.map { "<tr><th>\($0.0)</th><td>\(escaped($0.1))</td></tr>\n" }.joined() + "</table>\n"
  }

  /// Text of others: no markup, and no control characters.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in TerminalText.line(text).unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
