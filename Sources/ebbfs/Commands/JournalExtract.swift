import FilesystemModel
import Glibc
import PosixStorage
import StorageInterface
import WriteAheadLog

/// `ebbfs journal extract`: the contents that a file had right after a record.
///
/// Bytes come from the records that are kept. Those that no kept record has written are taken from the file in the backing
/// directory, unless a later record has changed them: right as long as nobody else has.
struct JournalExtract {
  private let inspection: JournalInspection
  private let options: JournalExtractOptions
  private let backing: String?
  private static let chunkBytes = 1 << 20

  init(_ inspection: JournalInspection, _ options: JournalExtractOptions, backing: String?) {
    self.inspection = inspection
    self.options = options
    self.backing = backing
  }

  func run() throws(CommandFailure) {
    let history = try find()
    let base = openBase(history)
    let contents = try ExtractedContents(history, base)
    if !contents.missing.isEmpty || !history.gaps.isEmpty {
      let line = describe(contents, history, base)
      guard options.isPartial else { throw CommandFailure(.notRetained, line) }
      Messages.write("ebbfs: \(line)\n")
    }
    if let base = try? base.get(), contents.takesFromBacking {
      Messages.write(
        "ebbfs: \(options.path): what no record has is taken from \(base.path), as it is now"
          + (base.isCertain ? "\n" : "; whether that is the same file cannot be told there\n"))
    }
    try write(contents, base)
  }

  private func find() throws(CommandFailure) -> FileHistory {
    let path = try names()
    do throws(FileHistoryError) {
      return try FileHistory(of: path, after: LSN(options.lsn), in: inspection.storage)
    } catch {
      switch error {
      case .journal(let error): throw inspection.failure(error)
      case .unknownPath: throw CommandFailure(.notRetained, "no kept record up to LSN \(options.lsn) tells of \(options.path)")
      case .notRegular(let kind):
        throw CommandFailure(.failed, "\(options.path) was no regular file at LSN \(options.lsn), but a \(kind)")
      case .notYet(let last):
        throw CommandFailure(.notRetained, "there is no record \(options.lsn) yet: the last is \(last.rawValue)")
      }
    }
  }

  private func names() throws(CommandFailure) -> [EntryName] {
    guard let bytes = EscapedText.decode(options.path) else {
      throw CommandFailure(.usage, "path \(options.path): behind a backslash comes another one, or x and two hexadecimal digits")
    }
    var names: [EntryName] = []
    for part in bytes.split(separator: UInt8(ascii: "/")) {
      do throws(Errno) {
        names.append(try EntryName(validating: Array(part)))
      } catch {
        throw CommandFailure(.usage, "path \(options.path) has a name that no file can have")
      }
    }
    return names
  }

  // MARK: The backing directory

  /// The file in the backing directory, or why it is not to be had.
  private func openBase(_ history: FileHistory) -> Result<BaseFile, BaseFailure> {
    guard let backing else { return .failure(.init(reason: "only the state directory was given, not the backing directory")) }
    guard let path = history.backingPath, let binding = history.backing else {
      return .failure(.init(reason: "the file is not in the backing directory"))
    }
    do {
      let storage = try PosixBackingStorage(unprobed: backing)
      guard JournalConfiguration.recorded(storage.place) == history.backingDescription else {
        return .failure(.init(reason: "\(backing) is not the backing directory of this journal"))
      }
      let file = try storage.open(BackingPath(path), writable: false)
      let status = try file.status()
      let isCertain = storage.abilities.hasStableInodes && binding.identity != nil
      guard !isCertain || binding.identity?.inode == status.identity.inode else {
        return .failure(.init(reason: "another file has its place in the backing directory"))
      }
      return .success(
        BaseFile(
          file: file, size: status.attributes.size, path: backing + EscapedText.encode(path.pathBytes), isCertain: isCertain))
    } catch let error as Errno {
      return .failure(.init(reason: "in the backing directory: \(error.message)"))
    } catch {
      return .failure(.init(reason: "\(error)"))
    }
  }

  private func describe(
    _ contents: ExtractedContents, _ history: FileHistory, _ base: Result<BaseFile, BaseFailure>
  ) -> String {
    var parts: [String] = []
    if !contents.missing.isEmpty {
      let ranges = contents.missing.prefix(8).map { "\($0.lowerBound)-\($0.upperBound - 1)" }.joined(separator: ", ")
      let more = contents.missing.count > 8 ? " and \(contents.missing.count - 8) more ranges" : ""
      let bytes = contents.missing.reduce(0) { $0 + $1.count }
      parts.append("bytes \(ranges)\(more) are not held (\(bytes) of \(contents.size))")
    }
    if case .failure(let failure) = base, contents.wantsBacking { parts.append(failure.reason) }
    if let gap = history.gaps.first {
      parts.append("records \(gap.first.rawValue) to \(gap.next.previous.rawValue) are damaged, what they did is not known")
    }
    return "\(options.path) at LSN \(options.lsn): \(parts.joined(separator: "; "))"
  }

