// SPDX-License-Identifier: MIT
#include "lab/view/sockets.hpp"

#include "core/sentence.hpp"
#include "lab/analysis/quantity.hpp"
#include "lab/view/json_lines.hpp"
#include "lab/view/narrator.hpp"

#include <fmt/format.h>

#include <array>
#include <vector>

namespace aperto::lab {

namespace {

double milliseconds(duration value) { return static_cast<double>(value.count()) / 1e6; }

std::string timer_text(const socket_view& one) {
    const auto left = duration_text(one.timer_left);
    switch (one.timer) {
    case 1:
        return one.timer_tries == 0 ? sentence(_("retransmission in {}"), left)
                                    : sentence(_("retransmission in {}, after {}"), left, one.timer_tries);
    case 2:
        return sentence(_("keepalive in {}"), left);
    case 3:
        return sentence(_("end of TIME-WAIT in {}"), left);
    case 4:
        return sentence(_("window probe in {}"), left);
    default:
        return _("no timer");
    }
}

std::string socket_text(side host, const socket_view& one) {
    auto out = fmt::format("  {:<8}{} → {}  {}\n", side_text(host), one.local_port, one.remote_port,
                           state_name(one.state));
    if (one.has_info) {
        out += fmt::format("          snd_una {}  snd_nxt {}  rcv_nxt {}", number_text(one.snd_una),
                           number_text(one.snd_nxt), number_text(one.rcv_nxt));
        if (one.not_sent > 0) {
            out += "  " + sentence(_("{} not yet sent"), size_text(one.not_sent));
        }
        out += fmt::format("\n          cwnd {}  ssthresh {}  {}  SRTT {}  RTO {}\n",
                           number_text(one.congestion_window),
                           one.slow_start_threshold == 0 ? "–" : number_text(one.slow_start_threshold),
                           counted("{} segment in flight", "{} segments in flight", one.in_flight),
                           duration_text(one.srtt), duration_text(one.rto));
    }
    return out + "          " + timer_text(one) + "\n";
}

std::string_view timer_name(std::uint8_t timer) {
    constexpr std::array<std::string_view, 5> names{"none", "retransmission", "keepalive", "time-wait",
                                                    "window-probe"};
    return timer < names.size() ? names[timer] : names[0];
}

/// From the host on, without the braces.
std::string socket_fields(side host, const socket_view& one) {
    auto out = fmt::format(R"("from":"{}","sport":{},"dport":{},"state":"{}")", side_name(host),
                           one.local_port, one.remote_port, state_name(one.state));
    if (one.has_info) {
        out += fmt::format(R"(,"snd_una":{},"snd_nxt":{},"rcv_nxt":{},"not_sent":{},"cwnd":{})", one.snd_una,
                           one.snd_nxt, one.rcv_nxt, one.not_sent, one.congestion_window);
        if (one.slow_start_threshold != 0) {
            out += fmt::format(R"(,"ssthresh":{})", one.slow_start_threshold);
        }
        out +=
            fmt::format(R"(,"in_flight":{},"srtt_ms":{:.3f},"rttvar_ms":{:.3f},"rto_ms":{:.3f},"resent":{})",
                        one.in_flight, milliseconds(one.srtt), milliseconds(one.rttvar),
                        milliseconds(one.rto), one.retransmissions);
    }
    if (one.timer != 0) {
        out += fmt::format(R"(,"timer":"{}","timer_ms":{:.0f},"timer_tries":{})", timer_name(one.timer),
                           milliseconds(one.timer_left), one.timer_tries);
    }
    return out;
}

}  // namespace

std::string stopping_text(const run_report& report) {
    if (!report.stopped) {
        return {};
    }
    const auto& place = *report.stopped;
    const auto at = seconds_text(place.at);
    auto out = place.packet == 0 ? sentence(_("stopped at {} s"), at)
                                 : sentence(_("stopped at packet {}, {} s"), place.packet, at);
    out += "\n";
    bool any = false;
    for (const auto host : {side::client, side::server}) {
        for (const auto& one : place.sockets[index(host)]) {
            out += socket_text(host, one);
            any = true;
        }
    }
    return any ? out : out + "  " + _("no host has a connection") + "\n";
}

std::string stopping_json(const run_report& report) {
    if (!report.stopped) {
        return {};
    }
    const auto& place = *report.stopped;
    auto out =
        fmt::format(R"({{"event":"stopped","at_us":{:.3f})", static_cast<double>(place.at.count()) / 1e3);
    if (place.packet != 0) {
        out += fmt::format(R"(,"packet":{})", place.packet);
    }
    out += "}";
    for (const auto host : {side::client, side::server}) {
        for (const auto& one : place.sockets[index(host)]) {
            out += "\n{\"event\":\"socket\"," + socket_fields(host, one) + "}";
        }
    }
    return out;
}

std::string sample_json(const socket_sample& one) {
    return fmt::format(R"({{"event":"sample","at_us":{:.3f},)", static_cast<double>(one.at.count()) / 1e3) +
           socket_fields(one.host, one.what) + "}";
}

}  // namespace aperto::lab
