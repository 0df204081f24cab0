// SPDX-License-Identifier: MIT
// What befalls a packet on the link: whether it is lost, by name, in a burst or at random, and what else. When it
// arrives is link.cpp's.
#include "lab/wire/link.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace aperto::lab {

void flip_bit(bytes_span bytes, std::uint32_t bit) {
    if (bit / 8 < bytes.size()) {
        bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (0x80U >> (bit % 8)));
    }
}

namespace {

/// Which bit to flip: in the payload where there is one and it is wanted, else in the transport header. Never
/// in the IP header: the packet must reach the host whose TCP is to notice.
std::uint32_t corrupt_place(const packet& seen, bool header, std::uint64_t bits) {
    const bool in_payload = seen.payload > 0 && !header;
    const auto first = in_payload ? seen.payload_offset() : seen.ip_header;
    const auto size = in_payload ? seen.payload : std::max(seen.length - seen.payload, first + 1) - first;
    return static_cast<std::uint32_t>(first * 8ULL + bits % (size * 8ULL));
}

}  // namespace

decision link::by_name(const event& one) const {
    decision out;
    if (named_ == nullptr) {
        return out;
    }
    for (std::size_t i = 0; i < named_->size(); ++i) {
        const auto& rule = (*named_)[i];
        if (!rule.victim.matches(one)) {
            continue;
        }
        out.rule = static_cast<std::int32_t>(i);
        switch (rule.action) {
        case fault_action::drop:
            out.lost_by = loss_cause::named;
            return out;
        case fault_action::hold:
            out.faults |= fault::held;
            out.extra += rule.time;
            break;
        case fault_action::corrupt:
            out.faults |= fault::corrupted;
            break;
        case fault_action::duplicate:
            out.faults |= fault::duplicated;
            break;
        case fault_action::mark_ce:
            out.faults |= one.seen.ecn != 0 ? fault::ce_marked : 0U;
            break;
        }
    }
    return out;
}

/// Each packet is judged by the state before the transition it causes, as in netem and in Gilbert's paper.
bool link::lost_in_burst(const event& one, const draw_key& key) {
    auto& chain = chains_[{one.flow, one.random_stream}];
    const bool lost =
        random_unit(key, draw::burst_loss) < (chain.bad ? current_.burst_bad_loss : current_.burst_good_loss);
    const auto move = random_unit(key, draw::burst_state);
    chain.bad = chain.bad ? move >= current_.burst_leave : move < current_.burst_enter;
    return lost;
}

bool link::lost_at_random(const event& one, const draw_key& key, decision& out) {
    const auto& listed = current_.loss_list;
    if (!listed.empty() && std::binary_search(listed.begin(), listed.end(), one.ordinal[0])) {
        out.lost_by = loss_cause::listed;
    } else if (current_.loss > 0 && random_unit(key, draw::loss) < current_.loss) {
        out.lost_by = loss_cause::random;
    }
    // The chain moves with every packet, lost already or not: its state may not depend on other faults.
    if (current_.burst_enter > 0 && lost_in_burst(one, key) && out.lost_by == loss_cause::none) {
        out.lost_by = loss_cause::burst;
    }
    return out.lost_by != loss_cause::none;
}

duration link::draw_jitter(const draw_key& key) const {
    if (current_.jitter == duration{}) {
        return {};
    }
    const auto spread = static_cast<double>(current_.jitter.count());
    const auto first = random_unit(key, draw::jitter);
    if (!current_.jitter_normal) {
        return duration(std::llround((2 * first - 1) * spread));
    }
    // Box and Muller; 1 - u keeps the logarithm's argument above 0.
    const auto second = random_unit(key, draw::jitter_second);
    const auto normal = std::sqrt(-2 * std::log(1 - first)) * std::cos(2 * std::numbers::pi * second);
    return duration(std::llround(normal * spread));
}

void link::draw_damage(const event& one, const draw_key& key, decision& out) const {
    if (current_.corrupt > 0 && random_unit(key, draw::corrupt) < current_.corrupt) {
        out.faults |= fault::corrupted;
    }
    if ((out.faults & fault::corrupted) != 0) {
        out.corrupt_bit =
            corrupt_place(one.seen, current_.corrupt_header, random_bits(key, draw::corrupt_place));
    }
    if (current_.duplicate > 0 && random_unit(key, draw::duplicate) < current_.duplicate) {
        out.faults |= fault::duplicated;
    }
    const bool ecn_capable = one.seen.ecn == 1 || one.seen.ecn == 2;
    if (current_.ecn > 0 && ecn_capable && random_unit(key, draw::ecn) < current_.ecn) {
        out.faults |= fault::ce_marked;
    }
    const bool in_turn = current_.reorder_gap > 0 && one.ordinal[0] % current_.reorder_gap == 0;
    if (in_turn || (current_.reorder > 0 && random_unit(key, draw::reorder) < current_.reorder)) {
        out.faults |= fault::reordered;
    }
}

decision link::decide(const event& one, const draw_key& key) {
    settings(one.sent);
    if (current_.blackhole) {
        decision out;
        out.lost_by = loss_cause::blackhole;
        return out;
    }
    auto out = by_name(one);
    if (out.lost_by != loss_cause::none || lost_at_random(one, key, out)) {
        return out;
    }
    if (current_.mtu != 0 && one.seen.length > current_.mtu) {
        out.lost_by = loss_cause::mtu;
        return out;
    }
    draw_damage(one, key, out);
    if ((out.faults & fault::held) == 0) {
        out.extra = draw_jitter(key);
    }
    return out;
}

namespace {

std::uint64_t mixed(std::uint64_t word) noexcept {
    word += 0x9e3779b97f4a7c15U;
    word = (word ^ (word >> 30U)) * 0xbf58476d1ce4e5b9U;
    word = (word ^ (word >> 27U)) * 0x94d049bb133111ebU;
    return word ^ (word >> 31U);
}

}  // namespace

std::uint64_t random_bits(const draw_key& key, draw kind) noexcept {
    const auto place = (std::uint64_t{key.flow} << 24U) | (std::uint64_t{key.direction} << 16U) |
                       (std::uint64_t{key.stream} << 8U) | static_cast<std::uint64_t>(kind);
    return mixed(mixed(mixed(key.seed) ^ place) ^ key.ordinal);
}

double random_unit(const draw_key& key, draw kind) noexcept {
    return static_cast<double>(random_bits(key, kind) >> 11U) * 0x1.0p-53;
}

}  // namespace aperto::lab
