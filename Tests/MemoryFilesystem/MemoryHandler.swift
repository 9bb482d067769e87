import Engine
import FilesystemModel
import Glibc
import Threading

/// Answers requests from memory, in the ways a real handler may: at once or from another thread. A lookup of a name that begins
/// with `parked` waits until it is interrupted; of one that begins with `parked slowly` the submission itself takes a while.
package final class MemoryHandler: OperationHandler {
  package enum Delivery: Sendable {
    case atOnce
    /// By another thread, in time after `submit` has returned.
    case later
  }

  private typealias Answer = @Sendable (Result<Reply, Errno>) -> Void

  private struct State {
    var tree: MemoryTree
    var waiting: [UInt64: Answer] = [:]
    var queue: [(Answer, Result<Reply, Errno>)] = []
    var isServing = false
    var lastRequest: UInt64 = 0
    var observed = Observed()
  }

  /// What tests want to know of the requests.
  package struct Observed: Sendable {
    package var counts: [String: Int] = [:]
    package var lastGroups: [UInt32] = []
    package var uniques: Set<UInt64> = []
    package var interrupts = 0
    package var waitingMax = 0
    package var lastMake: MakeRequest?
  }

  private let state: Lock<State>
  private let delivery: Delivery

  package init(owner: UInt32 = 0, group: UInt32 = 0, delivery: Delivery = .atOnce) {
    self.delivery = delivery
    state = Lock(State(tree: MemoryTree(owner: owner, group: group)))
  }

  package var observed: Observed { state.withLock { $0.observed } }
  package var waitingCount: Int { state.withLock { $0.waiting.count } }
  /// Inodes that the kernel still refers to, the root apart.
  package var rememberedCount: Int { state.withLock { $0.tree.nodes.values.count { $0.lookups > 0 } } }

  package func submit(
    _ operation: Operation, from caller: Caller, answer: @escaping @Sendable (Result<Reply, Errno>) -> Void
  ) -> UInt64 {
    let (number, result) = state.withLock { state -> (UInt64, Result<Reply, Errno>?) in
      state.lastRequest += 1
      state.observed.counts[String("\(operation)".prefix { $0 != "(" }), default: 0] += 1
      if case .setAttributes = operation { state.observed.lastGroups = caller.groups }
      if case .make(_, _, let new) = operation { state.observed.lastMake = new }
      state.observed.uniques.insert(caller.request)
      if case .lookup(_, let name) = operation, name.bytes.starts(with: "parked".utf8) {
        state.waiting[state.lastRequest] = answer
        state.observed.waitingMax = max(state.observed.waitingMax, state.waiting.count)
        return (state.lastRequest, nil)
      }
      do throws(Errno) {
        return (state.lastRequest, .success(try state.tree.perform(operation, by: caller)))
      } catch {
        return (state.lastRequest, .failure(error))
      }
    }
    if let result { deliver(result, answer) }
    if result == nil, case .lookup(_, let name) = operation, name.bytes.starts(with: "parked slowly".utf8) { usleep(30_000) }
    return number
  }

  package func interrupt(_ request: UInt64) {
    let answer = state.withLock { state -> Answer? in
      state.observed.interrupts += 1
      return state.waiting.removeValue(forKey: request)
    }
    answer?(.failure(.interrupted))
  }

  package func forget(_ inode: InodeNumber, count: UInt64) { state.withLock { $0.tree.forget(inode, count: count) } }

  /// Drops what waits, without an answer.
  package func dropWaiting() { state.withLock { $0.waiting.removeAll() } }

  private func deliver(_ result: Result<Reply, Errno>, _ answer: @escaping Answer) {
    guard delivery == .later else { return answer(result) }
    let starts = state.withLock { state -> Bool in
      state.queue.append((answer, result))
      defer { state.isServing = true }
      return !state.isServing
    }
    if starts { startThread { [self] in deliverQueued() } }
    state.wake()
  }

  private func deliverQueued() {
    while true {
      let batch = state.wait { state -> [(Answer, Result<Reply, Errno>)]? in
        guard !state.queue.isEmpty else { return nil }
        defer { state.queue = [] }
        return state.queue
      }
      for (answer, result) in batch ?? [] { answer(result) }
    }
  }
}

/// Runs `body` on a thread of its own.
package func startThread(_ body: @escaping @Sendable () -> Void) {
  final class Box: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  var thread = pthread_t()
  // SAFETY: the thread takes over the reference.
  let result = unsafe pthread_create(
    &thread, nil,
    { box in
      if let box = unsafe box { unsafe Unmanaged<Box>.fromOpaque(box).takeRetainedValue().body() }
      return nil
    }, Unmanaged.passRetained(Box(body)).toOpaque())
  precondition(result == 0, "a thread could not be started")
  pthread_detach(thread)
}
