// SPDX-License-Identifier: MIT
// Any text as a scenario file: it is a plan that a run could follow, or it is refused with line and column.
#include "lab/analysis/quantity.hpp"
#include "lab/scenario/scenario.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace lab = aperto::lab;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    try {
        const auto one = lab::parse_scenario(text, "f.toml");
        lab::link cable(lab::side::client, one.plan.wire.seed, one.plan.wire.link.base[0],
                        one.plan.wire.link.phases[0], &one.plan.wire.named);
        for (int i = 1; i < 20; ++i) {
            lab::event packet;
            packet.sent = i * std::chrono::milliseconds(100);
            packet.seen.length = 1500;
            packet.random_ordinal = static_cast<std::uint64_t>(i);
            cable.offer(packet, 0);
            lab::departure out;
            while (cable.take_due(packet.sent, out)) {
            }
        }
    } catch (const lab::bad_input& wrong) {
        if (!std::string_view(wrong.what()).starts_with("f.toml:")) std::abort();
    }
    return 0;
}
