// SPDX-License-Identifier: MIT
#include "lab/view/summary.hpp"

#include "core/display.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"
#include "lab/analysis/quantity.hpp"
#include "lab/scenario/lesson.hpp"
#include "lab/scenario/report.hpp"
#include "lab/view/json_lines.hpp"
#include "lab/view/narrator.hpp"
#include "lab/view/page.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace aperto::lab {

namespace {

constexpr std::size_t flows_shown_max = 5;

std::string row(const char* name, const std::string& text) {
    const std::string head = sentence("  {}", name);
    const auto columns = display_width(head);
    return head + std::string(columns < summary_indent ? summary_indent - columns : 1, ' ') + text + "\n";
}

std::string joined(const std::vector<std::string>& parts) {
    return fmt::format("{}", fmt::join(parts, " · "));
}

std::string handshake_row(const flow& one) {
    std::vector<std::string> parts;
    if (!one.established) {
        parts.emplace_back(one.syn_sent ? _("no: the handshake did not complete")
                                        : _("its beginning was not seen"));
    } else {
        parts.push_back(sentence(_("yes, the {} asked"), side_text(one.opened_by)));
        if (one.syn_sent && one.syn_ack_arrived) {
            parts.push_back(sentence(
                one.handshake_repeated ? _("{} from the first SYN to its answer") : _("round trip {}"),
                duration_text(*one.syn_ack_arrived - *one.syn_sent)));
        }
    }
    const auto& client = one.half(side::client);
    const auto& server = one.half(side::server);
    if (client.mss && server.mss) {
        parts.push_back(sentence(_("MSS {} B to the server, {} B to the client"), number_text(*server.mss),
                                 number_text(*client.mss)));
    }
    if (client.mss && server.mss) {
        parts.push_back(sentence(_("room for {} B at the server, {} B at the client (windows)"),
                                 number_text(server.syn_window), number_text(client.syn_window)));
    }
    if (client.sack_permitted && server.sack_permitted) {
        parts.emplace_back("SACK");
    }
    return row(_("established"), joined(parts));
}

std::string order_row(const flow& one) {
    std::vector<std::string> parts;
    for (const auto from : {side::client, side::server}) {
        const auto& half = one.half(from);
        if (half.arrived_out_of_order > 0) {
            parts.push_back(counted("{} segment from the {} arrived out of order and was put in order",
                                    "{} segments from the {} arrived out of order and were put in order",
                                    half.arrived_out_of_order, side_text(from)));
        }
        if (half.arrived_again > 0) {
            parts.push_back(counted("{} segment from the {} arrived a second time and was delivered once",
                                    "{} segments from the {} arrived a second time and were delivered once",
                                    half.arrived_again, side_text(from)));
        }
    }
    if (!parts.empty()) {
        return row(_("in order"), joined(parts));
    }
    const bool none = one.half(side::client).arrived.bytes() + one.half(side::server).arrived.bytes() == 0;
    return row(_("in order"), none ? _("no data arrived") : _("yes, nothing arrived out of order"));
}

std::string complete_row(const flow& one) {
    if (one.half(side::client).written.bytes() + one.half(side::server).written.bytes() == 0) {
        return row(_("complete"), _("no data was sent"));
    }
    std::vector<std::string> parts;
    for (const auto from : {side::client, side::server}) {
        const auto& half = one.half(from);
        const bool equal = half.written.digest() == half.arrived.digest();
        const auto arrow = from == side::client ? "→" : "←";
        parts.push_back(
            equal ? sentence(_("{} {} B, checksums equal"), arrow, number_text(half.arrived.bytes()))
                  : sentence(_("{} {} B sent, {} B arrived: NOT EQUAL"), arrow,
                             number_text(half.written.bytes()), number_text(half.arrived.bytes())));
    }
    return row(_("complete"), joined(parts));
}

std::string resent_row(const flow& one) {
    std::vector<std::string> parts;
    constexpr std::array<const char*, resend_cause_count> names{"",
                                                                N_("timeout"),
                                                                N_("after a timeout"),
                                                                N_("fast retransmit or RACK"),
                                                                N_("tail loss probe"),
                                                                N_("too large for the path"),
                                                                N_("answering a repeated SYN"),
                                                                N_("not taken with the SYN"),
                                                                N_("into a closed window"),
                                                                N_("cause unknown")};
    for (const auto from : {side::client, side::server}) {
        const auto& half = one.half(from);
        if (half.resent == 0) {
            continue;
        }
        std::vector<std::string> causes;
        for (std::size_t i = 1; i < names.size(); ++i) {
            if (half.resent_by[i] > 0) {
                causes.push_back(fmt::format("{}: {}", _(names[i]), number_text(half.resent_by[i])));
            }
        }
        parts.push_back(sentence(_("{} by the {} ({})"), number_text(half.resent), side_text(from),
                                 fmt::format("{}", fmt::join(causes, ", "))));
    }
    return row(_("sent again"), parts.empty() ? std::string(_("nothing")) : joined(parts));
}

std::string time_row(const flow& one) {
    std::vector<std::string> parts;
    for (const auto from : {side::client, side::server}) {
        const auto& half = one.half(from);
        if (!half.round_trips.empty()) {
            parts.push_back(sentence(_("{}: {} min, {} median, {} p99"), side_text(from),
                                     duration_text(quantile(half.round_trips, 0)),
                                     duration_text(quantile(half.round_trips, 0.5)),
                                     duration_text(quantile(half.round_trips, 0.99))));
        }
    }
    return parts.empty() ? std::string() : row(_("round trip"), joined(parts));
}

std::string goodput_row(const flow& one) {
    std::vector<std::string> parts;
    constexpr std::uint64_t worth_telling = 10'000;
    for (const auto from : {side::client, side::server}) {
        const auto rate = goodput(one.half(from));
        if (rate > 0 && one.half(from).arrived.bytes() >= worth_telling) {
            parts.push_back(fmt::format("{} {}", from == side::client ? "→" : "←", rate_text(rate)));
        }
    }
    return parts.empty() ? std::string() : row(_("goodput"), joined(parts));
}

std::string window_row(const flow& one) {
    std::vector<std::string> parts;
    for (const auto from : {side::client, side::server}) {
        const auto& half = one.half(from);
        if (half.zero_window_episodes > 0) {
            parts.push_back(counted("the {1}'s window went to zero {0} time, for {2}",
                                    "the {1}'s window went to zero {0} times, for {2} in all",
                                    half.zero_window_episodes, side_text(from),
                                    duration_text(half.time_closed)));
        }
    }
    return row(_("never too much"), parts.empty() ? std::string(_("no window went to zero")) : joined(parts));
}

std::string flow_text(const flow& one, bool several) {
    std::string out;
    if (several) {
        out += sentence(_("connection {}: {} port {} to {} port {}"), one.number, one.opener_address.text(),
                        one.opener_port, one.listener_address.text(), one.listener_port) +
               "\n";
    }
    const auto under = [](topic word, const std::string& rows) { return topic_text(word) + "\n" + rows; };
    return out + under(topic::establishment, handshake_row(one) + time_row(one)) +
           under(topic::flow_control, window_row(one) + goodput_row(one)) +
           under(topic::sequence_control, order_row(one)) +
           under(topic::error_control, complete_row(one) + resent_row(one));
}

std::string losses_row(const run_report& report) {
    constexpr std::array<const char*, 12> names{"",
                                                N_("by chance"),
                                                N_("in bursts"),
                                                N_("on the list"),
                                                N_("by name"),
                                                N_("in a blackhole"),
                                                N_("queue full"),
                                                N_("queue full (bytes)"),
                                                N_("too large"),
                                                N_("replayed"),
                                                N_("under way at the end"),
                                                N_("refused")};
    constexpr std::array<const char*, 7> faults{N_("damaged"),           N_("duplicated"), "",
                                                N_("held back by name"), N_("held back"),  N_("CE-marked"),
                                                N_("ICMP by the wire")};
    std::vector<std::string> parts{counted("{} packet", "{} packets", report.packets),
                                   counted("{} lost", "{} lost", report.lost())};
    for (std::size_t i = 1; i < names.size(); ++i) {
        if (report.lost_by[i] > 0) {
            parts.push_back(fmt::format("{} {}", number_text(report.lost_by[i]), _(names[i])));
        }
    }
    for (std::size_t i = 0; i < faults.size(); ++i) {
        if (report.struck[i] > 0 && *faults[i] != '\0') {
            parts.push_back(fmt::format("{} {}", number_text(report.struck[i]), _(faults[i])));
        }
    }
    return row(_("on the wire"), joined(parts));
}

/// How the kernels' own counters stand beside the causes told; nothing where nothing was sent again.
std::string counts_row(const run_report& report) {
    std::vector<std::string> parts;
    bool any = false;
    for (const auto& one : compare_counts(report)) {
        any = any || one.wire > 0;
        if (!one.agrees()) {
            parts.push_back(sentence(_("{} {}: {} seen on the wire, {} counted"), side_text(one.host),
                                     one.counter, number_text(one.wire), number_text(one.kernel_most)));
        }
    }
    if (!parts.empty()) {
        return row(_("the kernels"), sentence(_("COUNT OTHERWISE: {}"), joined(parts)));
    }
    return any ? row(_("the kernels"), _("count the same, cause by cause")) : std::string();
}

std::string wire_row(const run_report& report) {
    const auto added = report.added_p99 == duration::zero()
                           ? std::string(_("the wire carried nothing"))
                           : sentence(_("beyond the delay it was told, the wire added {} (p50) {} (p99)"),
                                      duration_text(report.added_median), duration_text(report.added_p99));
    if (!report.wire_failed()) {
        return "  " + added + " · " + _("no packet was lost at the TUN devices") + "\n";
    }
    return "  " + added + "\n" +
           counted("THE RUN DOES NOT COUNT: at the TUN devices the kernel dropped {} packet and refused {}",
                   "THE RUN DOES NOT COUNT: at the TUN devices the kernel dropped {} packets and refused {}",
                   report.dropped_at_tun[0] + report.dropped_at_tun[1], number_text(report.refused)) +
           "\n";
}

}  // namespace

