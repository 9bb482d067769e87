import FilesystemModel

/// Requests that wait, and what they wait for. No thread waits with them.
struct Parking {
  /// All requests that are not answered yet and may be interrupted.
  private var waiting: [UInt64: Request] = [:]
  private var missing: [UInt64: Set<Load>] = [:]
  private var waitersOfLoad: [Load: [UInt64]] = [:]
  private var waitersOfRoom: [UInt64] = []
  private var waitersOfPlanEnd: [UInt64] = []
  /// Requests that are slowed down, with the uptime in milliseconds until which: ascending.
  private var paced: [(number: UInt64, until: Int)] = []
  /// Loads under way, with the inodes that their paths pass through.
  private var loads: [Load: ActiveLoad] = [:]
  /// The same for requests whose answer is being fetched.
  private var fetches: [UInt64: ActiveLoad] = [:]
  private var delayed: [Load] = []
  /// Requests whose caller got a signal, and the uptime in milliseconds since when.
  private var interrupted: [UInt64: Int] = [:]
  /// How long a request goes on waiting after a signal to its caller. Programs that set timers do not expect stat(2) or
  /// statvfs(3) to fail with EINTR because an answer took a millisecond; a backing directory that hangs is another thing.
  static let interruptPatienceMilliseconds = 1000

  struct ActiveLoad {
    var chain: [InodeNumber]
    /// A plan moved something the load's path passes through: what it finds may be another file's.
    var isTainted = false
    /// Names that left the directory while its listing was under way: found or not, they are gone.
    var goneNames: Set<EntryName> = []
    /// Names that came into the directory meanwhile: found or not, they are there.
    var bornNames: Set<EntryName> = []
  }

  var count: Int { waiting.count }

  /// Parks a request while something is fetched from the backing directory by a path that passes through these inodes.
  mutating func park(_ request: Request, fetchingThrough chain: [InodeNumber]) {
    waiting[request.number] = request
    fetches[request.number] = ActiveLoad(chain: chain)
  }

  /// Whether a plan has begun to move something that the path of a request's fetch passes through.
  func isFetchTainted(_ number: UInt64) -> Bool { fetches[number]?.isTainted ?? false }

  /// Parks a request until all loads have ended; answers those that are not under way yet.
  mutating func park(_ request: Request, for loads: [Load]) -> [Load] {
    waiting[request.number] = request
    missing[request.number] = Set(loads)
    var new: [Load] = []
    for load in loads {
      if waitersOfLoad[load] == nil { new.append(load) }
      waitersOfLoad[load, default: []].append(request.number)
    }
    return new
  }

  mutating func parkForRoom(_ request: Request) {
    waiting[request.number] = request
    waitersOfRoom.append(request.number)
  }

  /// Slows a request down. Those that come later do not wait for less long.
  mutating func park(_ request: Request, untilMilliseconds until: Int) {
    waiting[request.number] = request
    paced.append((request.number, max(until, paced.last?.until ?? until)))
  }

  var hasPaced: Bool { !paced.isEmpty }

  mutating func takePaced(nowMilliseconds now: Int) -> [Request] {
    let due = paced.prefix { $0.until <= now }
    paced.removeFirst(due.count)
    return due.compactMap { take($0.number) }
  }

  mutating func parkForPlanEnd(_ request: Request) {
    waiting[request.number] = request
    waitersOfPlanEnd.append(request.number)
  }

  /// Parks a request until its change is in the backing directory; others keep track of that.
  mutating func parkForBacking(_ request: Request) { waiting[request.number] = request }

  /// Takes a request out; `nil` when it was interrupted or answered before.
  mutating func take(_ number: UInt64) -> Request? {
    missing[number] = nil
    fetches[number] = nil
    return waiting.removeValue(forKey: number)
  }

  /// Notes a signal to a request's caller. It may be attempted anew at this moment, or be answered already.
  mutating func interrupt(_ number: UInt64, nowMilliseconds now: Int) {
    if interrupted[number] == nil { interrupted[number] = now }
  }

