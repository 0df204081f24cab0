// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/endpoint.hpp"
#include "aperto/time.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace aperto::sim {

struct file;

/// One direction of a connection: bytes that a program gave, on their way to the other program. Offsets count
/// from the stream's start: read <= arrived <= sent <= taken.
struct pipe {
    struct packet {
        std::uint64_t end = 0;
        duration at{};
        duration first_sent{};
        std::uint8_t attempts = 0;
        bool fin = false;
        bool judged = false;
    };

    std::string bytes;          ///< those from `read - gone` to `taken`
    std::size_t gone = 0;       ///< read, and still at the front of `bytes`
    std::uint64_t read = 0;     ///< by the receiving program
    std::uint64_t arrived = 0;  ///< at the receiving machine, in order
    std::uint64_t sent = 0;     ///< at least once
    std::uint64_t taken = 0;    ///< from the sending program
    std::uint64_t acked = 0;    ///< as the sending machine knows
    std::uint64_t edge = 0;     ///< of the window, as the sending machine knows: bytes up to here may be sent
    std::uint64_t told = 0;     ///< of the window, as the receiving machine told last
    bool fin_queued = false;
    bool fin_sent = false;
    bool fin_arrived = false;
    bool planned = false;  ///< the arrival of the first packet in flight is
    std::vector<packet> in_flight;
    std::size_t delivered = 0;  ///< packets at the front of `in_flight` that have arrived
    duration last_arrival{};    ///< planned
    duration progressed{};      ///< when something arrived last

    bool flying() const noexcept { return delivered < in_flight.size(); }
    packet& first() noexcept { return in_flight[delivered]; }
    void pop() noexcept {
        if (++delivered < in_flight.size()) return;
        in_flight.clear();
        delivered = 0;
    }
    std::uint64_t unread() const noexcept { return arrived - read; }

    /// Nothing more is sent; what has not arrived never will.
    void stop() {
        in_flight.clear();
        delivered = 0;
        bytes.resize(gone + unread());
        taken = sent = arrived;
        fin_queued = fin_sent = true;
    }
    void forget_unread() noexcept {
        bytes.clear();
        gone = 0;
        read = arrived = sent = taken;
    }
    void consume(std::size_t count) {
        read += count;
        gone += count;
        if (gone == bytes.size()) {
            bytes.clear();
            gone = 0;
        } else if (gone > 65'536) {
            bytes.erase(0, gone);
            gone = 0;
        }
    }
};

struct connection {
    enum class state : std::uint8_t { opening, open, closed };
    struct end {
        endpoint address;
        file* on = nullptr;  ///< the program's, while it is attached
        std::uint16_t host = 0;
        bool attached = false;  ///< a program has it
        bool queued = false;    ///< accepted by the machine, not yet by a program
        bool broken = false;    ///< reset or timed out
        int error = 0;          ///< positive errno that no call has reported yet
        duration heard{};       ///< when something last came from the peer
    };

    std::uint32_t number = 0;
    state now = state::opening;
    std::uint8_t attempts = 0;
    bool dead = false;          ///< nothing arrives any more
    std::uint32_t planned = 0;  ///< plans that name it
    duration round_trip{};
    std::array<end, 2> ends;    ///< 0: who connected
    std::array<pipe, 2> pipes;  ///< by their sender
    pipe& into(std::uint8_t side) noexcept { return pipes[1 - side]; }
    pipe& out_of(std::uint8_t side) noexcept { return pipes[side]; }
};

}  // namespace aperto::sim
