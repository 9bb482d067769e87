/// A page in Prometheus's text format 0.0.4, read strictly by its description and nothing else.
///
/// Source: https://prometheus.io/docs/instrumenting/exposition_formats/
struct PrometheusPage {
  struct Sample: Hashable {
    var name: String
    var labels: [String: String]
    var value: String
  }

  struct Family {
    var help: String
    var type: String
    var samples: [Sample] = []
  }

  struct Malformed: Error {
    var line: Substring
    var reason: String
  }

  private(set) var families: [String: Family] = [:]
  private var current = ""
  private var seen: Set<[String: String]> = []

  init(parsing text: String) throws {
    guard text.isEmpty || text.hasSuffix("\n") else { throw Malformed(line: text.suffix(20), reason: "no line end") }
    for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() { try read(line) }
    for (name, family) in families where family.type == "histogram" { try Self.check(name, family) }
  }

  private mutating func read(_ line: Substring) throws {
    let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
    if words.first == "#", words.count > 2, words[1] == "HELP" {
      guard families[words[2]] == nil else { throw Malformed(line: line, reason: "a family twice") }
      current = words[2]
      families[current] = Family(help: words.count > 3 ? words[3] : "", type: "")
    } else if words.first == "#", words.count == 4, words[1] == "TYPE" {
      guard words[2] == current, families[current]?.type == "", families[current]?.samples.isEmpty == true,
        ["counter", "gauge", "histogram"].contains(words[3])
      else { throw Malformed(line: line, reason: "TYPE out of place") }
      families[current]?.type = words[3]
    } else {
      let sample = try Self.sample(line)
      let endings = families[current]?.type == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
      guard endings.contains(where: { sample.name == current + $0 }), families[current]?.type != "" else {
        throw Malformed(line: line, reason: "a sample of another family")
      }
      let identity = sample.labels.merging(["__name__": sample.name]) { $1 }
      guard seen.insert(identity).inserted else { throw Malformed(line: line, reason: "a sample twice") }
      families[current]?.samples.append(sample)
    }
  }

  private static func sample(_ line: Substring) throws -> Sample {
    let name = line.prefix { $0 != "{" && $0 != " " }
    guard isName(name) else { throw Malformed(line: line, reason: "name") }
    // Scalars: a quotation mark before a combining one is no character of its own.
    var rest = line.dropFirst(name.count).unicodeScalars
    var labels: [String: String] = [:]
    if rest.first == "{" {
      rest.removeFirst()
      while rest.first != "}" {
        let label = Substring(rest.prefix { $0 != "=" })
        rest.removeFirst(label.unicodeScalars.count)
        guard isName(label), rest.popFirst() == "=", rest.popFirst() == "\"" else { throw Malformed(line: line, reason: "label") }
        guard labels.updateValue(try labelValue(&rest, line), forKey: String(label)) == nil else {
          throw Malformed(line: line, reason: "a label twice")
        }
        if rest.first == "," { rest.removeFirst() } else if rest.first != "}" { throw Malformed(line: line, reason: "comma") }
      }
      rest.removeFirst()
    }
    guard rest.popFirst() == " ", let number = Double(Substring(rest)), number.isFinite else {
      throw Malformed(line: line, reason: "value")
    }
    return Sample(name: String(name), labels: labels, value: String(rest))
  }

  /// Takes a value up to its closing quotation mark.
  private static func labelValue(_ rest: inout Substring.UnicodeScalarView, _ line: Substring) throws -> String {
    var value = String.UnicodeScalarView()
    while let scalar = rest.popFirst() {
      switch scalar {
      case "\"": return String(value)
      case "\\":
        switch rest.popFirst() {
        case "\\": value.append("\\")
        case "\"": value.append("\"")
        case "n": value.append("\n")
        default: throw Malformed(line: line, reason: "escape")
        }
      default: value.append(scalar)
      }
    }
    throw Malformed(line: line, reason: "no closing quotation mark")
  }

  private static func isName(_ text: Substring) -> Bool {
    guard let first = text.utf8.first, !(48...57).contains(first) else { return false }
    return text.utf8.allSatisfy { (97...122).contains($0) || (65...90).contains($0) || (48...57).contains($0) || $0 == 95 }
  }

  /// Buckets ascend, with `+Inf` last and equal to the count; count and sum are there.
  private static func check(_ name: String, _ family: Family) throws {
    let groups = Dictionary(grouping: family.samples) { $0.labels.filter { $0.key != "le" } }
    for (labels, samples) in groups {
      let buckets = samples.filter { $0.name == name + "_bucket" }
      let counts = buckets.compactMap { Int($0.value) }
      let bounds = buckets.compactMap { $0.labels["le"].flatMap { $0 == "+Inf" ? Double.infinity : Double($0) } }
      let count = samples.filter { $0.name == name + "_count" }
      let sums = samples.filter { $0.name == name + "_sum" }.count
      guard counts.count == buckets.count, bounds.count == buckets.count, counts == counts.sorted(), bounds == bounds.sorted(),
        Set(bounds).count == bounds.count, bounds.last == .infinity, count.count == 1, sums == 1,
        count[0].value == buckets.last?.value
      else { throw Malformed(line: "\(name) \(labels)", reason: "histogram") }
    }
  }
}
