// SPDX-License-Identifier: MIT
//
// Any bytes as a saved SYN: nothing outside them is read (the sanitizer sees to it), what is told is within
// what a SYN can say, and it does not change with what follows the packet.
#include "aperto/tcp_facts.hpp"
#include "require.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

bool same(const std::optional<aperto::syn_facts>& a, const std::optional<aperto::syn_facts>& b) {
    if (!a || !b) return a.has_value() == b.has_value();
    return a->window == b->window && a->mss == b->mss && a->window_scale == b->window_scale &&
           a->sack_permitted == b->sack_permitted && a->timestamps == b->timestamps;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // A copy of just that size, so that a byte read past the end is seen.
    const std::vector<std::uint8_t> packet(data, data + size);
    const auto facts = aperto::decode_syn(packet.data(), packet.size());
    if (!facts) return 0;
    constexpr std::size_t smallest = 40;
    aperto::fuzz::require(size >= smallest, "a SYN has two headers");
    aperto::fuzz::require(!facts->window_scale || *facts->window_scale <= 14, "RFC 7323, 2.3");
    std::vector<std::uint8_t> longer = packet;
    longer.insert(longer.end(), 16, 0xFF);
    aperto::fuzz::require(same(facts, aperto::decode_syn(longer.data(), longer.size())),
                          "what follows changes nothing");
    return 0;
}
