// SPDX-License-Identifier: MIT
#include "core/i18n.hpp"
#include "lab/analysis/quantity.hpp"
#include "lab/hosts/box.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace aperto::lab {

std::vector<host_setting> textbook_settings() {
    return {
        {"ipv4/tcp_congestion_control", "reno",
         N_("congestion control: Reno (RFC 5681), which every kernel has and every user may choose")},
        {"ipv4/tcp_window_scaling", "1", N_("window scaling (RFC 7323) on")},
        {"ipv4/tcp_timestamps", "0",
         N_("timestamps (RFC 7323) off: a segment carries as much as its MSS says")},
        {"ipv4/tcp_sack", "1", N_("selective acknowledgement (RFC 2018) on")},
        {"ipv4/tcp_dsack", "1", N_("duplicates are reported (D-SACK, RFC 2883)")},
        {"ipv4/tcp_recovery", "1", N_("loss is detected by RACK (RFC 8985)")},
        {"ipv4/tcp_early_retrans", "0", N_("tail loss probes off")},
        {"ipv4/tcp_rto_min_us", "200000",
         N_("the retransmission timeout is at least 200 ms above the round trip")},
        {"ipv4/tcp_frto", "0", N_("forward RTO-recovery off")},
        {"ipv4/tcp_ecn", "0", N_("explicit congestion notification off")},
        {"ipv4/tcp_comp_sack_nr", "0", N_("ACKs with SACK are not held back to be merged")},
        {"ipv4/tcp_autocorking", "0",
         N_("a write is not kept back because the host still has packets to send")},
        {"ipv4/tcp_syn_linear_timeouts", "0", N_("the SYN timer doubles from the first time on")},
        {"ipv4/tcp_syn_retries", "6", N_("a SYN is sent again up to 6 times")},
        {"ipv4/tcp_synack_retries", "5", N_("a SYN/ACK is sent again up to 5 times")},
        {"ipv4/tcp_fastopen", "0", N_("no data in a SYN")},
        {"ipv4/tcp_slow_start_after_idle", "1", N_("slow start again after a pause (RFC 5681)")},
        {"ipv4/tcp_mtu_probing", "0", N_("path MTU by ICMP alone")},
        {"ipv4/tcp_no_metrics_save", "1", N_("nothing is remembered from one connection to the next")},
        {"ipv4/tcp_moderate_rcvbuf", "1", N_("the receive buffer grows with need")},
        {"ipv4/tcp_rmem", "4096 131072 6291456", N_("receive buffer: 4 KiB to 6 MiB, 128 KiB at first")},
        {"ipv4/tcp_wmem", "4096 16384 4194304", N_("send buffer: 4 KiB to 4 MiB, 16 KiB at first")},
        {"ipv4/tcp_keepalive_time", "7200", N_("keepalive after two hours, where a program asks for it")},
        {"ipv4/ip_unprivileged_port_start", "0", N_("any port may be listened on")},
    };
}

void change_setting(std::vector<host_setting>& settings, const std::string& assignment) {
    const auto equals = assignment.find('=');
    auto name = std::string(trimmed(std::string_view(assignment).substr(0, equals)));
    std::replace(name.begin(), name.end(), '.', '/');
    const bool empty = name.empty();
    if (name.starts_with("net/")) {
        name.erase(0, 4);
    }
    if (name.find('/') == std::string::npos) {
        name.insert(0, "ipv4/");
    }
    const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '/' || c == '-';
    });
    if (equals == std::string::npos || empty || !plain || name.find("//") != std::string::npos) {
        throw bad_input(
            fmt::format(fmt::runtime(_("'{}' is no setting; write tcp_timestamps=1")), assignment));
    }
    const auto value = std::string(trimmed(std::string_view(assignment).substr(equals + 1)));
    const auto old =
        std::find_if(settings.begin(), settings.end(), [&](const auto& one) { return one.name == name; });
    if (old != settings.end()) {
        *old = {name, value, {}, true};
    } else {
        settings.push_back({name, value, {}, true});
    }
}

duration parse_rto_min(const std::string& text) {
    using namespace std::chrono_literals;
    const auto value = parse_duration(text);
    if (value < 1ms || value > 120s) {
        throw bad_input(
            fmt::format(fmt::runtime(_("a smallest retransmission timeout is 1 ms to 120 s, not {}")), text));
    }
    return std::chrono::duration_cast<std::chrono::milliseconds>(value);
}

sender_traits traits_of(const host_plan& plan) {
    using namespace std::chrono_literals;
    sender_traits out{true, 200ms};
    for (const auto& one : plan.settings) {
        if (one.name == "ipv4/tcp_early_retrans") {
            out.tail_probes =
                one.value == "3" || one.value == "4";  // 1 and 2 have had no effect since Linux 4.13
        } else if (one.name == "ipv4/tcp_rto_min_us") {
            out.rto_min = std::chrono::microseconds(std::strtoul(one.value.c_str(), nullptr, 10));
        }
    }
    if (plan.rto_min > 0ms) {  // the route's comes before the setting
        out.rto_min = plan.rto_min;
    }
    return out;
}

}  // namespace aperto::lab
