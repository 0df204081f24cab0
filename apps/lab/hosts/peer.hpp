// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace aperto::lab {

/// `aperto lab peer serve|call …`: a small TCP program whose every read and write can be told, for lessons in
/// which the programs' own pace is the subject: a slow reader, many small writes, a long stream. Blocking,
/// one connection. At its end it prints what it did: `writes=3 reads=1 sent=30 received=30 digest_sent=…
/// digest_received=…`. Returns the exit code: 0, 1 when the connection failed, 2 for bad arguments.
int run_peer(const std::vector<std::string>& arguments);

}  // namespace aperto::lab
