// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/tcp_facts.hpp"

#include <string>
#include <string_view>
#include <vector>

/// What a person reads of a conversation: a peer's bytes, made safe for a terminal, and what the kernel knows
/// of the connection, in words; a figure that it does not tell is left out.
namespace aperto::cli {

/// As much of `bytes` as fits into so many columns of one row, at least one, made safe as `log_safe` does;
/// where something is left out, the last of them is "…".
std::string one_row(std::string_view bytes, std::size_t columns);

/// Makes a reply that comes in pieces fit to show: lines, tabs and every printable character pass; what a
/// terminal would obey, and what is not UTF-8, is shown as an escape (`\x1B`), so that no server drives the
/// user's terminal. CR LF becomes LF.
class terminal_filter {
public:
    /// Appends what `piece` completes; holds back a character, or a CR, that its end cuts.
    void feed(std::string_view piece, std::string& out);
    /// The reply has ended: appends what was held back, and ends the line that was begun.
    void finish(std::string& out);

private:
    std::string held_;
    bool within_line_ = false;
};

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
