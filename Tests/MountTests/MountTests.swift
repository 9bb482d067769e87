import Testing

/// Everything on real mounts. One after the other: two cores and one kernel are enough for one mount's trouble.
@Suite(.serialized) struct MountTests {}