  // MARK: Writing

  private func write(_ contents: ExtractedContents, _ base: Result<BaseFile, BaseFailure>) throws(CommandFailure) {
    guard let path = options.output else {
      let output = Descriptor(owning: STDOUT_FILENO)
      let result = Result { () throws(CommandFailure) in try write(contents, base, to: output, isSparse: false) }
      _ = output.release()
      return try result.get()
    }
    let file: Descriptor
    do throws(Errno) {
      file = try Descriptor(path: path, flags: O_WRONLY | O_CREAT | O_EXCL, permissions: 0o600)
    } catch {
      throw CommandFailure(.failed, "\(path): \(error.message)")
    }
    do throws(CommandFailure) {
      try write(contents, base, to: file, isSparse: true)
    } catch {
      Files.remove(path)
      throw error
    }
  }

  private func write(
    _ contents: ExtractedContents, _ base: Result<BaseFile, BaseFailure>, to output: borrowing Descriptor, isSparse: Bool
  ) throws(CommandFailure) {
    do throws(Errno) {
      for piece in contents.pieces {
        var range = piece.range
        if isSparse, piece.source == .zeros || piece.source == .nowhere {
          try output.skip(range.count)
          continue
        }
        while !range.isEmpty {
          let chunk = range.prefix(Self.chunkBytes)
          try output.write(try bytes(piece, chunk, base))
          range = chunk.upperBound..<range.upperBound
        }
      }
      if isSparse { try output.resize(contents.size) }
    } catch {
      throw CommandFailure(error == .stale ? .notRetained : .failed, "\(options.path): \(error.message)")
    }
  }

  private func bytes(
    _ piece: FileHistory.Piece, _ range: ByteRange, _ base: Result<BaseFile, BaseFailure>
  ) throws(Errno) -> [UInt8] {
    switch piece.source {
    case .zeros, .nowhere: return [UInt8](repeating: 0, count: range.count)
    case .journal(let start):
      let position = start.advanced(by: range.lowerBound - piece.range.lowerBound)
      do throws(JournalError) {
        return try JournalStream.read(position, count: range.count, in: inspection.storage)
      } catch {
        if case .storage(let errno, _) = error { throw errno }
        throw .inputOutput
      }
    case .backing:
      guard case .success(let base) = base else { throw .noEntry }
      let found = try base.file.read(at: range.lowerBound, count: range.count)
      return found + [UInt8](repeating: 0, count: range.count - found.count)
    }
  }
}

/// The file in the backing directory that the bytes of no record are taken from.
private struct BaseFile {
  var file: any BackingFile
  var size: Int
  var path: String
  /// Whether it is known to be the file that the journal means.
  var isCertain: Bool
}

private struct BaseFailure: Error {
  var reason: String
}

/// The pieces of a file as they can be had.
private struct ExtractedContents {
  var size: Int
  var pieces: [FileHistory.Piece]
  /// Bytes that are not to be had: zeros stand for them.
  var missing: [ByteRange]
  var wantsBacking: Bool
  var takesFromBacking: Bool

  init(_ history: FileHistory, _ base: Result<BaseFile, BaseFailure>) throws(CommandFailure) {
    let known = history.size ?? (history.isSizeLost ? nil : (try? base.get())?.size)
    guard let known else {
      let reason: String
      if case .failure(let failure) = base { reason = failure.reason } else { reason = "later records have changed it" }
      throw CommandFailure(.notRetained, "no kept record tells the size that the file had: \(reason)")
    }
    size = known
    pieces = history.pieces.map { FileHistory.Piece(range: $0.range.clamped(to: 0..<known), source: $0.source) }
    pieces.removeAll { $0.range.isEmpty }
    wantsBacking = pieces.contains { $0.source == .backing }
    let isThere = (try? base.get()) != nil
    takesFromBacking = wantsBacking && isThere
    missing = pieces.filter { $0.source == .nowhere || $0.source == .backing && !isThere }.map(\.range)
    if !isThere {
      pieces = pieces.map { $0.source == .backing ? FileHistory.Piece(range: $0.range, source: .nowhere) : $0 }
    }
  }
}
