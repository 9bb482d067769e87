import FilesystemModel
import StorageInterface

/// Carries out the actions of one plan on the backing directory and makes them durable there (R2, R18, R20, R24).
///
/// Every action is applied once strictly; after a failure or a crash it is applied again as a redo, which tolerates what an
/// earlier attempt has done. Each attempt has an executor of its own, made before its first call. The actions of a plan may be
/// applied from several threads at once, except that a creation inside a directory that the same plan creates comes after that.
/// When all are applied, `synchronize` makes them durable together.
package struct PlanExecutor: Sendable {
  let storage: any BackingStorage
  /// One syncfs(2) for the plan instead of an fsync(2) for each file and directory.
  package let synchronizesFilesystem: Bool
  let chunkBytes: Int
  let rules: ProtocolRules
  /// Opened before the plan's first call, so that it hears of every failure to write out what the plan has written.
  let filesystemSynchronization: Result<any FilesystemSynchronization, Errno>?

  /// Above this many actions one syncfs is cheaper than an fsync for each.
  package static let separateSynchronizationsMax = 4

  /// - Parameters:
  ///   - actions: All actions of the plan.
  ///   - chunkBytes: The most bytes that one call reads and writes.
  package init(
    storage: any BackingStorage, actions: [PhysicalAction], chunkBytes: Int = 1 << 20, rules: ProtocolRules = ProtocolRules()
  ) {
    self.storage = storage
    self.rules = rules
    self.chunkBytes = chunkBytes
    let hasSpecialFiles = actions.contains { action in
      (action.kind == .create || action.kind == .writeContents) && !Self.hasSynchronization(action.fileKind)
    }
    synchronizesFilesystem =
      storage.abilities.hasFilesystemSync && (hasSpecialFiles || actions.count > Self.separateSynchronizationsMax)
    filesystemSynchronization =
      synchronizesFilesystem ? Result { () throws(Errno) in try storage.openFilesystemSynchronization() } : nil
  }

  /// Whether fsync(2) is possible: not of symbolic links, which cannot be opened, nor of fifos, sockets and device files. Their
  /// attributes are durable with a syncfs; where there is none, the fsync of the directory is all that can be done.
  static func hasSynchronization(_ kind: FileKind) -> Bool { kind == .regular || kind == .directory }

  /// Carries out one action. Durable only after `synchronize`. May hang as long as the backing directory does.
  ///
  /// - Parameters:
  ///   - isRedo: Whether the action was attempted before, in this mount or an earlier one.
  ///   - observe: Is told the state of a file that the attempt has written to; `nil` when it cannot be told.
  package func apply(
    _ action: ExecutableAction, isRedo: Bool, observe: (BackingStatus?) -> Void = { _ in }
  ) -> ActionOutcome {
    do throws(Failure) {
      switch action.action.kind {
      case .create: try create(action, isRedo, observe)
      case .link: try link(action, isRedo)
      case .removeFile, .removeDirectory: try remove(action, isRedo)
      case .rename: try rename(action, isRedo)
      case .writeContents: try writeContents(action, isRedo, observe)
      }
      return .done
    } catch {
      switch error {
      case .again(let errno): return .retry(errno)
      case .refused(let errno, let reason): return .aborted(errno, reason)
      }
    }
  }
}

extension PlanExecutor {
  /// What an error of an action's first call with an effect means. In the first attempt a plain refusal has had no effect, and
  /// the action is given back, so that it does not hold up the others of its plan. Other errors may come after the effect.
  func failure(_ error: Errno, _ isRedo: Bool) -> Failure {
    Self.isRefusal(error) && !isRedo ? .refused(error, .refused) : .again(error)
  }

  /// Whether an error says that the call was understood and will not be carried out.
  static func isRefusal(_ error: Errno) -> Bool {
    switch error {
    case .notPermitted, .accessDenied, .readOnlyFilesystem, .nameTooLong, .tooManyLinks, .noSpace, .quotaExceeded,
      .notSupported, .crossDevice, .tooManySymlinks, .fileTooLarge, .argumentListTooLong, .resultTooLarge, .invalidArgument:
      true
    default: false
    }
  }
}

/// How an attempt ended early.
enum Failure: Error {
  case again(Errno)
  case refused(Errno, AbortReason)
}
