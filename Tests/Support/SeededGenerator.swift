#if canImport(Glibc)
  import Glibc
#endif

/// A random generator whose whole future is its seed: splitmix64.
///
/// Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// A generator for a part of the work, so that more draws in one part do not change the others.
  package mutating func split() -> SeededGenerator { SeededGenerator(seed: next()) }
}

/// Where a test's seed comes from.
package enum Seed {
  /// The number in the environment variable EBBFS_SEED, else a random one. Tests print it when they fail.
  package static let fromEnvironment: UInt64 = given ?? UInt64.random(in: 0...UInt64(UInt32.max))

  /// The number in the environment variable.
  package static let given: UInt64? = unsafe getenv("EBBFS_SEED").flatMap { unsafe UInt64(String(cString: $0)) }
}
