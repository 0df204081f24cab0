// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/tcp_facts.hpp"
#include "aperto/time.hpp"

namespace aperto::client {

/// How long a reply without framing must have been quiet before it may be taken for whole, where the peer
/// does not end its stream: a segment lost three times in a row comes after 1 + 2 + 4 retransmission timeouts
/// (RFC 6298, 5.5), of which ours is the best guess at the peer's; a peer that keeps to RFC 6298, 2.4 waits a
/// second before the first.
duration reply_quiet(const tcp_facts& known);

}  // namespace aperto::client
