import Control
import FilesystemModel
import Glibc

// SAFETY: a local structure that the call fills.

/// `ebbfs stats --prometheus --listen`: statistics for as long as the command runs, in a file or on a socket.
struct StatisticsExposition {
  private static let everyMilliseconds = 15_000
  private static let patienceSeconds = 2

  let place: ExpositionPlace
  /// The page as it is now.
  let page: () throws(CommandFailure) -> String

  /// Returns after SIGTERM, SIGINT or SIGHUP, and removes the file or socket then.
  func run() throws(CommandFailure) {
    Signals.prepare()
    // Whatever is wrong with the mount is told before anything is made.
    _ = try page()
    do throws(Errno) {
      switch place {
      case .file(let path): try writeAgainAndAgain(path)
      case .socket(let path): try serve(path)
      }
    } catch {
      throw CommandFailure(.failed, "\(place.path): \(error.message)")
    }
    Files.remove(place.path)
  }

  private func writeAgainAndAgain(_ path: String) throws(Errno) {
    while !Signals.isPending {
      // A daemon that is away for a moment leaves the last page.
      if let page = try? page() { try Files.replaceText(path, with: page, permissions: 0o644) }
      let next = Monotonic.milliseconds() + Self.everyMilliseconds
      while !Signals.isPending, Monotonic.milliseconds() < next { Monotonic.sleep(milliseconds: 100) }
    }
  }

  private func serve(_ path: String) throws(Errno) {
    if let facts = try? Files.facts(path, followingLinks: false) {
      // Only what a former one left is taken away.
      guard facts.mode & S_IFMT == S_IFSOCK else { throw .exists }
      let isAlive = (try? LocalSockets.connect(directory: PathText.parent(path), name: PathText.name(path)).release()) != nil
      guard !isAlive else { throw Errno(rawValue: EADDRINUSE) }
    }
    let listener = try LocalSockets.listen(directory: PathText.parent(path), name: PathText.name(path))
    while !Signals.isPending {
      var state = pollfd(fd: listener.number, events: Int16(POLLIN), revents: 0)
      guard unsafe poll(&state, 1, 200) > 0, let connection = try? LocalSockets.accept(listener.number) else { continue }
      answer(connection)
    }
  }

  /// Whatever is asked, the answer is the page; one that asks nothing gets it, too.
  private func answer(_ connection: consuming Descriptor) {
    LocalSockets.setTimeout(connection, seconds: Self.patienceSeconds)
    _ = try? connection.read(4096)
    let (status, body) = (try? page()).map { ("200 OK", $0) } ?? ("503 Service Unavailable", "")
    let head =
      "HTTP/1.0 \(status)\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
      + "Content-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n"
    // Whoever has left is not told.
    try? LocalSockets.send(Array((head + body).utf8), to: connection)
  }
}
