// SPDX-License-Identifier: MIT
#include "lab/view/json_lines.hpp"

#include "lab/view/narrator.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>

namespace aperto::lab {

namespace {

struct named_bit {
    std::uint32_t bit;
    std::string_view name;
};

constexpr std::array<named_bit, 15> marks{{{mark::retransmission, "retransmission"},
                                           {mark::duplicate_ack, "duplicate-ack"},
                                           {mark::sack, "sack"},
                                           {mark::dsack, "d-sack"},
                                           {mark::zero_window, "zero-window"},
                                           {mark::window_update, "window-update"},
                                           {mark::probe, "probe"},
                                           {mark::keepalive, "keepalive"},
                                           {mark::out_of_order, "out-of-order"},
                                           {mark::fills_gap, "fills-gap"},
                                           {mark::seen_before, "seen-before"},
                                           {mark::overtaken, "overtaken"},
                                           {mark::bad_checksum, "bad-checksum"},
                                           {mark::window_full, "window-full"},
                                           {mark::congestion, "ce"}}};
constexpr std::array<named_bit, 7> faults{{{fault::corrupted, "corrupted"},
                                           {fault::duplicated, "duplicated"},
                                           {fault::copy, "copy"},
                                           {fault::held, "held"},
                                           {fault::reordered, "reordered"},
                                           {fault::ce_marked, "ce-marked"},
                                           {fault::made_by_wire, "made-by-wire"}}};

std::string name_list(const std::vector<std::string_view>& names) {
    std::string out = "[";
    for (const auto name : names) {
        out += fmt::format("{}\"{}\"", out.size() > 1 ? "," : "", name);
    }
    return out + "]";
}

void add_tcp(const event& one, std::string& out) {
    const auto& seen = one.seen;
    out += fmt::format(
        R"(,"flow":{},"sport":{},"dport":{},"flags":"{}","seq":{},"end_seq":{},"ack":{},"window":{},"payload":{})",
        one.flow, seen.source_port, seen.destination_port, flags_text(seen.flags), one.sequence,
        one.end_sequence, one.acknowledgement, one.window, seen.payload);
    out += fmt::format(R"(,"raw_seq":{},"raw_ack":{},"raw_window":{})", seen.sequence, seen.acknowledgement,
                       seen.window);
    const auto& options = seen.options;
    if (options.mss) {
        out += fmt::format(R"(,"mss":{})", *options.mss);
    }
    if (options.window_scale) {
        out += fmt::format(R"(,"wscale":{})", *options.window_scale);
    }
    if (options.sack_permitted) {
        out += R"(,"sack_permitted":true)";
    }
    if (options.has_timestamps) {
        out += fmt::format(R"(,"tsval":{},"tsecr":{})", options.timestamp, options.timestamp_echo);
    }
    if (options.sack_count > 0) {
        out += R"(,"sack":[)";
        for (std::size_t i = 0; i < options.sack_count; ++i) {
            out += fmt::format("{}[{},{}]", i == 0 ? "" : ",", one.sack[2 * i], one.sack[2 * i + 1]);
        }
        out += "]";
    }
    const auto data = one.ordinal[static_cast<std::size_t>(kind::data)];
    if (data != 0) {
        out += fmt::format(R"(,"data":{})", data);
    }
    if (one.is(mark::retransmission)) {
        out += fmt::format(R"(,"resent":{{"by":"{}","of":[{},{}],"times":{},"after_us":{}}})",
                           resend_name(one.resent_by), one.resent_first, one.resent_last, one.resent_times,
                           static_cast<double>(one.since_last.count()) / 1e3);
    }
    if (one.excerpt_size > 0) {
        out += R"(,"text":)" + json_string({one.excerpt.data(), one.excerpt_size});
    }
}

}  // namespace

std::string json_string(std::string_view text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string_view cause_name(loss_cause cause) {
    constexpr std::array<std::string_view, 12> names{"",      "random",    "burst",         "listed",
                                                     "named", "blackhole", "queue-packets", "queue-bytes",
                                                     "mtu",   "replayed",  "ended",         "refused"};
    return names.at(static_cast<std::size_t>(cause));
}

std::string_view resend_name(resend_cause cause) {
    constexpr std::array<std::string_view, resend_cause_count> names{
        "",        "timeout",      "after-timeout", "fast",          "tail-probe",
        "too-big", "repeated-syn", "syn-data",      "closed-window", "unknown"};
    return names.at(static_cast<std::size_t>(cause));
}

std::string_view side_name(side one) { return one == side::client ? "client" : "server"; }

std::vector<std::string_view> mark_names(const event& one) {
    std::vector<std::string_view> out;
    for (const auto& [bit, name] : marks) {
        if (one.is(bit)) {
            out.push_back(name);
        }
    }
    return out;
}

std::vector<std::string_view> fault_names(const event& one) {
    std::vector<std::string_view> out;
    for (const auto& [bit, name] : faults) {
        if (one.struck(bit)) {
            out.push_back(name);
        }
    }
    return out;
}

std::string event_json(const event& one, const std::vector<named_fault>& named) {
    auto out = fmt::format(R"({{"event":"packet","n":{},"from":"{}","sent_us":{:.3f})", one.number,
                           side_name(one.from), static_cast<double>(one.sent.count()) / 1e3);
    if (one.end == fate::delivered) {
        out += fmt::format(R"(,"arrived_us":{:.3f})", static_cast<double>(one.arrived.count()) / 1e3);
    }
    out += fmt::format(R"(,"fate":"{}")", one.end == fate::lost ? "lost" : "delivered");
    if (one.lost_by != loss_cause::none) {
        out += fmt::format(R"(,"cause":"{}")", cause_name(one.lost_by));
    }
    if (one.rule >= 0 && static_cast<std::size_t>(one.rule) < named.size()) {
        out += R"(,"rule":)" + json_string(named[static_cast<std::size_t>(one.rule)].text);
    }
    if (one.faults != 0) {
        out += R"(,"faults":)" + name_list(fault_names(one));
    }
    if (one.struck(fault::corrupted)) {
        out += fmt::format(R"(,"corrupt_bit":{})", one.corrupt_bit);
    }
    if (one.copy_of != 0) {
        out += fmt::format(R"(,"copy_of":{})", one.copy_of);
    }
    if (one.marks != 0) {
        out += R"(,"marks":)" + name_list(mark_names(one));
    }
    out += fmt::format(R"(,"length":{},"ttl":{},"ecn":{},"ip_id":{})", one.seen.length, one.seen.ttl,
                       one.seen.ecn, one.seen.id);
    if (one.seen.is_tcp) {
        add_tcp(one, out);
    } else {
        out += fmt::format(R"(,"protocol":{})", one.seen.protocol);
        if (one.seen.icmp_mtu != 0) {
            out += fmt::format(R"(,"icmp_mtu":{})", one.seen.icmp_mtu);
        }
    }
    return out + "}";
}

}  // namespace aperto::lab