std::string summary_text(const run_report& report) {
    std::string out;
    std::size_t shown = 0;
    for (const auto& one : report.flows) {
        if (shown++ == flows_shown_max) {
            out += counted("… and {} more connection", "… and {} more connections",
                           report.flows.size() - flows_shown_max) +
                   "\n";
            break;
        }
        out += flow_text(one, report.flows.size() > 1);
    }
    if (report.flows.empty()) {
        out += std::string(_("no TCP packet crossed the wire")) + "\n";
    }
    return out + counts_row(report) + _("the wire") + "\n" + losses_row(report) + wire_row(report);
}

namespace {

std::string half_json(const flow_half& half) {
    const auto us = [](duration value) { return static_cast<double>(value.count()) / 1e3; };
    return fmt::format(
        R"({{"packets":{},"lost":{},"corrupted":{},"data_packets":{},"bytes_written":{},"bytes_arrived":{},"digest_written":"{}","digest_arrived":"{}",)"
        R"("resent":{},"resent_timeout":{},"resent_after_timeout":{},"resent_fast":{},"resent_tail_probe":{},"resent_too_big":{},"resent_repeated_syn":{},"resent_syn_data":{},"resent_closed_window":{},"resent_unknown":{},"out_of_order":{},"seen_before":{},)"
        R"("rtt_min_us":{:.1f},"rtt_median_us":{:.1f},"rtt_p99_us":{:.1f},"srtt_us":{:.1f},"rto_us":{:.1f},"goodput_bits":{:.0f},"zero_windows":{},"zero_window_us":{:.1f}}})",
        half.packets, half.packets_lost, half.packets_corrupted, half.data_packets, half.written.bytes(),
        half.arrived.bytes(), to_text(half.written.digest()), to_text(half.arrived.digest()), half.resent,
        half.resent_by[1], half.resent_by[2], half.resent_by[3], half.resent_by[4], half.resent_by[5],
        half.resent_by[6], half.resent_by[7], half.resent_by[8], half.resent_by[9], half.arrived_out_of_order,
        half.arrived_again, us(quantile(half.round_trips, 0)), us(quantile(half.round_trips, 0.5)),
        us(quantile(half.round_trips, 0.99)), us(half.timer.srtt()), us(half.timer.rto()), goodput(half),
        half.zero_window_episodes, us(half.time_closed));
}

}  // namespace

