// SPDX-License-Identifier: MIT
// Any text as a selector, an expectation, a quantity or a decision log: it is understood or refused with its
// place.
#include "lab/analysis/quantity.hpp"
#include "lab/hosts/program.hpp"
#include "lab/scenario/expectation.hpp"
#include "lab/wire/link.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <sstream>

namespace lab = aperto::lab;

namespace {

template <class action>
void refuse_or_take(std::size_t size, action read) {
    try {
        read();
    } catch (const lab::bad_input& wrong) {
        if (wrong.place() > size) std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    refuse_or_take(size, [&] {
        const auto wanted = lab::parse_selector(text);
        (void)wanted.matches(lab::event{});
    });
    refuse_or_take(size, [&] {
        lab::judge one(lab::parse_expectation(text));
        one.see(lab::event{});
        (void)one.decide(lab::run_report{});
    });
    refuse_or_take(size, [&] { (void)lab::parse_duration(text); });
    refuse_or_take(size, [&] { (void)lab::parse_rate(text); });
    refuse_or_take(size, [&] {
        lab::link_plan plan;
        plan.set("loss_list", text);
        plan.set("delay", text);
    });
    refuse_or_take(size, [&] {
        std::istringstream from(text);
        const auto log = lab::decision_log::read(from);
        std::stringstream again;
        log.write(again);
        if (!(lab::decision_log::read(again) == log)) std::abort();
    });
    return 0;
}
