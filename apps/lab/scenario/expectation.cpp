// SPDX-License-Identifier: MIT
#include "lab/scenario/expectation.hpp"

#include "core/sentence.hpp"
#include "lab/analysis/quantity.hpp"

#include <algorithm>
#include <charconv>

namespace aperto::lab {

namespace {

using subject = expectation::subject;
constexpr std::size_t sights_kept = 4;

bool compare(double seen, const expectation& wanted) {
    if (wanted.op == "=") {
        return seen >= wanted.value - wanted.tolerance && seen <= wanted.value + wanted.tolerance;
    }
    if (wanted.op == "!=") {
        return seen != wanted.value;
    }
    if (wanted.op == "<") {
        return seen < wanted.value;
    }
    if (wanted.op == "<=") {
        return seen <= wanted.value;
    }
    return wanted.op == ">" ? seen > wanted.value : seen >= wanted.value;
}

std::string packet_text(std::uint64_t number, instant at) {
    return sentence(_("packet {}, {} s"), number, seconds_text(at));
}

verdict judged(const expectation& wanted, double seen, const std::string& evidence) {
    return {compare(seen, wanted), wanted.text, evidence, seen};
}

verdict judged_time(const expectation& wanted, std::optional<duration> seen, const std::string& more = {},
                    const char* words = N_("it took {}")) {
    if (!seen) {
        return {false, wanted.text, _("it did not happen")};
    }
    return judged(wanted, static_cast<double>(seen->count()),
                  sentence(_(words), duration_text(*seen)) + more);
}

std::optional<double> reported_number(const std::string& line, const std::string& name) {
    const auto key = name + "=";
    auto at = line.find(key);
    while (at != std::string::npos && at > 0 && line[at - 1] != ' ') {
        at = line.find(key, at + 1);  // "digest_received=" is not "received="
    }
    if (at == std::string::npos) {
        return std::nullopt;
    }
    double value = 0;
    const auto* begin = line.data() + at + key.size();
    const bool is_number = std::from_chars(begin, line.data() + line.size(), value).ec == std::errc{};
    return is_number ? std::optional(value) : std::nullopt;
}

std::vector<duration> round_trips(const run_report& report, side host) {
    std::vector<duration> all;
    for (const auto& one : report.flows) {
        const auto& some = one.half(host).round_trips;
        all.insert(all.end(), some.begin(), some.end());
    }
    return all;
}

verdict judge_round_trip(const expectation& wanted, const run_report& report) {
    const auto all = round_trips(report, wanted.host);
    if (all.empty()) {
        return {false, wanted.text, _("no round trip was measured")};
    }
    const auto value = wanted.word == "last" ? all.back()
                                             : quantile(all, wanted.word == "min"      ? 0
                                                             : wanted.word == "median" ? 0.5
                                                                                       : 0.99);
    return judged_time(wanted, value, counted(", from {} round trip", ", from {} round trips", all.size()),
                       N_("it was {}"));
}

const kernel_sample* last_sample(const expectation& wanted, const run_report& report) {
    const auto& all = report.kernel_samples;
    const auto last = std::find_if(all.rbegin(), all.rend(),
                                   [&](const kernel_sample& one) { return one.host == wanted.host; });
    return last == all.rend() ? nullptr : &*last;
}

verdict judge_kernel_timer(const expectation& wanted, const run_report& report) {
    const auto* last = last_sample(wanted, report);
    if (last == nullptr) {
        return {false, wanted.text, _("the kernel was not asked in time")};
    }
    const auto when = seconds_text(last->at);
    return judged_time(wanted, wanted.word == "rto" ? last->what.rto : last->what.srtt,
                       sentence(_(", as the kernel said at {} s"), when), N_("it was {}"));
}

verdict judge_computed(const expectation& wanted, const run_report& report) {
    if (report.flows.empty() || !report.flows.front().half(wanted.host).timer.has_sample()) {
        return {false, wanted.text, _("no round trip was measured")};
    }
    const auto& timer = report.flows.front().half(wanted.host).timer;
    const auto seen = wanted.word == "rto" ? timer.rto_linux() : timer.srtt();
    if (!wanted.against_kernel) {
        return judged_time(wanted, seen,
                           counted(", from {} round trip", ", from {} round trips", timer.samples()),
                           N_("it was {}"));
    }
    const auto* last = last_sample(wanted, report);
    if (last == nullptr) {
        return {false, wanted.text, _("the kernel was not asked in time")};
    }
    const auto kernel = wanted.word == "rto" ? last->what.rto : last->what.srtt;
    auto bounds = wanted;
    bounds.value = static_cast<double>(kernel.count());
    bounds.tolerance = wanted.tolerance * bounds.value;
    return judged(bounds, static_cast<double>(seen.count()),
                  sentence(_("{} computed, {} in the kernel"), duration_text(seen), duration_text(kernel)));
}

verdict judge_handshake(const expectation& wanted, const run_report& report) {
    std::optional<duration> took;
    if (!report.flows.empty() && report.flows.front().established && report.flows.front().syn_sent) {
        took = *report.flows.front().established - *report.flows.front().syn_sent;
    }
    return judged_time(wanted, took);
}

verdict judge_goodput(const expectation& wanted, const run_report& report) {
    const auto seen = goodput(report, wanted.host);
    return judged(wanted, seen, sentence(_("saw {}"), rate_text(seen)));
}

verdict judge_window(const expectation& wanted, const run_report& report) {
    const auto seen = window_sampled(report, wanted.host, wanted.what == subject::ssthresh, wanted.word);
    return seen ? judged(wanted, seen->segments,
                         counted("it was {0} segment at {1} s", "it was {0} segments at {1} s",
                                 seen->segments, seconds_text(seen->at)))
                : verdict{false, wanted.text, _("no sample has it (samples = \"5ms\")")};
}

/// Of every connection: the evidence is the first that does not hold, or the last.
verdict judge_mss(const expectation& wanted, const run_report& report) {
    double seen = 0;
    for (const auto& one : report.flows) {
        seen = one.half(wanted.host).mss.value_or(0);
        if (!compare(seen, wanted)) {
            break;
        }
    }
    return judged(wanted, seen, sentence(_("saw {}"), number_text(static_cast<std::uint64_t>(seen))));
}

verdict judge_sum(const expectation& wanted, const run_report& report) {
    std::uint64_t sum = 0;
    duration shut{};
    for (const auto& one : report.flows) {
        sum += wanted.what == subject::bytes ? one.half(wanted.host).arrived.bytes() : 0;
        for (const auto& any : one.halves) {
            sum += wanted.what == subject::episodes ? any.zero_window_episodes : 0;
            shut += any.time_closed;
        }
    }
    if (wanted.what == subject::zero_time) {
        return judged_time(wanted, shut);
    }
    return judged(wanted, static_cast<double>(sum), sentence(_("saw {}"), number_text(sum)));
}

}  // namespace

void judge::hear(side from, const std::string& line) {
    if (from != expected_.host) {
        return;
    }
    if (expected_.what == subject::prints && !printed_ && line.find(expected_.word) != std::string::npos) {
        printed_ = line;
    } else if (expected_.what == subject::reported) {
        const auto number = reported_number(line, expected_.word);
        reported_ = number ? number : reported_;
    }
}

verdict judge::decide_program(const run_report& report) const {
    if (expected_.what == subject::exits) {
        const auto& program = report.programs[index(expected_.host)];
        const auto seen = program.ended ? sentence(_("it ended with {}"), program.code)
                                        : std::string(_("it did not end by itself"));
        return {program.ended && compare(program.code, expected_), expected_.text, seen};
    }
    if (expected_.what == subject::prints) {
        return {printed_.has_value(), expected_.text, printed_.value_or(_("no line of its output has it"))};
    }
    return reported_
               ? judged(expected_, *reported_, sentence(_("it reported {}={}"), expected_.word, *reported_))
               : verdict{false, expected_.text, sentence(_("it did not report {}=NUMBER"), expected_.word)};
}

void judge::keep(const sight& one) {
    if (sights_.size() < sights_kept) {
        sights_.push_back(one);
    }
}

/// Keeps the packets that shut a window.
void judge::see_window(const event& one, instant at) {
    const std::pair whose(one.flow, one.from);
    if (one.is(mark::zero_window)) {
        if (closed_.insert(whose).second) {
            ++count_;
            keep({one.number, at});
        }
    } else if (one.window > 0) {
        closed_.erase(whose);
    }
}

std::string judge::sights_text() const {
    std::string text;
    for (const auto& one : sights_) {
        text += (text.empty() ? ": " : "; ") + packet_text(one.number, one.at);
    }
    return text + (count_ > sights_.size() ? "; …" : "");
}

void judge::see(const event& one) {
    const auto at = one.end == fate::delivered ? one.arrived : one.sent;
    switch (expected_.what) {
    case subject::count:
        if (expected_.first.matches(one)) {
            ++count_;
            keep({one.number, at});
        }
        break;
    case subject::episodes:
    case subject::zero_time:
        see_window(one, at);
        break;
    case subject::gap:
        if (!gap_begin_ && expected_.first.matches(one)) {
            gap_begin_ = {one.number, one.sent};
        } else if (gap_begin_ && !gap_end_ && expected_.second.matches(one)) {
            gap_end_ = {one.number, one.sent};
        }
        break;
    case subject::largest:
    case subject::smallest:
        if (one.from == expected_.host && one.seen.payload > 0 && one.end == fate::delivered &&
            !one.struck(fault::copy)) {
            if (!largest_ || one.seen.payload > *largest_) {
                largest_at_ = {one.number, at};
            }
            largest_ = std::max(largest_.value_or(0), one.seen.payload);
            smallest_ = std::min(smallest_.value_or(one.seen.payload), one.seen.payload);
        }
        break;
    default:
        break;
    }
}

verdict judge::decide(const run_report& report) const {
    auto out = decide_alone(report);
    for (const auto& one : sights_) {
        out.packets.push_back(one.number);
    }
    for (const auto& one : {gap_begin_, gap_end_}) {
        if (one) {
            out.packets.push_back(one->number);
        }
    }
    return out;
}

verdict judge::decide_alone(const run_report& report) const {
    switch (expected_.what) {
    case subject::count:
        return judged(expected_, static_cast<double>(count_),
                      sentence(_("saw {}"), number_text(count_)) + sights_text());
    case subject::gap:
        if (!gap_begin_ || !gap_end_) {
            return {false, expected_.text,
                    !gap_begin_ ? _("the first of the two was not seen")
                                : _("the second of the two was not seen after the first")};
        }
        return judged_time(expected_, gap_end_->at - gap_begin_->at,
                           ": " + packet_text(gap_begin_->number, gap_begin_->at) + "; " +
                               packet_text(gap_end_->number, gap_end_->at));
    case subject::handshake:
        return judge_handshake(expected_, report);
    case subject::intact:
        return {report.payload_intact() && !report.flows.empty(), expected_.text,
                report.payload_intact() ? _("checksums at both ends of the wire are equal")
                                        : _("what arrived is not what was sent")};
    case subject::connections:
        return judged(expected_, static_cast<double>(report.flows.size()),
                      sentence(_("saw {}"), report.flows.size()));
    case subject::largest:
    case subject::smallest: {
        const auto value = expected_.what == subject::largest ? largest_ : smallest_;
        return value ? judged(expected_, *value,
                              sentence(_("{} B; the largest was {}"), number_text(*value),
                                       packet_text(largest_at_.number, largest_at_.at)))
                     : verdict{false, expected_.text, _("no data arrived")};
    }
    case subject::goodput:
        return judge_goodput(expected_, report);
    case subject::cwnd:
    case subject::ssthresh:
        return judge_window(expected_, report);
    case subject::mss:
        return judge_mss(expected_, report);
    case subject::rtt:
        return judge_round_trip(expected_, report);
    case subject::computed:
        return judge_computed(expected_, report);
    case subject::kernel_timer:
        return judge_kernel_timer(expected_, report);
    case subject::kernel_counter: {
        const auto& counters = report.kernel[index(expected_.host)].at_end;
        const auto found = counters.find(expected_.word);
        return found == counters.end() ? verdict{false, expected_.text, _("this kernel has no such counter")}
                                       : judged(expected_, static_cast<double>(found->second),
                                                sentence(_("the kernel counted {}"), found->second));
    }
    case subject::exits:
    case subject::prints:
    case subject::reported:
        return decide_program(report);
    default: {
        auto decided = judge_sum(expected_, report);
        decided.evidence += sights_text();
        return decided;
    }
    }
}

namespace {

bool expects_no_connection(const expectation& one) {
    return one.what == expectation::subject::connections && one.op == "=" && one.value == 0;
}

bool expects_silence(const expectation& one) {
    const bool client_fails =
        one.what == expectation::subject::exits && one.host == side::client && one.value != 0;
    return client_fails || one.what == expectation::subject::connections;
}

bool somebody_talked(const run_report& report) {
    return report.datagrams > 0 || std::any_of(report.flows.begin(), report.flows.end(),
                                               [](const flow& one) { return one.established.has_value(); });
}

}  // namespace

std::string why_void(const run_report& report, const std::vector<expectation>& expected) {
    if (report.interrupted != 0) {
        return _("interrupted");
    }
    if (report.timed_out) {
        return _("the time was up");
    }
    if (report.wire_failed()) {
        return _("the wire lost what it was not told to lose");
    }
    if (!report.programs[index(side::client)].started) {
        return std::any_of(expected.begin(), expected.end(), expects_no_connection)
                   ? std::string()
                   : sentence(_("the server ended with {} before it was ready, so the client did not run"),
                              report.programs[index(side::server)].code);
    }
    if (!somebody_talked(report) && std::none_of(expected.begin(), expected.end(), expects_silence)) {
        return _("no connection was made and no datagram arrived");
    }
    return {};
}

}  // namespace aperto::lab
