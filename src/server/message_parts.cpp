// SPDX-License-Identifier: MIT
#include "server/message_parts.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace aperto {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr duration none{};

/// What Linux waits at the least before it acknowledges what it would rather acknowledge together with something
/// (TCP_DELACK_MIN, less a tick), and at the most, with time for a busy machine.
constexpr duration delay_least = milliseconds(32);
constexpr duration delay_most = milliseconds(260);

/// Gives each stretch of time to a part, in order.
class sharing {
public:
    sharing(message_record& to, time_point from) noexcept : to_(to), at_(from) {}
    /// What is left until then; nothing where it has passed.
    void until(message_part part, time_point end) noexcept {
        if (end <= at_) return;
        add(part, end - at_);
        at_ = end;
    }
    void add(message_part part, duration time) noexcept { to_.parts[static_cast<std::size_t>(part)] += time; }
    time_point at() const noexcept { return at_; }

private:
    message_record& to_;
    time_point at_;
};

/// Takes so much of what is left for a part, at the most.
void take(sharing& all, message_part part, duration& left, duration most) noexcept {
    const duration taken = std::clamp(most, none, left);
    all.add(part, taken);
    left -= taken;
}

time_point start_of(const message_times& of) noexcept {
    // Of a first message with a handshake the client has waited since there was a connection.
    const bool since_accepted = of.handshake != time_point{} && of.accepted < of.first;
    return since_accepted ? of.accepted : of.first;
}

void share_arrival(sharing& all, const message_times& of) noexcept {
    all.until(message_part::queue, of.accepted);
    all.until(message_part::handshake, of.handshake);
    all.until(message_part::client, of.last);
    all.until(message_part::reordering, of.in_order);
    duration waited = std::max(none, of.begun - all.at());
    all.until(message_part::loop, of.begun);
    const duration slept = std::min(of.asleep, waited);
    all.add(message_part::machine, slept);
    all.add(message_part::loop, -slept);
}

void share_handling(sharing& all, const message_times& of) noexcept {
    const duration whole = std::max(none, of.handled - all.at());
    all.until(message_part::handler, of.handled);
    const duration recording = std::min(of.recording, whole);
    all.add(message_part::journal, recording);
    all.add(message_part::handler, -recording);
    // Where the kernel had it all before the turn had ended, it was offered then.
    const bool went_at_once = of.queued != time_point{} && of.queued < of.offered;
    all.until(message_part::loop, went_at_once ? of.queued : of.offered);
}

/// What the kernel counted while the answer was in its hands.
struct counted {
    duration window{};
    duration buffer{};
    bool sent_again = false;
    bool reordered = false;
    duration way{};  ///< there and back, at its best
};

counted count_up(const message_times& of) noexcept {
    counted all;
    if (!of.before || !of.after) return all;
    const io::send_counts& before = of.before->sending;
    const io::send_counts& after = *of.after;
    const auto more = [](std::uint64_t now, std::uint64_t then) {
        return duration(microseconds(now > then ? now - then : 0));
    };
    all.window = more(after.window_limited, before.window_limited);
    all.buffer = more(after.buffer_limited, before.buffer_limited);
    all.sent_again = after.bytes_retransmitted > before.bytes_retransmitted ||
                     after.retransmissions > before.retransmissions;
    all.reordered = after.reorder_seen > before.reorder_seen;
    if (after.rtt_min != std::numeric_limits<std::uint32_t>::max()) all.way = microseconds(after.rtt_min);
    return all;
}

/// With Nagle's algorithm a last part that fills no segment waits for the acknowledgement of one before it that was sent
/// so (Minshall's variant, as Linux has it), which the client delays.
bool waits_for_acknowledgement(const message_times& of) noexcept {
    if (!of.before || of.no_delay || of.before->send_mss == 0) return false;
    return of.before->unacknowledged > 0 && of.answer_size % of.before->send_mss != 0;
}

/// The client held the acknowledgement back, until it had something to send or its patience was over: it came when no
/// network and no loss explains that it came so late.
bool is_delayed(duration late, const message_times& of) noexcept {
    if (of.came_with_more) return true;
    const bool may_be = !of.before || of.answer_size < 2 * std::size_t{of.before->send_mss};
    return may_be && late >= delay_least && late <= delay_most;
}

void share_sending(sharing& all, const message_times& of, message_record& to) noexcept {
    if (of.acknowledged == time_point{}) return;
    const counted seen = count_up(of);
    // Behind the last segment's way out.
    const duration out = std::max(none, of.left - of.queued);
    duration held = std::max(none, of.queued - all.at());  // before it went
    duration away = std::max(none, of.acknowledged - std::max(all.at() + held, of.left));
    all.add(message_part::kernel, out);
    take(all, message_part::network, away, seen.way);
    if (seen.sent_again || seen.reordered) {
        const message_part cause = seen.sent_again ? message_part::retransmission : message_part::reordering;
        duration both = held + away;
        take(all, message_part::window, both, seen.window);
        return all.add(cause, both);
    }
    take(all, message_part::window, held, seen.window);
    take(all, message_part::buffer, held, seen.buffer);
    if (held > seen.way && waits_for_acknowledgement(of)) take(all, message_part::nagle, held, held);
    take(all, message_part::congestion, held, held);
    if (is_delayed(away, of))
        to.acknowledgement_delay = away;
    else
        all.add(message_part::network, away);
}

}  // namespace

void share_out(const message_times& of, message_record& to) noexcept {
    to.parts = {};
    sharing all(to, start_of(of));
    share_arrival(all, of);
    share_handling(all, of);
    share_sending(all, of, to);
}

duration message_record::total() const noexcept {
    return std::accumulate(parts.begin(), parts.end(), duration{});
}

message_part message_record::blame() const noexcept {
    return static_cast<message_part>(std::max_element(parts.begin(), parts.end()) - parts.begin());
}

std::string_view to_string(message_part part) noexcept {
    switch (part) {
    case message_part::queue:
        return "queue";
    case message_part::handshake:
        return "handshake";
    case message_part::client:
        return "client";
    case message_part::reordering:
        return "reordering";
    case message_part::machine:
        return "machine";
    case message_part::loop:
        return "loop";
    case message_part::handler:
        return "handler";
    case message_part::journal:
        return "journal";
    case message_part::kernel:
        return "kernel";
    case message_part::window:
        return "window";
    case message_part::buffer:
        return "buffer";
    case message_part::nagle:
        return "nagle";
    case message_part::congestion:
        return "congestion";
    case message_part::retransmission:
        return "retransmission";
    case message_part::network:
        return "network";
    }
    return "?";
}

}  // namespace aperto
