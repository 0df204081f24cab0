// SPDX-License-Identifier: MIT
#include "aperto/tcp_facts.hpp"

#include "aperto/error.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace aperto {
namespace {

using packet = std::vector<std::uint8_t>;

/// A SYN of Linux: MSS 1460, SACK, timestamps, window scale 7, window 64240.
packet tcp_syn() {
    return {0xC8, 0x7C, 0x27, 0x0F, 1, 2, 3, 4,  0, 0, 0, 0, 0xA0, 0x02, 0xFA, 0xF0, 0, 0, 0, 0,
            2,    4,    0x05, 0xB4, 4, 2, 8, 10, 0, 0, 0, 1, 0,    0,    0,    0,    1, 3, 3, 7};
}

packet in_ipv4(const packet& segment, std::uint8_t protocol = IPPROTO_TCP) {
    packet whole(20);
    whole[0] = 0x45;
    whole[9] = protocol;
    whole.insert(whole.end(), segment.begin(), segment.end());
    return whole;
}

packet in_ipv6(const packet& payload, std::uint8_t next_header = IPPROTO_TCP) {
    packet whole(40);
    whole[0] = 0x60;
    whole[6] = next_header;
    whole.insert(whole.end(), payload.begin(), payload.end());
    return whole;
}

std::optional<syn_facts> decode(const packet& bytes) { return decode_syn(bytes.data(), bytes.size()); }

void expect_linux_syn(const std::optional<syn_facts>& facts) {
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->window, 64240);
    EXPECT_EQ(facts->mss, 1460);
    EXPECT_EQ(facts->window_scale, 7);
    EXPECT_TRUE(facts->sack_permitted);
    EXPECT_TRUE(facts->timestamps);
}

TEST(SavedSyn, SaysWhatTheClientAnnounced) {
    expect_linux_syn(decode(in_ipv4(tcp_syn())));
    expect_linux_syn(decode(in_ipv6(tcp_syn())));
}

TEST(SavedSyn, IsFoundBehindIpv6ExtensionHeaders) {
    packet options(16);  // destination options of 16 bytes
    options[0] = IPPROTO_TCP;
    options[1] = 1;
    const packet syn = tcp_syn();
    options.insert(options.end(), syn.begin(), syn.end());
    expect_linux_syn(decode(in_ipv6(options, IPPROTO_DSTOPTS)));
}

TEST(SavedSyn, WithoutOptionsAnnouncesNone) {
    packet bare = tcp_syn();
    bare.resize(20);
    bare[12] = 0x50;
    const std::optional<syn_facts> facts = decode(in_ipv4(bare));
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->mss, std::nullopt);
    EXPECT_EQ(facts->window_scale, std::nullopt);
    EXPECT_FALSE(facts->sack_permitted);
    EXPECT_FALSE(facts->timestamps);
}

TEST(SavedSyn, TakesNoOptionOfAnotherLengthForWhatItLooksLike) {
    packet odd = tcp_syn();
    odd.resize(24);
    odd[12] = 0x60;
    odd[20] = 4;  // SACK permitted has 2 bytes (RFC 2018, 2)
    odd[21] = 3;
    odd[22] = 0;
    odd[23] = 1;
    const std::optional<syn_facts> facts = decode(in_ipv4(odd));
    ASSERT_TRUE(facts);
    EXPECT_FALSE(facts->sack_permitted);
}

