import FilesystemModel
import Testing

@testable import Flushing

/// The counter-examples of PROTOCOL.md that the graph, the queue and the executor prevent: each workload survives all schedules,
/// failures and crashes that are tried, and fails with its rule switched off.
@Suite struct CounterexampleTests {
  private func survives(_ workload: [String]) {
    var walk = GraphWalk()
    walk.workload = workload
    if let failure = walk.firstFailure(of: 40) { Issue.record("\(failure)") }
  }

  private func fails(_ workload: [String], without rule: WritableKeyPath<ProtocolRules, Bool>, walks: UInt64 = 400) {
    var walk = GraphWalk()
    walk.workload = workload
    walk.rules[keyPath: rule] = false
    #expect(walk.firstFailure(of: walks) != nil, "the rule is not needed for \(workload)")
  }

  @Test(arguments: [["create c", "link c e", "remove c"], ["mkdir c", "create c/z", "remove c/z", "remove c", "mkdir c"]])
  func c5WhatIsInDoubtIsNotCancelled(_ workload: [String]) {
    survives(workload)
    fails(workload, without: \.plansAreRedone)
  }

  @Test(arguments: [
    ["exchange a b", "write a 0"], ["exchange a d/x", "rename a d/y"], ["exchange a d", "create a/y"],
    ["exchange a b", "rename a c", "remove b"],
  ])
  func c7ExchangeIsThreeDurableStages(_ workload: [String]) {
    survives(workload)
    fails(workload, without: \.exchangeHasStages)
  }

  @Test func c12CreationIsCancelledWithTheLastNameOnly() {
    survives(["create c", "link c e", "remove c"])
    fails(["create c", "link c e", "remove c"], without: \.cancelsOnlyLastName)
  }

  @Test(arguments: [["create c", "rename c a", "remove a"], ["create c", "rename c a", "rename b a"]])
  func c13CancelledRenameStillRemovesWhatItReplaced(_ workload: [String]) {
    survives(workload)
    fails(workload, without: \.rewritesKeepReplacement)
  }

  @Test func c14RewriteLeavesOneActionAtMost() {
    survives(["create c", "rename c a", "rename a c", "rename b c"])
    fails(["create c", "rename c a", "rename a c", "rename b c"], without: \.rewritesKeepReplacement)
  }

  @Test(arguments: [["mkdir c", "rename a c/z", "rename c a"], ["rename a c", "rename b a", "rename c b"]])
  func c15FoldMakesNoCycle(_ workload: [String]) {
    survives(workload)
    fails(workload, without: \.foldsOnlyDirectEdges)
  }

  @Test func c16FoldDoesNotReplaceItsOwnParent() {
    let workload = ["mkdir d/y", "remove d/x", "flush", "rename d/y e", "rename e d"]
    survives(workload)
    fails(workload, without: \.foldsOnlyDirectEdges)
  }

  @Test func c17RenameOverAnotherNameOfTheSameFileRemovesTheSource() {
    let workload = ["link a c", "create d/y", "rename d/y c", "rename a c"]
    survives(workload)
    fails(workload, without: \.sameInodeRenameIsRemoval)
  }

  @Test(arguments: [
    ["remove d/x", "remove d"], ["rename d/x c", "remove d"], ["mkdir e", "flush", "remove d/x", "rename e d"],
  ])
  func c18DirectoryIsRemovedAfterWhatIsInIt(_ workload: [String]) {
    survives(workload)
    fails(workload, without: \.removalWaitsForChildren)
  }

  @Test func c19DirectoryRenamesKeepTheirOrder() {
    let workload = ["mkdir d/y", "flush", "rename d/y c", "rename d c/z"]
    survives(workload)
    fails(workload, without: \.directoryRenamesAreOrdered)
  }

  @Test func c20EdgesLeadToAllEarlierItems() {
    let workload = ["rename b c", "exchange a d/x", "rename d/x b", "remove c", "rename a c"]
    survives(workload)
    fails(workload, without: \.edgesToAllEarlier)
  }

  @Test(arguments: [["write a 0", "rename a c"], ["write a 0", "rename b a"]])
  func c21PlansAreDisjointInInodes(_ workload: [String]) {
    survives(workload)
    fails(workload, without: \.plansAreDisjointInInodes)
  }

  @Test(arguments: [["write a 0", "link a c", "remove a"], ["write a 0", "remove a"]])
  func c24ContentsAreDroppedWithTheLastNameOnly(_ workload: [String]) { survives(workload) }

  @Test func c24ContentsOfALinkedFileAreNotDropped() {
    fails(["write a 0", "link a c", "remove a"], without: \.dataDropsWithLastName)
  }

  @Test func c23SmallestSizeIsKept() {
    survives(["resize a 0", "write a 1"])
    fails(["resize a 0", "write a 1"], without: \.keepsSmallestSize)
  }

  /// The other hand-made workloads of mut.py.
  @Test(arguments: [
    ["create c", "write c 1", "rename c a"], ["rename a c", "rename b a", "rename c b"],
    ["rename d e", "mkdir d", "rename e d/y"], ["mkdir c", "rename d c/z", "rename c d"],
    ["remove d/x", "remove d", "create d"], ["rename d/x c", "remove d", "rename a d"],
    ["write a 1", "resize a 0", "write a 1"], ["resize b 0", "write b 1"], ["rename a c", "create a", "remove c"],
    ["rename a b", "create a", "remove b"], ["rename a c", "create a", "write a 0", "rename a c"],
    ["create c", "write c 0", "remove c", "create c"], ["remove b", "create b", "remove b", "create b"],
    ["create c", "write c 0", "rename c a", "create c", "write c 0", "rename c a"], ["link a c", "remove a", "write c 0"],
    ["mkdir c", "rename c e", "create e/z"], ["create c", "rename c e", "mode e 7", "rename e b"],
    ["exchange a d", "create a/y"], ["rename d/x d/y", "rename d/y c", "rename a d/y"],
    ["create d/y", "rename d/y a", "rename b a", "create c", "rename c d/y"], ["mode d 5", "create d/y", "mode d 7"],
  ])
  func handMadeWorkloadsSurvive(_ workload: [String]) { survives(workload) }
}
