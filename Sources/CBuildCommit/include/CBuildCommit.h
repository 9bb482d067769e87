#pragma once

/// The commit that this was built from; `unknown` where the build was not told.
const char *build_commit(void);
