import FilesystemModel
import Support
import Testing

@testable import Flushing

@Suite struct RuleOffProbe {
  @Test func probe() {
    let flags: [(String, WritableKeyPath<ProtocolRules, Bool>)] = [
      ("cancelsOnlyLastName", \.cancelsOnlyLastName), ("rewritesKeepReplacement", \.rewritesKeepReplacement),
      ("foldsOnlyDirectEdges", \.foldsOnlyDirectEdges), ("edgesToAllEarlier", \.edgesToAllEarlier),
      ("removalWaitsForChildren", \.removalWaitsForChildren), ("directoryRenamesAreOrdered", \.directoryRenamesAreOrdered),
      ("plansAreDisjointInInodes", \.plansAreDisjointInInodes), ("exchangeHasStages", \.exchangeHasStages),
      ("dataDropsWithLastName", \.dataDropsWithLastName), ("keepsSmallestSize", \.keepsSmallestSize),
      ("sameInodeRenameIsRemoval", \.sameInodeRenameIsRemoval),
      ("replacingWaitsForData", \.replacingWaitsForData),
    ]
    for (name, path) in flags {
      var walk = GraphWalk()
      walk.rules[keyPath: path] = false
      var found = "none"
      for seed in UInt64(0)..<30000 {
        if let failure = walk.run(seed: seed) {
          found = "\(seed): " + failure.split(separator: "\n")[0].prefix(200)
          break
        }
      }
      print("PROBE", name, found)
    }
  }
}