std::string summary_json(const run_report& report) {
    auto out = fmt::format(
        R"({{"event":"summary","seed":{},"packets":{},"lost":{},"payload_intact":{},"client_exit":{},"server_exit":{},)"
        R"("timed_out":{},"wire_added_p50_us":{:.2f},"wire_added_p99_us":{:.2f},"tun_drops":[{},{}],"refused":{},"connections":[)",
        report.seed, report.packets, report.lost(), report.payload_intact(), report.programs[0].code,
        report.programs[1].code, report.timed_out, static_cast<double>(report.added_median.count()) / 1e3,
        static_cast<double>(report.added_p99.count()) / 1e3, report.dropped_at_tun[0],
        report.dropped_at_tun[1], report.refused);
    for (const auto& one : report.flows) {
        out += fmt::format(R"({}{{"flow":{},"opened_by":"{}","established":{},"client":{},"server":{}}})",
                           one.number > 1 ? "," : "", one.number, side_name(one.opened_by),
                           one.established.has_value(), half_json(one.half(side::client)),
                           half_json(one.half(side::server)));
    }
    out += fmt::format(R"(],"counts_agree":{},"counts":[)", counts_agree(report));
    const char* between = "";
    for (const auto& one : compare_counts(report)) {
        out += fmt::format(R"({}{{"host":"{}","counter":"{}","wire":{},"kernel":[{},{}],"agrees":{}}})",
                           between, side_name(one.host), one.counter, one.wire, one.kernel_least,
                           one.kernel_most, one.agrees());
        between = ",";
    }
    out += R"(],"kernel":{)";
    for (const auto host : {side::client, side::server}) {
        out += fmt::format(R"({}"{}":{{)", host == side::client ? "" : ",", side_name(host));
        bool first = true;
        for (const auto& [name, value] : report.kernel[index(host)].at_end) {
            out += fmt::format(R"({}"{}":{})", first ? "" : ",", name, value);
            first = false;
        }
        out += "}";
    }
    return out + "}}";
}