TEST(SavedSyn, IsNothingElse) {
    packet with_reset = tcp_syn();
    with_reset[13] = 0x06;
    packet without_syn = tcp_syn();
    without_syn[13] = 0x10;
    packet later_fragment = in_ipv4(tcp_syn());
    later_fragment[7] = 1;
    packet version_5 = in_ipv4(tcp_syn());
    version_5[0] = 0x55;
    packet short_header = in_ipv4(tcp_syn());  // of 16 bytes, where 20 are the least
    short_header[0] = 0x44;
    short_header.erase(short_header.begin() + 16, short_header.begin() + 20);
    EXPECT_FALSE(decode(short_header));
    EXPECT_FALSE(decode(in_ipv4(with_reset)));
    EXPECT_FALSE(decode(in_ipv4(without_syn)));
    EXPECT_FALSE(decode(later_fragment));
    EXPECT_FALSE(decode(version_5));
    EXPECT_FALSE(decode(in_ipv4(tcp_syn(), IPPROTO_UDP)));
    EXPECT_FALSE(decode(in_ipv6(tcp_syn(), IPPROTO_ICMPV6)));
    EXPECT_FALSE(decode_syn(nullptr, 0));
    for (const packet& whole : {in_ipv4(tcp_syn()), in_ipv6(tcp_syn())})
        for (std::size_t size = 0; size < whole.size(); ++size)
            EXPECT_FALSE(decode_syn(whole.data(), size)) << "cut to " << size;
}

TEST(SavedSyn, StopsAtAnOptionThatCannotBe) {
    for (const int length : {0, 1, 60}) {
        packet broken = tcp_syn();
        broken[25] = static_cast<std::uint8_t>(length);  // of SACK; the MSS stands before it
        const std::optional<syn_facts> facts = decode(in_ipv4(broken));
        ASSERT_TRUE(facts);
        EXPECT_EQ(facts->mss, 1460);
        EXPECT_FALSE(facts->timestamps);
    }
}

/// A pair of connected sockets on the loopback, made with the kernel's calls alone.
class connected_pair {
public:
    explicit connected_pair(bool save_syn) {
        door_ = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int on = save_syn;
        setsockopt(door_, IPPROTO_TCP, TCP_SAVE_SYN, &on, sizeof on);
        sockaddr_in6 where{};
        where.sin6_family = AF_INET6;
        where.sin6_addr = in6addr_loopback;
        socklen_t size = sizeof where;
        bind(door_, reinterpret_cast<sockaddr*>(&where), size);
        listen(door_, 1);
        getsockname(door_, reinterpret_cast<sockaddr*>(&where), &size);
        client = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        EXPECT_EQ(connect(client, reinterpret_cast<sockaddr*>(&where), size), 0);
        server = accept(door_, nullptr, nullptr);
    }
    ~connected_pair() {
        for (const int each : {client, server, door_})
            ::close(each);
    }
    connected_pair(const connected_pair&) = delete;
    connected_pair& operator=(const connected_pair&) = delete;

    int client = -1;
    int server = -1;

private:
    int door_ = -1;
};

TEST(TcpFacts, TellWhatTheHandshakeAgreed) {
    const connected_pair pair(true);
    const tcp_facts client = read_tcp_facts(pair.client);
    const tcp_facts server = read_tcp_facts(pair.server);
    EXPECT_EQ(client.state, "ESTABLISHED");
    EXPECT_EQ(server.state, "ESTABLISHED");
    ASSERT_TRUE(server.client_syn);
    EXPECT_EQ(client.client_syn, std::nullopt);
    EXPECT_EQ(client.advertised_mss, server.client_syn->mss.value()) << "as it stood on the wire";
    EXPECT_EQ(server.client_syn->window_scale, client.receive_window_scale);
    EXPECT_EQ(server.send_window_scale, client.receive_window_scale);
    EXPECT_EQ(server.sack, client.sack);
    EXPECT_GT(client.send_mss.value_or(0), 0u);
    EXPECT_GT(client.rtt.value_or(tcp_facts::microseconds(0)).count(), 0);
    EXPECT_GT(client.rto.value_or(tcp_facts::microseconds(0)).count(), 0);
    EXPECT_EQ(client.slow_start_threshold, std::nullopt) << "infinite before the first loss";
    EXPECT_FALSE(client.congestion_control.empty());
    EXPECT_EQ(client.retransmissions, 0u);
}

