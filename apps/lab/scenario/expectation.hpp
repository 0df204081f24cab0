// SPDX-License-Identifier: MIT
#pragma once

#include "lab/analysis/selector.hpp"
#include "lab/scenario/report.hpp"

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace aperto::lab {

/// Something a scenario says must be seen, as a sentence:
///
///     SELECTOR OP NUMBER                    retransmissions of client data#3 = 1
///     from SELECTOR to SELECTOR takes TIME  from server syn-ack#1 to retransmission-of server syn-ack#1
///     takes 1s ± 20% handshake takes 1.0 s ± 20 %          from the first SYN to the last ACK's arrival
///     payload intact                        every byte that entered the wire left it, in order, once
///     client exits 0                        also: server exits 0
///     zero-window episodes >= 1             time in zero window >= 100ms
///     connections = 1
///     client bytes = 50000                  that arrived; also: server bytes
///     largest client segment <= 560         in bytes; smallest, server
///     client mss = 1460                     as offered
///     client rtt median <= 30ms             min, median, p99, last; server
///     client computed rto = 220ms ± 10%     RFC 6298 with Linux's minimum, at the end; also: computed srtt
///     client kernel rto = 220ms ± 10%       the kernel's own, as last seen; also: kernel srtt
///     client computed rto = kernel ± 25%    the two beside each other; also: computed srtt
///     client kernel TCPTimeouts >= 1        any counter of /proc/net/snmp or netstat
///     server reported reads >= 2            the last `reads=NUMBER` the program printed
///     client prints "OLÁ"                   some line of its output holds it
///     goodput from client >= 1mbit
///     client cwnd max >= 40                 segments, of the samples; first, last, min; also: ssthresh
///
/// OP: = != < <= > >=, or `takes` for times; `± 20 %` or `± 5ms` (or +-) makes = a range.
struct expectation {
    enum class subject {
        count,
        gap,
        handshake,
        intact,
        exits,
        episodes,
        zero_time,
        connections,
        bytes,
        largest,
        smallest,
        mss,
        rtt,
        computed,
        kernel_timer,
        kernel_counter,
        reported,
        prints,
        goodput,
        cwnd,
        ssthresh
    };
    subject what = subject::count;
    selector first;   ///< count; gap's start
    selector second;  ///< gap's end
    side host = side::client;
    std::string word;  ///< which rtt, which timer, which counter, what is printed
    std::string op = "=";
    double value = 0;  ///< nanoseconds, bytes, bits a second or a number
    double tolerance = 0;
    bool against_kernel = false;  ///< `value` is the kernel's own, `tolerance` a share of it
    std::string text;
};

/// Throws `bad_input` with the place where the sentence stops making sense.
expectation parse_expectation(std::string_view text);

/// Whether its value is a time.
bool measures_time(const expectation& one);

/// Whether one held, and the packets and figures that show it.
struct verdict {
    bool holds = false;
    std::string text;
    std::string evidence;
    std::optional<double> measured =
        {};  ///< what was compared: nanoseconds, bytes, bits a second or a number
    std::vector<std::uint64_t> packets = {};  ///< the first ones that show it
};

/// Collects what one expectation needs while packets pass, and judges at the end.
class judge {
public:
    explicit judge(expectation expected) : expected_(std::move(expected)) {}

    void see(const event& one);
    /// A line that a program printed.
    void hear(side from, const std::string& line);
    verdict decide(const run_report& report) const;
    const expectation& expected() const noexcept { return expected_; }

private:
    struct sight {
        std::uint64_t number;
        instant at;
    };
    void keep(const sight& one);
    void see_window(const event& one, instant at);
    verdict decide_alone(const run_report& report) const;
    verdict decide_program(const run_report& report) const;
    std::string sights_text() const;

    expectation expected_;
    std::set<std::pair<std::uint32_t, side>> closed_;  ///< whose window is at 0, of which connection
    std::uint64_t count_ = 0;
    std::vector<sight> sights_;  ///< the first few
    std::optional<sight> gap_begin_;
    std::optional<sight> gap_end_;
    std::optional<std::uint32_t> largest_;
    std::optional<std::uint32_t> smallest_;
    sight largest_at_{};
    std::optional<double> reported_;      ///< last
    std::optional<std::string> printed_;  ///< the first line that has the word
};

/// Why a run of a scenario shows nothing, however many of its expectations hold; empty when it counts. One in
/// which the client never ran counts only where `connections = 0` is expected; one in which nothing was said,
/// where an expectation speaks of `connections` or of a client that fails (`client exits 1`).
std::string why_void(const run_report& report, const std::vector<expectation>& expected);

}  // namespace aperto::lab