  /// Takes out what was interrupted and still waits after the time for that, in the order of submission.
  mutating func takeInterrupted(nowMilliseconds now: Int) -> [Request] {
    guard !interrupted.isEmpty else { return [] }
    let due = interrupted.filter { now - $0.value >= Self.interruptPatienceMilliseconds }
    return due.keys.sorted().compactMap { number in
      let request = take(number)
      // One that is being attempted anew gets the same time again before it counts as answered.
      if request != nil || now - due[number, default: now] >= 2 * Self.interruptPatienceMilliseconds { interrupted[number] = nil }
      return request
    }
  }

  /// Whether anybody still wants a load's result.
  func wants(_ load: Load) -> Bool { waitersOfLoad[load]?.contains { waiting[$0] != nil } ?? false }

  /// Ends a load; answers the requests that have all they waited for.
  mutating func end(_ load: Load, failure: Errno?) -> [Request] {
    loads[load] = nil
    var ready: [Request] = []
    for number in waitersOfLoad.removeValue(forKey: load) ?? [] {
      guard waiting[number] != nil else { continue }
      waiting[number]?.failedLoads[load] = failure
      missing[number]?.remove(load)
      if missing[number]?.isEmpty == true, let request = take(number) { ready.append(request) }
    }
    return ready
  }

  mutating func takeWaitersOfRoom() -> [Request] {
    defer { waitersOfRoom = [] }
    return waitersOfRoom.compactMap { take($0) }
  }

  mutating func takeWaitersOfPlanEnd() -> [Request] {
    defer { waitersOfPlanEnd = [] }
    return waitersOfPlanEnd.compactMap { take($0) }
  }

  /// Puts a load off until a plan has ended.
  mutating func delay(_ load: Load) { delayed.append(load) }

  mutating func takeDelayedLoads() -> [Load] {
    defer { delayed = [] }
    return delayed
  }

  mutating func begin(_ load: Load, chain: [InodeNumber]) { loads[load] = ActiveLoad(chain: chain) }

  func isTainted(_ load: Load) -> Bool { loads[load]?.isTainted ?? false }

  /// A name was removed from the backing directory: a listing under way must not bring it back.
  mutating func noteGone(_ location: Location) { loads[.listing(location.parent)]?.goneNames.insert(location.name) }

  /// A name has come into being in the directory: a listing under way may have missed it.
  mutating func taintListing(of directory: InodeNumber) { loads[.listing(directory)]?.isTainted = true }

  /// A name was made in the backing directory: a listing under way must not say that it is absent.
  mutating func noteBorn(_ location: Location) { loads[.listing(location.parent)]?.bornNames.insert(location.name) }

  /// Names that left or came into a directory while its listing was under way.
  func changedNames(of load: Load) -> (gone: Set<EntryName>, born: Set<EntryName>) {
    (loads[load]?.goneNames ?? [], loads[load]?.bornNames ?? [])
  }

  /// A plan begins to move or remove these inodes: paths to or through them are in doubt.
  mutating func taintLoads(touching inodes: Set<InodeNumber>) {
    for (load, active) in loads {
      if active.chain.contains(where: inodes.contains) { loads[load]?.isTainted = true }
    }
    for (number, active) in fetches where active.chain.contains(where: inodes.contains) { fetches[number]?.isTainted = true }
  }

  var loadedInodes: [InodeNumber] { loads.keys.map(\.inode) }

  /// A plan has changed these inodes or entries of theirs: attributes read before may be old.
  mutating func taintDetails(of inodes: Set<InodeNumber>) {
    for load in loads.keys where inodes.contains(load.inode) {
      switch load {
      case .details, .prefetch: loads[load]?.isTainted = true
      case .listing: break
      }
    }
  }

  var isShortOfRoom: Bool { !waitersOfRoom.isEmpty }
}
