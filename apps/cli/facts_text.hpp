// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/tcp_facts.hpp"

#include <string>
#include <vector>

/// What the kernel knows of a connection, in words. A figure that it does not tell is left out.
namespace aperto::cli {

/// The handshake as the server saw it, for a log line: "MSS 65,495 B · window 65,495 B · round trip 0.04 ms".
std::string handshake_summary(const tcp_facts& server);

/// The handshake as the client saw it, one line a packet.
std::vector<std::string> handshake_lines(const tcp_facts& client);
/// The same where the server's view is known too: then the SYN is told as it came.
std::vector<std::string> handshake_lines(const tcp_facts& client, const tcp_facts& server);

/// After the conversation: round trip, what was sent again, what was lost.
std::string conversation_summary(const tcp_facts& facts);
/// "nothing sent twice", "2 segments sent again"; empty where the kernel does not tell.
std::string retransmissions_text(const tcp_facts& facts);

}  // namespace aperto::cli
