// SPDX-License-Identifier: MIT
#include "core/sentence.hpp"
#include "lab/analysis/quantity.hpp"
#include "lab/scenario/run.hpp"

namespace aperto::lab {

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
