// SPDX-License-Identifier: MIT
#include "cli/terminal_text.hpp"

#include <gtest/gtest.h>

namespace aperto::cli {
namespace {

using namespace std::chrono_literals;
using lines = std::vector<std::string>;

/// A client on the loopback interface, where the kernel puts no more than half the server's window into a
/// segment.
tcp_facts loopback_client() {
    tcp_facts facts;
    facts.advertised_mss = 65495;
    facts.send_mss = 32741;
    facts.receive_window = 65536;
    facts.send_window = 65483;
    facts.send_window_scale = 10;
    facts.sack = facts.timestamps = true;
    facts.rtt = 40us;
    facts.rto = 201ms;
    return facts;
}

TEST(facts_text, the_client_alone_tells_what_it_knows) {
    EXPECT_EQ(
        handshake_lines(loopback_client()),
        (lines{"SYN      →  MSS 65,495 B", "SYN/ACK  ←  window 65,483 B",
               "ACK      →  connected · window 65,536 B · round trip 0.04 ms",
               "agreed      SACK · timestamps · the server's windows count in units of 1,024 B",
               "then     →  segments of up to 32,741 B · what is not acknowledged within 201 ms is sent "
               "again (RTO)"}));
}

TEST(facts_text, with_the_server_both_packets_are_told_as_they_were) {
    tcp_facts server;
    server.client_syn.emplace();
    server.client_syn->window = 64240;
    server.client_syn->mss = 1460;
    server.advertised_mss = 1460;
    server.timestamps = true;
    const lines told = handshake_lines(loopback_client(), server);
    EXPECT_EQ(told[0], "SYN      →  MSS 1,460 B, window 64,240 B");
    EXPECT_EQ(told[1], "SYN/ACK  ←  MSS 1,460 B, window 65,483 B");
}

TEST(facts_text, what_is_not_known_is_left_out) {
    EXPECT_EQ(handshake_lines(tcp_facts{}), lines{"ACK      →  connected"});
    EXPECT_EQ(handshake_summary(tcp_facts{}), "");
    EXPECT_EQ(retransmissions_text(tcp_facts{}), "");
    EXPECT_EQ(conversation_summary(tcp_facts{}), "");
}

TEST(facts_text, a_server_that_saved_no_syn_tells_what_it_sends) {
    tcp_facts facts;
    facts.send_mss = 1448;
    facts.rtt = 1500us;
    EXPECT_EQ(handshake_summary(facts), "segments of up to 1,448 B · round trip 1.50 ms");
}

TEST(facts_text, what_was_sent_again_is_counted) {
    tcp_facts facts;
    for (const auto& [count, text] :
         {std::pair{0u, "nothing sent twice"}, std::pair{1u, "1 segment sent again"},
          std::pair{2000u, "2,000 segments sent again"}}) {
        facts.retransmissions = count;
        EXPECT_EQ(retransmissions_text(facts), text);
    }
}

}  // namespace
}  // namespace aperto::cli
