import Control
import Testing

/// SplitMix64, so that a seed repeats a run.
private struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}

/// Whatever is decoded must encode to something that decodes to the same.
private func checkDecoding(_ message: [UInt8]) throws -> Bool {
  if let request = try? ControlCodec.decodeRequest(message) {
    #expect(try ControlCodec.decodeRequest(Array(ControlCodec.encode(request).dropFirst(4))) == request)
    return true
  }
  if let reply = try? ControlCodec.decodeReply(message) {
    #expect(try ControlCodec.decodeReply(Array(ControlCodec.encode(reply).dropFirst(4))) == reply)
    return true
  }
  return false
}

@Test func randomBytesNeverTrapTheDecoder() throws {
  var generator = SeededGenerator(state: 20_261_120)
  var accepted = 0
  for _ in 0..<20_000 {
    var message = (0..<Int.random(in: 0...60, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) }
    if message.count >= 2, Bool.random(using: &generator) {
      message[0] = ControlCodec.version
      message[1] = [1, 2, 3, 4, 5, 6, 129, 130, 131, 132, 133].randomElement(using: &generator) ?? 1
    }
    if try checkDecoding(message) { accepted += 1 }
  }
  #expect(accepted > 0, "the generator never made a valid message, so that nothing was tried")
}

@Test(arguments: [ControlReply.status(fullReport()), .statistics(fullStatistics())])
func aFlippedBitNeverTrapsTheDecoder(reply: ControlReply) throws {
  let whole = Array(ControlCodec.encode(reply).dropFirst(4))
  var refused = 0
  for position in whole.indices {
    for bit in 0..<8 {
      var message = whole
      message[position] ^= 1 << UInt8(bit)
      if try !checkDecoding(message) { refused += 1 }
    }
  }
  #expect(refused > 100)
}