TEST(TcpFacts, TellTheOptionsThatTheKernelTells) {
    const connected_pair pair(false);
    for (const int each : {pair.client, pair.server}) {
        tcp_info info{};
        socklen_t size = sizeof info;
        ASSERT_EQ(getsockopt(each, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
        const tcp_facts facts = read_tcp_facts(each);
        EXPECT_EQ(facts.reordering, info.tcpi_reordering);
        EXPECT_EQ(facts.send_mss, info.tcpi_snd_mss);
        EXPECT_EQ(facts.receive_mss, info.tcpi_rcv_mss);
        EXPECT_EQ(facts.path_mtu, info.tcpi_pmtu);
        EXPECT_EQ(facts.congestion_window, info.tcpi_snd_cwnd);
        EXPECT_EQ(facts.ecn, (info.tcpi_options & TCPI_OPT_ECN) != 0);
        EXPECT_EQ(facts.sack, (info.tcpi_options & TCPI_OPT_SACK) != 0);
        EXPECT_EQ(facts.timestamps, (info.tcpi_options & TCPI_OPT_TIMESTAMPS) != 0);
        EXPECT_EQ(facts.send_window_scale.has_value(), (info.tcpi_options & TCPI_OPT_WSCALE) != 0);
    }
}

/// What one side may still receive is what the other may still send, once it has heard of it.
TEST(TcpFacts, TellTheWindowThatTheOtherSideKnows) {
    const connected_pair pair(false);
    char byte = 'a';
    ASSERT_EQ(::send(pair.server, &byte, 1, 0), 1);  // carries the server's window
    ASSERT_EQ(::recv(pair.client, &byte, 1, 0), 1);
    const tcp_facts server = read_tcp_facts(pair.server);
    const tcp_facts client = read_tcp_facts(pair.client);
    if (!server.receive_window || !client.send_window)
        GTEST_SKIP() << "this kernel does not tell its windows";
    EXPECT_EQ(*server.receive_window, *client.send_window);
}

TEST(TcpFacts, TellTheSavedSynOnceBecauseTheKernelThenFreesIt) {
    const connected_pair pair(true);
    EXPECT_TRUE(read_tcp_facts(pair.server).client_syn);
    EXPECT_FALSE(read_tcp_facts(pair.server).client_syn);
}

TEST(TcpFacts, CountWhatWasSent) {
    const connected_pair pair(false);
    const std::string message = "texto original";
    ASSERT_EQ(send(pair.client, message.data(), message.size(), MSG_NOSIGNAL), 14);
    std::array<char, 64> received;
    ASSERT_EQ(recv(pair.server, received.data(), received.size(), 0), 14);
    const tcp_facts client = read_tcp_facts(pair.client);
    const tcp_facts server = read_tcp_facts(pair.server);
    EXPECT_EQ(client.bytes_sent, 14u);
    EXPECT_EQ(client.data_segments_out, 1u);
    EXPECT_EQ(server.bytes_received, 14u);
    EXPECT_EQ(server.data_segments_in, 1u);
    EXPECT_EQ(server.client_syn, std::nullopt) << "the listener did not save it";
}

TEST(TcpFacts, FollowTheEndOfAConnection) {
    const connected_pair pair(false);
    shutdown(pair.client, SHUT_WR);
    pollfd end_of_stream{pair.server, POLLIN, 0};
    ASSERT_EQ(poll(&end_of_stream, 1, -1), 1);
    EXPECT_EQ(read_tcp_facts(pair.server).state, "CLOSE_WAIT");
    // 1 until the server's kernel has acknowledged the end, which it may delay.
    EXPECT_TRUE(read_tcp_facts(pair.client).state.starts_with("FIN_WAIT"));
}

TEST(TcpFacts, AreRefusedForWhatIsNoConnection) {
    try {
        read_tcp_facts(-1);
        FAIL();
    } catch (const error& why) {
        EXPECT_EQ(why.code(), std::errc::bad_file_descriptor);
    }
}

}  // namespace
}  // namespace aperto
