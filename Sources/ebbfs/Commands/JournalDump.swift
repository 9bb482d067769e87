import Control
import FilesystemModel
import Glibc
import WriteAheadLog

/// `ebbfs journal dump`: the records of a journal, one line each.
///
/// Following, a record is told once it is durable, so that what was told never comes back otherwise: what later records say is
/// durable, or what the daemon says when asked. It goes on over the daemon's end and the next mount.
final class JournalDump {
  private let inspection: JournalInspection
  private let options: JournalDumpOptions
  private var stream: JournalStream
  private var names = NameBook()
  private var lines = ""
  private var gap: JournalGap?
  private static let linesBytesMax = 1 << 16
  private static let pollMilliseconds = 100

  init(_ inspection: JournalInspection, _ options: JournalDumpOptions) {
    self.inspection = inspection
    self.options = options
    stream = JournalStream(inspection.storage)
  }

  /// Prints; with `isFollowing` until a signal comes.
  func run() throws(CommandFailure) {
    do throws(JournalError) {
      if let from = options.from.map({ LSN($0) }), let oldest = try stream.oldest(), from < oldest {
        throw .retired(from, oldest: oldest)
      }
      try readOn()
    } catch {
      try? print()
      throw inspection.failure(error)
    }
    if let gap {
      throw CommandFailure(.journal, "\(inspection.directory): records \(Self.text(gap))")
    }
  }

  private func readOn() throws(JournalError) {
    var failure: CommandFailure?
    while failure == nil {
      let before = stream.position
      try stream.read(options.isFollowing ? .durable : .written) { event in
        tell(event)
        do throws(CommandFailure) {
          if lines.utf8.count >= Self.linesBytesMax { try print() }
        } catch {
          failure = error
        }
      }
      do throws(CommandFailure) { try print() } catch { failure = error }
      guard options.isFollowing else { return }
      if stream.isWaitingForProof, stream.position == before, let durable = inspection.askDurable() {
        stream.learn(durable: durable)
      } else {
        Monotonic.sleep(milliseconds: Self.pollMilliseconds)
      }
    }
  }

  private func tell(_ event: JournalEvent) {
    switch event {
    case .segment(let header, let isRetained):
      if !options.asJSON, options.from == nil { lines += header.summary(isRetained: isRetained) + "\n" }
    case .record(let record):
      names.take(record.logged.record)
      guard options.from.map({ record.logged.lsn.rawValue >= $0 }) ?? true else { return }
      lines += (options.asJSON ? RecordJSON(names).line(record) : text(record)) + "\n"
    case .gap(let found):
      if let from = options.from, found.next.rawValue <= from { return }
      gap = gap ?? found
      lines += (options.asJSON ? RecordJSON.line(found) : "records \(Self.text(found))") + "\n"
    }
  }

  private static func text(_ gap: JournalGap) -> String {
    "\(gap.first.rawValue) to \(gap.next.previous.rawValue) are damaged or missing, segment \(gap.segment), offset \(gap.offset)"
  }

  private func text(_ record: StreamedRecord) -> String {
    let path = names.path(of: record.logged.record).map { " path \(EscapedText.printable($0.pathBytes))" } ?? ""
    return "\(record.logged.lsn.rawValue) epoch \(record.logged.epoch) at \(record.segment):\(record.offset) "
      + "\(record.length) bytes \(record.logged.record.summary)\(path)"
  }

  /// What is gathered goes out at once, whoever reads it.
  private func print() throws(CommandFailure) {
    defer { lines = "" }
    do throws(Errno) {
      try StandardDescriptors.print(lines)
    } catch {
      throw CommandFailure(.failed, "writing to standard output: \(error.message)")
    }
  }
}
