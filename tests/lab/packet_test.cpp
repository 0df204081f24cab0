// SPDX-License-Identifier: MIT
#include "lab/analysis/packet.hpp"

#include "lab/packets.hpp"

#include <gtest/gtest.h>

namespace aperto::lab {

using testing::tcp_packet;

TEST(packet, reads_every_field_of_a_syn) {
    const auto bytes = tcp_packet(
        side::client, {.flags = tcp_flag::syn,
                       .sequence = 0xfffffff0,
                       .window = 64'240,
                       .options = {2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0, 1, 3, 3, 9}});
    const auto seen = decode(bytes).value();
    EXPECT_TRUE(seen.is_tcp);
    EXPECT_EQ(seen.source.text(), "10.0.0.2");
    EXPECT_EQ(seen.destination.text(), "10.0.0.1");
    EXPECT_EQ(seen.source_port, 40'000);
    EXPECT_EQ(seen.destination_port, 9999);
    EXPECT_EQ(seen.sequence, 0xfffffff0U);
    EXPECT_EQ(seen.window, 64'240);
    EXPECT_EQ(flags_text(seen.flags), "SYN");
    EXPECT_EQ(seen.options.mss, 1460);
    EXPECT_EQ(seen.options.window_scale, 9);
    EXPECT_TRUE(seen.options.sack_permitted);
    EXPECT_TRUE(seen.options.has_timestamps);
    EXPECT_EQ(seen.options.timestamp, 7U);
    EXPECT_FALSE(seen.options.malformed);
    EXPECT_TRUE(tcp_checksum_ok(bytes, seen));
}

TEST(packet, reads_sack_blocks_and_payload_over_ipv6) {
    const auto bytes = tcp_packet(side::server, {.acknowledgement = 100,
                                                 .payload = "OK",
                                                 .options = {1, 1, 5, 10, 0, 0, 0, 200, 0, 0, 1, 44},
                                                 .v6 = true});
    const auto seen = decode(bytes).value();
    EXPECT_EQ(seen.source.text(), "fd00::1");
    ASSERT_EQ(seen.options.sack_count, 1);
    EXPECT_EQ(seen.options.sack[0].left, 200U);
    EXPECT_EQ(seen.options.sack[0].right, 300U);
    EXPECT_EQ(seen.payload, 2U);
    EXPECT_EQ(bytes[seen.payload_offset()], 'O');
    EXPECT_TRUE(tcp_checksum_ok(bytes, seen));
}

TEST(packet, one_flipped_bit_anywhere_in_the_segment_breaks_its_checksum) {
    const auto good = tcp_packet(side::client, {.payload = "texto original"});
    const auto seen = decode(good).value();
    for (std::size_t bit = seen.ip_header * 8; bit < good.size() * 8; ++bit) {
        auto bad = good;
        bad[bit / 8] = static_cast<std::uint8_t>(bad[bit / 8] ^ (0x80U >> (bit % 8)));
        EXPECT_FALSE(tcp_checksum_ok(bad, seen)) << "bit " << bit;
    }
}

TEST(packet, a_packet_cut_short_anywhere_is_refused_not_read_past) {
    const auto whole = tcp_packet(side::client, {.payload = "abc", .options = {2, 4, 5, 0xb4}});
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const std::vector<std::uint8_t> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_FALSE(decode(cut).has_value()) << size << " bytes";
    }
}

TEST(packet, an_option_with_an_impossible_length_ends_the_reading) {
    for (const std::uint8_t length : std::initializer_list<std::uint8_t>{0, 1, 40}) {
        const auto seen =
            decode(tcp_packet(side::client, {.options = {2, 4, 5, 0xb4, 5, length, 0, 0}})).value();
        EXPECT_TRUE(seen.options.malformed);
        EXPECT_EQ(seen.options.mss, 1460) << "what came before it still counts";
    }
}

TEST(packet, an_ecn_mark_keeps_the_ip_checksum_right) {
    auto bytes = tcp_packet(side::client, {.payload = "x", .ecn = 2});
    set_ecn(bytes, 3);
    EXPECT_EQ(decode(bytes)->ecn, 3);
    EXPECT_EQ(internet_checksum(internet_sum(bytes_view(bytes).first(20))), 0);
}

TEST(packet, too_big_is_told_as_a_router_does) {
    for (const bool v6 : {false, true}) {
        const auto dropped = tcp_packet(side::client, {.payload = "a long segment", .v6 = v6});
        const auto told = too_big_message(dropped, 600);
        const auto seen = decode(told).value();
        EXPECT_EQ(seen.protocol, v6 ? 58 : 1);
        EXPECT_EQ(seen.icmp_mtu, 600U);
        EXPECT_EQ(seen.destination.text(), v6 ? "fd00::2" : "10.0.0.2");
    }
}

TEST(stream_digest, does_not_depend_on_how_the_bytes_were_cut) {
    std::vector<std::uint8_t> bytes(1000);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::uint8_t>(i * 7);
    }
    stream_digest whole;
    whole.add(bytes);
    for (std::size_t step = 1; step < 40; ++step) {
        stream_digest pieces;
        for (std::size_t at = 0; at < bytes.size(); at += step) {
            pieces.add(bytes_view(bytes).subspan(at, std::min(step, bytes.size() - at)));
        }
        EXPECT_EQ(pieces, whole) << "pieces of " << step;
    }
    bytes[500] ^= 1U;
    stream_digest damaged;
    damaged.add(bytes);
    EXPECT_NE(damaged.value(), whole.value());
}

}  // namespace aperto::lab
