// SPDX-License-Identifier: MIT
// Any bytes as packets of a connection: the decode and the flow tracker must take whatever crosses the wire.
#include "lab/analysis/flow.hpp"
#include "lab/view/json_lines.hpp"
#include "lab/view/ladder.hpp"

#include <cstddef>
#include <cstdint>

namespace lab = aperto::lab;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const lab::sender_traits both{.tail_probes = size % 2 == 0, .rto_min = std::chrono::milliseconds(200)};
    lab::flow_tracker tracker(lab::flow_tracker::options{.senders = {both, both}});
    const std::vector<lab::named_fault> none;
    lab::ladder drawn({.columns = 80}, none);
    std::uint64_t number = 0;
    lab::instant now{};
    // Each packet: a byte of direction and faults, a byte of time, two bytes of length, the packet.
    while (size >= 4) {
        const auto length = std::min<std::size_t>(data[2] * 256U + data[3], size - 4);
        std::vector<std::uint8_t> bytes(data + 4, data + 4 + length);
        lab::event one;
        one.number = ++number;
        one.from = (data[0] & 1U) != 0 ? lab::side::server : lab::side::client;
        now += std::chrono::milliseconds(data[1]);
        one.sent = now;
        if (const auto seen = lab::decode(bytes)) {
            one.seen = *seen;
            tracker.entered(one, bytes);
            one.end = (data[0] & 2U) != 0 ? lab::fate::lost : lab::fate::delivered;
            one.faults = (data[0] & 4U) != 0 ? lab::fault::corrupted : 0U;
            one.arrived = now;
            if (one.end == lab::fate::lost) {
                tracker.lost(one);
            } else {
                lab::set_ecn(bytes, data[0] & 3U);
                tracker.left(one, bytes);
            }
            (void)lab::too_big_message(bytes, 576);
            (void)drawn.rung(one);
            (void)lab::event_json(one, none);
        }
        data += 4 + length;
        size -= 4 + length;
    }
    return 0;
}
