// SPDX-License-Identifier: MIT
#include "lab/packets.hpp"

#include "lab/hosts/box.hpp"

#include <algorithm>

namespace aperto::lab::testing {

namespace {

void put16(std::vector<std::uint8_t>& bytes, std::size_t at, std::uint32_t value) {
    bytes[at] = static_cast<std::uint8_t>(value >> 8U);
    bytes[at + 1] = static_cast<std::uint8_t>(value);
}

void put32(std::vector<std::uint8_t>& bytes, std::size_t at, std::uint32_t value) {
    put16(bytes, at, value >> 16U);
    put16(bytes, at + 2, value & 0xffffU);
}

}  // namespace

std::vector<std::uint8_t> tcp_packet(side from, const tcp_text& text) {
    auto options = text.options;
    options.resize((options.size() + 3) / 4 * 4);
    const std::size_t ip = text.v6 ? 40 : 20;
    const auto transport = 20 + options.size() + text.payload.size();
    std::vector<std::uint8_t> bytes(ip + transport);
    const auto source = host_address(from == side::server, text.v6);
    const auto destination = host_address(from == side::client, text.v6);
    if (text.v6) {
        bytes[0] = 0x60;
        bytes[1] = static_cast<std::uint8_t>(text.ecn << 4U);
        put16(bytes, 4, static_cast<std::uint32_t>(transport));
        bytes[6] = 6;
        bytes[7] = 64;
        std::copy_n(source.bytes.begin(), 16, bytes.begin() + 8);
        std::copy_n(destination.bytes.begin(), 16, bytes.begin() + 24);
    } else {
        bytes[0] = 0x45;
        bytes[1] = text.ecn;
        put16(bytes, 2, static_cast<std::uint32_t>(bytes.size()));
        bytes[8] = 64;
        bytes[9] = 6;
        std::copy_n(source.bytes.begin(), 4, bytes.begin() + 12);
        std::copy_n(destination.bytes.begin(), 4, bytes.begin() + 16);
        put16(bytes, 10, internet_checksum(internet_sum(bytes_view(bytes).first(20))));
    }
    put16(bytes, ip, from == side::client ? 40'000 : 9999);
    put16(bytes, ip + 2, from == side::client ? 9999 : 40'000);
    put32(bytes, ip + 4, text.sequence);
    put32(bytes, ip + 8, text.acknowledgement);
    put16(bytes, ip + 12, static_cast<std::uint32_t>(((20 + options.size()) / 4) << 12U) | text.flags);
    put16(bytes, ip + 14, text.window);
    std::copy(options.begin(), options.end(), bytes.begin() + static_cast<std::ptrdiff_t>(ip + 20));
    std::copy(text.payload.begin(), text.payload.end(),
              bytes.begin() + static_cast<std::ptrdiff_t>(ip + 20 + options.size()));
    const std::size_t width = text.v6 ? 16 : 4;
    auto sum = internet_sum({source.bytes.data(), width});
    sum = internet_sum({destination.bytes.data(), width}, sum + transport + 6);
    put16(bytes, ip + 16, internet_checksum(internet_sum(bytes_view(bytes).subspan(ip), sum)));
    return bytes;
}

event story::send(side from, const tcp_text& text) {
    bytes_.push_back(tcp_packet(from, text));
    event one;
    one.number = ++number_;
    one.from = from;
    one.sent = now_;
    one.seen = decode(bytes_.back()).value();
    tracker_.entered(one, bytes_.back());
    return one;
}

void story::arrive(event& one) {
    one.arrived = now_;
    one.end = fate::delivered;
    auto bytes = bytes_.at(one.number - 1);
    if (one.struck(fault::corrupted)) {
        bytes.back() ^= 1U;
    }
    tracker_.left(one, bytes);
}

void story::refuse(const event& one, std::uint32_t mtu) {
    bytes_.push_back(too_big_message(bytes_.at(one.number - 1), mtu));
    event reply;
    reply.number = ++number_;
    reply.from = other(one.from);
    reply.sent = reply.arrived = now_;
    reply.seen = decode(bytes_.back()).value();
    tracker_.entered(reply, bytes_.back());
}

event story::pass(side from, const tcp_text& text) {
    auto one = send(from, text);
    wait(std::chrono::microseconds(500));
    arrive(one);
    return one;
}

void story::handshake() {
    pass(side::client, {.flags = tcp_flag::syn, .sequence = 1000, .options = {2, 4, 0x05, 0xb4, 4, 2, 0, 0}});
    pass(side::server, {.flags = tcp_flag::syn | tcp_flag::ack,
                        .sequence = 5000,
                        .acknowledgement = 1001,
                        .options = {2, 4, 0x05, 0xb4, 4, 2, 0, 0}});
    pass(side::client, {.sequence = 1001, .acknowledgement = 5001});
}

}  // namespace aperto::lab::testing
