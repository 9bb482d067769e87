import FilesystemModel
import Support
import Testing

@testable import Flushing

#if canImport(Glibc)
  import Glibc
#endif

/// How many walks, from the environment variable EBBFS_WALKS.
private let walkCount: UInt64 = {
  guard let text = unsafe getenv("EBBFS_WALKS"), let count = UInt64(unsafe String(cString: text)) else { return 1_500 }
  return count
}()

@Suite struct GraphWalkTests {
  @Test func randomWalksEndWithTheBackingDirectoryEqualToTheLogicalTree() {
    report(GraphWalk())
  }

  private func report(_ walk: GraphWalk) {
    for index in 0..<walkCount {
      if let failure = walk.run(seed: Seed.fromEnvironment &+ index) {
        Issue.record("\(failure)\nEBBFS_SEED=\(Seed.fromEnvironment &+ index)")
        return
      }
    }
  }
}
