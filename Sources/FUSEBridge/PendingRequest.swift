import CFUSE
import FilesystemModel
import Synchronization

/// A request that was handed to the handler. It makes exactly one reply, from any thread; one that is dropped unanswered gets
/// `EIO`.
final class PendingRequest: Sendable {
  /// How the reply gets to the kernel.
  enum Target: Sendable {
    /// Through libfuse: the address of its request, which is freed by the reply.
    case library(UInt)
    /// By our own hand: a request that libfuse does not decode.
    case descriptor
  }

  private enum Stage {
    static let submitting: UInt8 = 0
    /// Unanswered when `submit` returned, hence listed in `FUSESession.parked`.
    static let parked: UInt8 = 1
    static let answered: UInt8 = 2
  }

  let session: FUSESession
  let target: Target
  let form: ReplyForm
  let arrival: Arrival
  private let stage = Atomic(Stage.submitting)

  init(_ session: FUSESession, target: Target, form: ReplyForm, arrival: Arrival) {
    self.session = session
    self.target = target
    self.form = form
    self.arrival = arrival
  }

  /// The kernel's number of the request.
  var unique: UInt64 { arrival.unique }

  deinit {
    if stage.load(ordering: .acquiring) != Stage.answered { answer(.failure(.inputOutput)) }
  }

  /// Hands the operation to the handler, and lists the request for interrupts if it is not answered at once.
  func submit(_ operation: Operation, from caller: Caller) {
    let number = session.handler.submit(operation, from: caller) { self.answer($0) }
    guard stage.load(ordering: .acquiring) == Stage.submitting else { return }
    // Listed before it is marked: whoever answers a marked request removes it.
    let isInterrupted = session.parked.withLock { $0.add(unique, .init(number: number, thread: caller.process)) }
    let (isParked, _) = stage.compareExchange(
      expected: Stage.submitting, desired: Stage.parked, ordering: .acquiringAndReleasing)
    if !isParked { unlist() } else if isInterrupted { session.handler.interrupt(number) }
  }

  /// Replies. A second answer is an error of the handler and has no effect.
  func answer(_ result: Result<Reply, Errno>) {
    let before = stage.exchange(Stage.answered, ordering: .acquiringAndReleasing)
    guard before != Stage.answered else { return assertionFailure("request \(unique) was answered twice") }
    if before == Stage.parked { unlist() }
    // Before the reply: who sees it sees the request counted.
    session.metrics.countReply(to: arrival)
    reply(result)
  }

  private func unlist() { session.parked.withLock { $0.remove(unique) } }
}
