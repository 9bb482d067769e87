extension Engine {
  /// Makes the journal durable, if it still works, and gives its files up. To be called once, last, after `stop` and when
  /// `isAtBatchBoundary`; a plan that is cut short by it is redone by the next mount.
  package func close() { journal.close() }
}
