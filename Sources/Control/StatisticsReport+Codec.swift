import Statistics

/// Counts before their elements. What arrives is refused when it is longer than any daemon tells, or could not be shown to
/// Prometheus; an encoder that goes beyond these limits would be answered so.
extension StatisticsReport {
  static let familiesMax = 256
  static let samplesMax = 256
  static let labelsMax = 8

  func encode(to fields: inout FieldWriter) {
    fields.put(mountpoint)
    fields.put(version)
    fields.put(uptimeMilliseconds)
    fields.put(families.count)
    for family in families {
      fields.put(family.name)
      fields.put(family.help)
      fields.put(family.kind.rawValue)
      fields.put(family.unit.rawValue)
      fields.put(family.samples.count)
      for sample in family.samples { sample.encode(to: &fields) }
    }
  }

  init(from fields: inout FieldReader) throws(MessageError) {
    self.init()
    mountpoint = try fields.string()
    version = try fields.string()
    uptimeMilliseconds = try fields.integer()
    for _ in 0..<(try fields.count(max: Self.familiesMax)) { families.append(try MetricFamily(from: &fields)) }
    guard Set(families.map(\.name)).count == families.count else { throw .unknownValue }
  }
}

extension MetricFamily {
  fileprivate init(from fields: inout FieldReader) throws(MessageError) {
    let name = try fields.string()
    let help = try fields.string()
    guard let kind = MetricKind(rawValue: try fields.byte()), let unit = MetricUnit(rawValue: try fields.byte()) else {
      throw .unknownValue
    }
    self.init(name: name, help: help, kind: kind, unit: unit, samples: [])
    for _ in 0..<(try fields.count(max: StatisticsReport.samplesMax)) {
      samples.append(try MetricSample(from: &fields, kind))
    }
    guard isValid else { throw .unknownValue }
  }
}

/// The labels, then the number, or the histogram: buckets of two bytes for the index and eight for the count, sum, maximum.
extension MetricSample {
  fileprivate func encode(to fields: inout FieldWriter) {
    fields.put(labels.count)
    for label in labels {
      fields.put(label.name)
      fields.put(label.value)
    }
    switch value {
    case .number(let number): fields.put(number)
    case .histogram(let snapshot):
      fields.put(snapshot.buckets.count)
      for bucket in snapshot.buckets {
        fields.put(UInt16(bucket.index))
        fields.put(bucket.count)
      }
      fields.put(snapshot.sum)
      fields.put(snapshot.max)
    }
  }

  fileprivate init(from fields: inout FieldReader, _ kind: MetricKind) throws(MessageError) {
    var labels: [Label] = []
    for _ in 0..<(try fields.count(max: StatisticsReport.labelsMax)) {
      let name = try fields.string()
      labels.append(Label(name, try fields.string()))
    }
    guard kind == .histogram else {
      self.init(labels: labels, .number(try fields.integer()))
      return
    }
    var snapshot = HistogramSnapshot()
    for _ in 0..<(try fields.count(max: HistogramBuckets.count)) {
      let index = Int(try fields.short())
      snapshot.buckets.append(.init(index: index, count: try fields.integer()))
    }
    snapshot.sum = try fields.integer()
    snapshot.max = try fields.integer()
    self.init(labels: labels, .histogram(snapshot))
  }
}