std::string timer_table(const run_report& report, std::size_t rows_max) {
    if (report.kernel_samples.empty() || report.flows.empty()) {
        return {};
    }
    const auto& one = report.flows.front();
    const auto who = one.half(side::client).timer_steps.size() >= one.half(side::server).timer_steps.size()
                         ? side::client
                         : side::server;
    const auto& steps = one.half(who).timer_steps;
    auto out =
        sentence(_("the {}'s timer, in ms: as RFC 6298 computes it from what the wire saw, its minimum of "
                   "1 s left out, beside the kernel's own"),
                 side_text(who)) +
        "\n";
    out += fmt::format("{:>10}{:>10}{:>10}{:>10}{:>10}{:>14}{:>12}\n", "t", "RTT", "SRTT", "RTTVAR", "RTO",
                       "kernel SRTT", "kernel RTO");
    const auto stride =
        std::max<std::size_t>(1, steps.size() / rows_max + (steps.size() % rows_max != 0 ? 1 : 0));
    for (std::size_t i = 0; i < steps.size(); i += stride) {
        const auto& step = steps[i];
        out += fmt::format("{:>10}{:>10}{:>10}{:>10}{:>10}", milliseconds_text(step.at, 1),
                           milliseconds_text(step.round_trip, 1), milliseconds_text(step.srtt, 1),
                           milliseconds_text(step.rttvar, 1), milliseconds_text(step.rto, 1));
        const auto later = i + 1 < steps.size() ? steps[i + 1].at : instant::max();
        const auto sample = std::find_if(
            report.kernel_samples.begin(), report.kernel_samples.end(), [&](const kernel_sample& kernel) {
                return kernel.host == who && kernel.at > step.at && kernel.at <= later;
            });
        if (sample != report.kernel_samples.end()) {
            out += fmt::format("{:>14}{:>12}", milliseconds_text(sample->what.srtt, 1),
                               milliseconds_text(sample->what.rto, 1));
        }
        out += "\n";
    }
    return out;
}

namespace {

std::string for_xml(const std::string& text) { return for_markup(log_safe(text, 4096)); }

}  // namespace

bool scenario_result::passed() const {
    return error.empty() &&
           std::all_of(verdicts.begin(), verdicts.end(), [](const verdict& one) { return one.holds; });
}

std::string junit_xml(const std::vector<scenario_result>& results) {
    std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
    for (const auto& one : results) {
        const auto failures = std::count_if(one.verdicts.begin(), one.verdicts.end(),
                                            [](const verdict& v) { return !v.holds; });
        out += fmt::format(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.3f}\">\n",
            for_xml(one.name), one.verdicts.size() + 1, failures, one.error.empty() ? 0 : 1, one.seconds);
        out += fmt::format(
            "    <testcase classname=\"{}\" name=\"runs\" time=\"{:.3f}\">{}</testcase>\n", for_xml(one.name),
            one.seconds, one.error.empty() ? "" : fmt::format("<error message=\"{}\"/>", for_xml(one.error)));
        for (const auto& each : one.verdicts) {
            const auto body = each.holds ? fmt::format("<system-out>{}</system-out>", for_xml(each.evidence))
                                         : fmt::format("<failure message=\"{}\"/>", for_xml(each.evidence));
            out += fmt::format("    <testcase classname=\"{}\" name=\"{}\">{}</testcase>\n",
                               for_xml(one.name), for_xml(each.text), body);
        }
        out += "  </testsuite>\n";
    }
    return out + "</testsuites>\n";
}

}  // namespace aperto::lab
