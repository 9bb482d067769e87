extension StatusReport {
  func encode(to fields: inout FieldWriter) {
    fields.put(version)
    fields.put(mountpoint)
    fields.put(backing)
    fields.put(stateDirectory)
    fields.put(processID)
    fields.put(confinement)
    fields.put(transport)
    fields.put(phase.rawValue)
    fields.put(uptimeMilliseconds)
    fields.put(mode)
    fields.put(durability)
    fields.put(rules) { $0.put($1) }
    fields.put(dirtyBytes)
    fields.put(dirtyInodes)
    fields.put(pendingOperations)
    fields.put(oldestAgeMilliseconds) { $0.put($1) }
    fields.put(deadLetters)
    fields.put(openPlans)
    fields.put(journalUsedBytes)
    fields.put(journalCapacityBytes)
    fields.put(retainedSegments)
    fields.put(retainedBytes)
    fields.put(lastLSN)
    fields.put(durableLSN)
    fields.put(lowWaterLSN)
    fields.put(journalFailure) { $0.put($1) }
    fields.put(lastFailure) { fields, failure in
      fields.put(failure.message)
      fields.put(failure.ageMilliseconds)
    }
    fields.put(backingFailure) { $0.put($1) }
    fields.put(longestCallMilliseconds)
    fields.put(failingOperations)
    health.encode(to: &fields)
    fields.put(lossCount)
    fields.put(losses.count)
    for loss in losses { loss.encode(to: &fields) }
    fields.put(damagedSegments.count)
    for segment in damagedSegments { fields.put(segment) }
    fields.put(conflictCount)
    fields.put(conflicts.count)
    for conflict in conflicts { conflict.encode(to: &fields) }
    encodeConfiguration(to: &fields)
  }

  init(from fields: inout FieldReader) throws(MessageError) {
    self.init()
    version = try fields.string()
    mountpoint = try fields.string()
    backing = try fields.string()
    stateDirectory = try fields.string()
    processID = try fields.integer()
    confinement = try fields.string()
    transport = try fields.string()
    guard let phase = Phase(rawValue: try fields.byte()) else { throw .unknownValue }
    self.phase = phase
    uptimeMilliseconds = try fields.integer()
    mode = try fields.string()
    durability = try fields.string()
    rules = try fields.optional { fields throws(MessageError) in try fields.string() }
    dirtyBytes = try fields.integer()
    dirtyInodes = try fields.integer()
    pendingOperations = try fields.integer()
    oldestAgeMilliseconds = try fields.optional { fields throws(MessageError) in try fields.integer() }
    deadLetters = try fields.integer()
    openPlans = try fields.integer()
    journalUsedBytes = try fields.integer()
    journalCapacityBytes = try fields.integer()
    retainedSegments = try fields.integer()
    retainedBytes = try fields.integer()
    lastLSN = try fields.unsigned()
    durableLSN = try fields.unsigned()
    lowWaterLSN = try fields.unsigned()
    journalFailure = try fields.optional { fields throws(MessageError) in try fields.string() }
    lastFailure = try fields.optional { fields throws(MessageError) in
      let message = try fields.string()
      return WriteBackFailure(message: message, ageMilliseconds: try fields.integer())
    }
    backingFailure = try fields.optional { fields throws(MessageError) in try fields.string() }
    longestCallMilliseconds = try fields.integer()
    failingOperations = try fields.integer()
    health = try Health(from: &fields)
    lossCount = try fields.integer()
    for _ in 0..<(try fields.count(max: LossReport.countMax)) { losses.append(try LossReport(from: &fields)) }
    for _ in 0..<(try fields.count(max: Self.damagedSegmentsMax)) { damagedSegments.append(try fields.unsigned()) }
    conflictCount = try fields.integer()
    for _ in 0..<(try fields.count(max: Self.conflictsMax)) { conflicts.append(try Conflict(from: &fields)) }
    configuration = try Self.configuration(from: &fields)
  }
}

extension StatusReport.Conflict {
  func encode(to fields: inout FieldWriter) {
    fields.put(path)
    fields.put(kind)
    fields.put(seconds)
    fields.put(resolution)
    fields.put(keptAs) { $0.put($1) }
  }

  init(from fields: inout FieldReader) throws(MessageError) {
    path = try fields.string()
    kind = try fields.string()
    seconds = try fields.integer()
    resolution = try fields.string()
    keptAs = try fields.optional { fields throws(MessageError) in try fields.string() }
  }
}
