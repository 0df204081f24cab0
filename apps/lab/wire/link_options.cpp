// SPDX-License-Identifier: MIT
#include "core/i18n.hpp"
#include "core/nearest.hpp"
#include "lab/analysis/quantity.hpp"
#include "lab/wire/link.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace aperto::lab {

namespace {

constexpr std::uint64_t most_packets = 100'000;

std::uint32_t number(std::string_view value, std::uint64_t least, std::uint64_t most) {
    return static_cast<std::uint32_t>(parse_count(value, least, most));
}

void set_loss_list(link_settings& to, std::string_view value) {
    std::vector<std::uint64_t> list;
    while (!trimmed(value).empty()) {
        const auto comma = std::min(value.find(','), value.size());
        list.push_back(parse_count(value.substr(0, comma), 1, 1'000'000'000));
        value.remove_prefix(std::min(comma + 1, value.size()));
    }
    std::sort(list.begin(), list.end());
    to.loss_list = std::move(list);
}

void set_jitter_shape(link_settings& to, std::string_view value) {
    if (trimmed(value) != "uniform" && trimmed(value) != "normal") {
        throw bad_input(
            fmt::format(fmt::runtime(_("'{}' is no distribution; write uniform or normal")), value));
    }
    to.jitter_normal = trimmed(value) == "normal";
}

void set_corrupt_where(link_settings& to, std::string_view value) {
    if (trimmed(value) != "payload" && trimmed(value) != "header") {
        throw bad_input(
            fmt::format(fmt::runtime(_("'{}' cannot be corrupted; write payload or header")), value));
    }
    to.corrupt_header = trimmed(value) == "header";
}

using sv = std::string_view;

}  // namespace

const std::vector<link_option>& link_options() {
    static const std::vector<link_option> all{
        {"loss", N_("share of packets lost, each by itself: 5%"),
         [](auto& to, sv v) { to.loss = parse_fraction(v); }},
        {"burst_enter", N_("Gilbert-Elliott p: chance a packet to enter the bad state: 1%"),
         [](auto& to, sv v) { to.burst_enter = parse_fraction(v); }},
        {"burst_leave", N_("Gilbert-Elliott r: chance a packet to leave it: 25%"),
         [](auto& to, sv v) { to.burst_leave = parse_fraction(v); }},
        {"burst_bad_loss", N_("share lost in the bad state (1-h): 100%"),
         [](auto& to, sv v) { to.burst_bad_loss = parse_fraction(v); }},
        {"burst_good_loss", N_("share lost in the good state (1-k): 0%"),
         [](auto& to, sv v) { to.burst_good_loss = parse_fraction(v); }},
        {"loss_list", N_("lose exactly these packets of each connection: 3,7,8"), &set_loss_list},
        {"delay", N_("time a packet is under way: 20ms"),
         [](auto& to, sv v) { to.delay = parse_duration(v); }},
        {"jitter", N_("how much the delay varies, up and down: 5ms"),
         [](auto& to, sv v) { to.jitter = parse_duration(v); }},
        {"jitter_shape", N_("how it varies: uniform or normal"), &set_jitter_shape},
        {"keep_order", N_("no packet overtakes another because of jitter: true"),
         [](auto& to, sv v) { to.keep_order = parse_switch(v); }},
        {"rate", N_("bits a second: 10mbit"), [](auto& to, sv v) { to.rate = parse_rate(v); }},
        {"overhead", N_("bytes each packet takes beyond its IP length: 38"),
         [](auto& to, sv v) { to.overhead = number(v, 0, 1500); }},
        {"queue_packets", N_("packets that may wait for the rate: 1000"),
         [](auto& to, sv v) { to.queue_packets = number(v, 1, most_packets); }},
        {"queue_bytes", N_("bytes that may wait for the rate: 64kB"),
         [](auto& to, sv v) { to.queue_bytes = parse_size(v); }},
        {"reorder", N_("share of packets held back until others have passed: 2%"),
         [](auto& to, sv v) { to.reorder = parse_fraction(v); }},
        {"reorder_gap", N_("or exactly every n-th packet: 10"),
         [](auto& to, sv v) { to.reorder_gap = number(v, 2, most_packets); }},
        {"reorder_distance", N_("how many packets pass before it: 3"),
         [](auto& to, sv v) { to.reorder_distance = number(v, 1, 1000); }},
        {"reorder_wait", N_("how long it waits for them at most: 20ms"),
         [](auto& to, sv v) { to.reorder_wait = parse_duration(v); }},
        {"duplicate", N_("share of packets that arrive twice: 1%"),
         [](auto& to, sv v) { to.duplicate = parse_fraction(v); }},
        {"corrupt", N_("share of packets in which one bit is flipped: 1%"),
         [](auto& to, sv v) { to.corrupt = parse_fraction(v); }},
        {"corrupt_where", N_("payload or header"), &set_corrupt_where},
        {"mtu", N_("largest packet that passes, in bytes: 600"),
         [](auto& to, sv v) { to.mtu = number(v, 68, 65'535); }},
        {"mtu_reply", N_("tell the sender by ICMP what was too large: true"),
         [](auto& to, sv v) { to.mtu_reply = parse_switch(v); }},
        {"ecn", N_("share of ECN-capable packets marked as having met congestion: 10%"),
         [](auto& to, sv v) { to.ecn = parse_fraction(v); }},
        {"blackhole", N_("lose everything: true, best with a time: true@1s..3s"),
         [](auto& to, sv v) { to.blackhole = parse_switch(v); }}};
    return all;
}

std::function<void(link_settings&)> link_setter(std::string_view key, std::string_view value) {
    for (const auto& option : link_options()) {
        if (option.key == key) {
            link_settings checked;
            option.apply(checked, value);
            return [apply = option.apply, text = std::string(value)](link_settings& to) { apply(to, text); };
        }
    }
    std::vector<std::string> known;
    for (const auto& option : link_options()) {
        known.emplace_back(option.key);
    }
    const auto near = nearest(key, known);
    throw bad_input(
        near.empty()
            ? fmt::format(fmt::runtime(_("a link has no setting '{}'")), key)
            : fmt::format(fmt::runtime(_("a link has no setting '{}'; did you mean '{}'?")), key, near));
}

void link_plan::set(std::string_view key, std::string_view text) {
    bool both = true;
    side only = side::client;
    for (const auto one : {side::client, side::server}) {
        const std::string_view name = one == side::client ? "client:" : "server:";
        if (text.starts_with(name)) {
            text.remove_prefix(name.size());
            both = false;
            only = one;
        }
    }
    link_phase phase;
    const auto at = text.find('@');
    if (at != std::string_view::npos) {
        const auto when = text.substr(at + 1);
        const auto dots = when.find("..");
        phase.begin = parse_duration(when.substr(0, dots));
        if (dots != std::string_view::npos && !trimmed(when.substr(dots + 2)).empty()) {
            phase.end = parse_duration(when.substr(dots + 2));
        }
        if (phase.end <= phase.begin) {
            throw bad_input(fmt::format(fmt::runtime(_("'{}' ends before it begins; write 1s..3s")), when));
        }
    }
    const auto setter = link_setter(key, trimmed(text.substr(0, at)));
    for (const auto one : {side::client, side::server}) {
        if (!both && one != only) {
            continue;
        }
        if (at == std::string_view::npos) {
            setter(base[index(one)]);
        } else {
            auto timed = phase;
            timed.set.push_back(setter);
            phases[index(one)].push_back(std::move(timed));
        }
    }
}

}  // namespace aperto::lab
