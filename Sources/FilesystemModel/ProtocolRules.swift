/// The rules of PROTOCOL.md that a test can switch off to see its counter-example appear. In production all are on.
package struct ProtocolRules: Hashable, Sendable {
  /// R1: no backing call before the INTENT record, and all before it, are durable.
  package var intentIsDurableFirst = true
  /// R2, R3: a plan in doubt counts as carried out and is redone; off: its records are carried out again as if they had just
  /// come.
  package var plansAreRedone = true
  /// R3: what a plan carries out is not cancelled or folded.
  package var plannedItemsStay = true
  /// R4: all namespace records are replayed; off: only uncompleted ones.
  package var replaysCompletedRecords = true
  /// R4: which inodes have no name is decided after the whole replay; off: after each record.
  package var orphansAreDecidedLast = true
  /// R6: low-water stays below what is not written back; off: it is where the table was captured.
  package var lowWaterCoversCapture = true
  /// R8: plans are disjoint in inodes and in the directories on their ways, not only in names.
  package var plansAreDisjointInInodes = true
  /// R9: a rename over a name waits for the data of the file that takes it.
  package var replacingWaitsForData = true
  /// R10: an exchange is three renames, each durable before the next.
  package var exchangeHasStages = true
  /// R11: created and removed cancel only with the last name.
  package var cancelsOnlyLastName = true
  /// R12: a cancelled rename-over keeps the removal of what it replaced, in exactly one action.
  package var rewritesKeepReplacement = true
  /// R13: a fold needs the direct edge to be the only path.
  package var foldsOnlyDirectEdges = true
  /// R14: a rename over another name of the same inode is the removal of its source.
  package var sameInodeRenameIsRemoval = true
  /// R15: edges to all earlier items that share a name or an inode; off: to the latest only.
  package var edgesToAllEarlier = true
  /// R15: a directory's removal waits for everything inside.
  package var removalWaitsForChildren = true
  /// R15: directory renames keep their order.
  package var directoryRenamesAreOrdered = true
  /// R16: pending data is dropped only with the last name.
  package var dataDropsWithLastName = true
  /// R17: contents are complete up to a record, superseded ones included; off: the last record alone is complete.
  package var contentsCompleteAsPrefix = true
  /// R18: the smallest size reached is kept through coalescing.
  package var keepsSmallestSize = true
  /// R19: a bad record before valid ones is torn unless they knew it to be durable; off: it always is corrupt.
  package var durableStampsTellTornFromCorrupt = true
  /// R11-R14 at all: created-and-removed, folds.
  package var rewrites = true
  /// R24: what a removal does not find, or the directory that it was in, somebody else has removed too; off: it is a mistake, as
  /// in simulations where there is nobody else.
  package var absentNamesAreRemoved = true

  // Canaries: switched off they are mistakes that code could make, and that the simulation must catch.

  /// P1: nothing is answered before its record is written; off: as soon as it is in the buffer.
  package var answersWaitForRecords = true
  /// P2: a commit syncs the journal; off: one in eight does not.
  package var everyCommitSynchronizes = true
  /// R3: names of open plans are taken; off: by the pending graph only, which does not know plans of earlier mounts.
  package var namesInDoubtAreTaken = true
  /// R5: what a plan has done is synced before its DONE; off: one plan in eight is not.
  package var everyPlanSynchronizes = true
  /// P5: a file is as it was left before it is overwritten, removed or replaced; off: nobody looks.
  package var versionsAreCompared = true
  /// R5: an outcome tells of all that is completed; off: one in eight leaves a record out. None of a creation: one that is
  /// pending although its inode is in the backing directory ends the process.
  package var everyOutcomeIsComplete = true
  /// R19: what an earlier use left in a recycled segment is not read; off: one record of it may be.
  package var staleRecordsAreRefused = true

  /// What goes around journal and cache comes after what is pending of the file; off: at once.
  package var writesAroundComeLast = true

  package init() {}
}
