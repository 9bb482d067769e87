import FilesystemModel

/// How long to wait before something that failed is tried again, exponential backoff with jitter, and when it is given up.
package struct RetryPolicy: Hashable, Sendable {
  package var firstMilliseconds: Int
  package var mostMilliseconds: Int
  /// How often a change is tried again before it becomes a dead letter; 0: for ever, whatever the error.
  package var retriesMax: Int

  package init(firstMilliseconds: Int = 100, mostMilliseconds: Int = 30_000, retriesMax: Int = 0) {
    self.firstMilliseconds = firstMilliseconds
    self.mostMilliseconds = mostMilliseconds
    self.retriesMax = retriesMax
  }

  /// The delay before the next attempt, in milliseconds: a random one in the upper half of the exponential bound, so that many
  /// failures do not come back together.
  ///
  /// - Parameter failures: How often it has failed in a row, from 1.
  package func delayMilliseconds(failures: Int, using random: inout some RandomNumberGenerator) -> Int {
    var bound = firstMilliseconds
    for _ in 1..<max(failures, 1) where bound < mostMilliseconds { bound *= 2 }
    bound = min(bound, mostMilliseconds)
    return Int.random(in: (bound + 1) / 2...bound, using: &random)
  }
}

extension Errno {
  /// Whether the same call will fail again while nobody changes rights, names or limits: trying again by itself makes no sense.
  /// All others may pass, those of want of space and of an unreachable server too.
  package var isPermanent: Bool {
    switch self {
    case .notPermitted, .accessDenied, .invalidArgument, .nameTooLong, .fileTooLarge, .notSupported, .tooManyLinks, .crossDevice,
      .tooManySymlinks, .argumentListTooLong, .resultTooLarge, .notImplemented, .overflow:
      true
    default: false
    }
  }
}

/// SplitMix64: a small random number generator with a seed, for jitter. Source: Steele, Lea, Flood, "Fast splittable pseudorandom
/// number generators", OOPSLA 2014.
package struct SeededRandom: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
