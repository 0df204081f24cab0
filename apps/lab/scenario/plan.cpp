// SPDX-License-Identifier: MIT
// What a run's plan is checked for, and the faults in it.
#include "core/sentence.hpp"
#include "lab/analysis/quantity.hpp"
#include "lab/scenario/scenario.hpp"

namespace aperto::lab {

named_fault make_fault(std::string_view action, const std::string& victim, std::string_view time) {
    named_fault out;
    out.text = fmt::format("--{} {}", action, victim);
    try {
        out.victim = parse_selector(victim);
    } catch (const bad_input& wrong) {
        throw bad_input(
            sentence(_("in \"{}\", at character {}: {}"), victim, wrong.place() + 1, wrong.what()),
            wrong.place());
    }
    if (!out.victim.known_on_entry()) {
        throw bad_input(sentence(
            _("\"{}\" names what becomes of a packet; a fault must know its victim when it enters the wire"),
            victim));
    }
    if (action == "hold") {
        if (time.empty()) {
            throw bad_input(sentence(_("how long is \"{}\" to be held? write 50ms"), victim));
        }
        out.action = fault_action::hold;
        out.time = parse_duration(time);
        out.text += " " + std::string(trimmed(time));
        return out;
    }
    if (!time.empty()) {
        throw bad_input(_("only a hold has a time"));
    }
    out.action = action == "corrupt"     ? fault_action::corrupt
                 : action == "duplicate" ? fault_action::duplicate
                 : action == "mark"      ? fault_action::mark_ce
                                         : fault_action::drop;
    return out;
}

namespace {

/// RFC 8200, 5. Below it Linux takes IPv6 away from a device, and believes no ICMPv6 message that asks for
/// less.
constexpr std::uint32_t mtu_min_v6 = 1280;

void check_mtu(std::uint32_t mtu) {
    if (mtu < mtu_min_v6) {
        throw bad_input(sentence(_("IPv6 needs a way for packets of {} bytes, and an MTU of {} is less"),
                                 number_text(mtu_min_v6), number_text(mtu)));
    }
}

}  // namespace

void check_plan(const run_plan& plan) {
    if (!plan.client.v6) {
        return;
    }
    check_mtu(plan.client.mtu);
    check_mtu(plan.server.mtu);
    for (const auto from : {side::client, side::server}) {
        const auto& now = plan.wire.link.base[index(from)];
        check_mtu(now.mtu == 0 ? mtu_min_v6 : now.mtu);
        for (const auto& phase : plan.wire.link.phases[index(from)]) {
            auto during = now;
            for (const auto& set : phase.set) {
                set(during);
            }
            check_mtu(during.mtu == 0 ? mtu_min_v6 : during.mtu);
        }
    }
}

}  // namespace aperto::lab
