/// The numbers of which a daemon keeps a history. Of counters it is what they grew by since the sample before.
package enum HistorySeries: Int, CaseIterable, Sendable {
  case dirtyKibibytes, pendingOperations, oldestAgeMilliseconds
  case writes, writtenKibibytes, readKibibytes, writebackOperations, writebackKibibytes
  /// What 99 of 100 of the time took no longer than, in microseconds; 0 when there was none.
  case writeMicroseconds, readMicroseconds, backingCallMicroseconds, journalSyncMicroseconds
}

/// How things stood at one moment.
package struct HistorySample: Hashable, Sendable {
  /// Since the mount.
  package var uptimeSeconds: UInt32
  /// In the order of `HistorySeries`.
  private var numbers: [UInt32]

  package init(uptimeSeconds: UInt32) {
    self.uptimeSeconds = uptimeSeconds
    numbers = [UInt32](repeating: 0, count: HistorySeries.allCases.count)
  }

  package subscript(series: HistorySeries) -> UInt32 {
    get { numbers[series.rawValue] }
    set { numbers[series.rawValue] = newValue }
  }
}

/// The samples of the last day: at most 440 KiB, and not more than there are.
package struct History: Sendable {
  package static let intervalSeconds = 10
  package static let samplesMax = 8640
  private static let width = HistorySeries.allCases.count + 1

  /// Sample after sample; when it is full the next one takes the place of the oldest.
  private var numbers: [UInt32] = []
  private var next = 0

  package init() {}

  package mutating func append(_ sample: HistorySample) {
    if numbers.isEmpty { numbers.reserveCapacity(Self.samplesMax * Self.width) }
    let row = [sample.uptimeSeconds] + HistorySeries.allCases.map { sample[$0] }
    if numbers.count < Self.samplesMax * Self.width {
      numbers += row
    } else {
      numbers.replaceSubrange(next * Self.width..<(next + 1) * Self.width, with: row)
    }
    next = (next + 1) % Self.samplesMax
  }

  /// Oldest first.
  package var samples: [HistorySample] {
    let count = numbers.count / Self.width
    let oldest = count < Self.samplesMax ? 0 : next
    return (0..<count).map { index in
      let start = (oldest + index) % count * Self.width
      var sample = HistorySample(uptimeSeconds: numbers[start])
      for series in HistorySeries.allCases { sample[series] = numbers[start + 1 + series.rawValue] }
      return sample
    }
  }
}

/// What `ebbfs report` draws of one mount.
package struct HistoryReport: Hashable, Sendable {
  package var mountpoint = ""
  /// When it was asked for, in seconds since 1970, and how long the mount had been there.
  package var nowSeconds = 0
  package var uptimeSeconds = 0
  /// Oldest first.
  package var samples: [HistorySample] = []

  package init() {}

  func encode(to fields: inout FieldWriter) {
    fields.put(mountpoint)
    fields.put(nowSeconds)
    fields.put(uptimeSeconds)
    fields.put(samples.count)
    for sample in samples {
      fields.put(sample.uptimeSeconds)
      for series in HistorySeries.allCases { fields.put(sample[series]) }
    }
  }

  init(from fields: inout FieldReader) throws(MessageError) {
    mountpoint = try fields.string()
    nowSeconds = try fields.integer()
    uptimeSeconds = try fields.integer()
    for _ in 0..<(try fields.count(max: History.samplesMax)) {
      var sample = HistorySample(uptimeSeconds: try fields.word())
      for series in HistorySeries.allCases { sample[series] = try fields.word() }
      guard sample.uptimeSeconds >= samples.last?.uptimeSeconds ?? 0 else { throw .unknownValue }
      samples.append(sample)
    }
  }
}
