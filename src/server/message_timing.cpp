// SPDX-License-Identifier: MIT
#include "server/message_timing.hpp"

#include "aperto/events.hpp"
#include "net/connection.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <new>
#include <utility>

namespace aperto {
namespace {

/// Reports of an answer that went in many pieces: of those it is the last that counts.
constexpr std::size_t early_max = 256;
/// What the kernel tells in milliseconds, by its tick, is no less than this if it is anything.
constexpr duration tick = std::chrono::milliseconds(10);

std::int64_t nanoseconds(time_point when) noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(when.time_since_epoch()).count();
}

bool is_together(time_point one, time_point other) noexcept {
    return std::chrono::abs(one - other) < std::chrono::milliseconds(1);
}

duration asleep_between(const backend& on, time_point from, time_point until) noexcept {
    duration all{};
    for (const sleep_span& each : on.sleeps())
        all += std::max(duration{}, std::min(each.until, until) - std::max(each.from, from));
    return all;
}

}  // namespace

message_timing::message_timing(message_sampler& by, connection& of, std::uint64_t id) noexcept
    : turn_hook([](turn_hook& end) { static_cast<message_timing&>(end).on_turn_end(); }),
      by_(by),
      of_(of),
      id_(id) {}

message_timing::~message_timing() {
    if (const int socket = descriptor_of(); socket >= 0) {
        take_reports(socket);
        static_cast<void>(io::stamp_socket(socket, io::stamps::none));
        by_.on().watch_socket(of_.socket(), nullptr);
    }
    if (now_ == stage::offered) tell(record_, times_);
    for (in_flight& each : in_flight_)
        tell(each.record, each.times);
    of_.is_timed = false;
}

int message_timing::descriptor_of() const noexcept {
    return of_.is_open() ? by_.on().native_handle(of_.socket()) : -1;
}

bool message_timing::start() noexcept {
    const int socket = descriptor_of();
    if (socket < 0 || !of_.remote()) return false;
    if (io::stamp_socket(socket, io::stamps::arrivals, &written_) < 0) return false;
    no_delay_ = io::has_no_delay(socket);
    if (!by_.on().watch_socket(of_.socket(), this)) {
        static_cast<void>(io::stamp_socket(socket, io::stamps::none));
        return false;
    }
    of_.is_timed = true;
    return true;
}

void message_timing::pick() noexcept {
    // Where one is in hand: once its answer has gone, if nothing has come before that.
    wanted_ = now_ == stage::in_hand || now_ == stage::offered;
    if (!is_free()) return;
    record_ = {};
    times_ = {};
    message_ = {};
    handshake_ = {};
    if (of_.received() == 0 && of_.messages() == 0) times_.accepted = by_.on().now();
    const auto counts = io::read_counts(descriptor_of());
    knows_order_ = counts.has_value();
    if (counts) out_of_order_ = counts->out_of_order;
    now_ = stage::awaited;
}

// ---- what the engine tells

std::int64_t message_timing::receive(int socket, char* into, std::size_t size) noexcept {
    if (now_ != stage::awaited && in_flight_.empty()) {
        const ssize_t count = ::recv(socket, into, size, MSG_DONTWAIT);
        return count < 0 ? -errno : count;
    }
    io::arrival when;
    const ssize_t count = io::receive_stamped(socket, into, size, when);
    if (count > 0 && now_ == stage::awaited) note_arrival(when);
    if (count >= 0) note_company(when);
    return count;
}

void message_timing::note_arrival(const io::arrival& when) noexcept {
    if (when.last == 0) return;
    const bool opens = of_.is_secured() && !of_.is_open_for_writing();
    io::arrival& to = opens ? handshake_ : message_;
    const io::stamp first = when.first == 0 ? when.last : std::min(when.first, when.last);
    if (to.first == 0) to.first = first;
    to.last = std::max({to.last, when.first, when.last});
}

/// Whether it came in one packet with an acknowledgement, or as good as: then that waited for it.
void message_timing::note_company(const io::arrival& when) noexcept {
    latest_ = when;
    for (in_flight& each : in_flight_) {
        const time_point acknowledged = each.times.acknowledged;
        if (acknowledged == time_point{}) return;
        const bool is_end = when.last == 0;
        each.times.came_with_more = each.times.came_with_more || is_end ||
                                    is_together(acknowledged, on_clock(when.first)) ||
                                    is_together(acknowledged, on_clock(when.last));
    }
}

void message_timing::sent(std::size_t bytes) noexcept {
    written_ += static_cast<std::uint32_t>(bytes);
    if (now_ == stage::offered) by_.on().at_turn_end(*this);
}

void message_timing::look(int socket) noexcept {
    take_reports(socket);
    // What came in the same packet as an acknowledgement is received behind this, in the same turn.
    by_.on().at_turn_end(*this);
}

void message_timing::take_reports(int socket) noexcept {
    while (const auto report = io::take_report(socket)) {
        take_in(*report);
        try {
            if (now_ == stage::offered && early_.size() < early_max) early_.push_back(*report);
        } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch)
            // Then the message is told of without it.
        }
    }
}

void message_timing::take_in(const io::send_report& what) noexcept {
    const auto reaches = [&](const in_flight& each) {
        return static_cast<std::int32_t>(what.key - each.key) >= 0;
    };
    for (in_flight& each : in_flight_) {
        if (!reaches(each)) break;
        if (what.key == each.key && what.what == io::send_report::kind::queued)
            each.times.queued = on_clock(what.when);
        if (what.key == each.key && what.what == io::send_report::kind::left &&
            each.times.left == time_point{})
            each.times.left = on_clock(what.when);
        const bool is_first = each.times.acknowledged == time_point{};
        if (is_first && what.what == io::send_report::kind::acknowledged) {
            each.times.acknowledged = on_clock(what.when);
            each.times.after = what.counts;
            each.times.came_with_more = is_together(each.times.acknowledged, on_clock(latest_.first)) ||
                                        is_together(each.times.acknowledged, on_clock(latest_.last));
        }
    }
}

void message_timing::tell_acknowledged() noexcept {
    while (!in_flight_.empty() && in_flight_.front().times.acknowledged != time_point{}) {
        tell(in_flight_.front().record, in_flight_.front().times);
        in_flight_.pop_front();
    }
}

// ---- what the conversation tells

time_point message_timing::on_clock(io::stamp when) const noexcept {
    return when == 0 ? time_point{} : time_point(std::chrono::nanoseconds(when - clocks_apart_));
}

bool message_timing::begin(std::string_view message, std::uint64_t offset) noexcept {
    wanted_ = false;
    if (now_ != stage::awaited) return false;
    if (message_.first == 0) message_ = {handshake_.last, handshake_.last};
    if (message_.first == 0) {  // it came before the watch, or without a stamp
        now_ = stage::none;
        by_.missed();
        rest();
        return false;
    }
    now_ = stage::in_hand;
    times_.begun = clock::now();
    clocks_apart_ = io::read_stamp_clock() - nanoseconds(times_.begun);
    times_.first = on_clock(message_.first);
    times_.last = on_clock(message_.last);
    times_.handshake = on_clock(handshake_.last);
    const time_point there = std::max({times_.last, times_.in_order, times_.accepted});
    times_.asleep = asleep_between(by_.on(), there, times_.begun);
    record_.connection = id_;
    record_.worker = by_.worker();
    record_.remote = of_.remote();
    record_.message = of_.messages();
    record_.offset = offset;
    record_.bytes_in = message.size();
    record_.arrived =
        std::chrono::system_clock::time_point(std::chrono::duration_cast<std::chrono::system_clock::duration>(
            std::chrono::nanoseconds(message_.first)));
    return true;
}

/// Where segments were out of order, the time until the last of them had come is that of the hole that they left.
void message_timing::note_order() noexcept {
    if (!knows_order_ || !times_.before || times_.before->out_of_order == out_of_order_) return;
    const time_point came =
        std::min(clock::now() - std::chrono::milliseconds(times_.before->last_received), times_.begun);
    times_.in_order = came > times_.last + tick ? came : times_.last;
    times_.last = times_.first;
}

void message_timing::answered(std::size_t bytes, std::size_t to_come) noexcept {
    if (now_ != stage::in_hand) return;
    const int socket = descriptor_of();
    if (socket < 0) return finish_without_answer();
    static_cast<void>(io::stamp_socket(socket, io::stamps::all));
    times_.before = io::read_counts(socket);
    times_.no_delay = no_delay_;
    note_order();
    times_.answer_size = bytes;
    record_.bytes_out = bytes;
    record_.answered = true;
    answer_ends_ = of_.sent() + of_.pending() + to_come;
    early_.clear();
    now_ = stage::offered;
}

void message_timing::finish_without_answer() noexcept {
    if (is_free()) return;
    now_ = stage::none;
    tell(record_, times_);
    if (std::exchange(wanted_, false)) pick();
    rest();
}

void message_timing::look_at_turn_end() noexcept {
    unlink();
    by_.on().at_turn_end(*this);
}

bool message_timing::is_taken() const noexcept {
    // With a transport bytes are counted as they are before it, and as they are behind it while they wait.
    return of_.is_secured() ? of_.pending() == 0 : of_.sent() >= answer_ends_;
}

void message_timing::on_turn_end() noexcept {
    if (now_ == stage::offered) {
        if (times_.offered == time_point{}) times_.offered = clock::now();
        if (is_taken()) settle();
    }
    tell_acknowledged();
    rest();
}

/// The kernel has all of the answer.
void message_timing::settle() noexcept {
    now_ = stage::none;
    if (const int socket = descriptor_of(); socket >= 0)
        static_cast<void>(io::stamp_socket(socket, io::stamps::arrivals));
    try {
        in_flight_.push_back({std::move(record_), times_, written_ - 1});
    } catch (const std::bad_alloc&) {
        return tell(record_, times_);
    }
    for (const io::send_report& each : std::exchange(early_, {}))
        take_in(each);
    // What is there already wakes nobody.
    if (const int socket = descriptor_of(); socket >= 0) take_reports(socket);
    if (std::exchange(wanted_, false)) pick();
}

void message_timing::tell(message_record& record, const message_times& times) noexcept {
    record.acknowledged = times.acknowledged != time_point{};
    share_out(times, record);
    if (times.after) {
        const std::uint64_t before = times.before ? times.before->sending.bytes_retransmitted : 0;
        record.bytes_retransmitted = times.after->bytes_retransmitted - before;
        record.congestion_window = times.after->congestion_window;
        record.rtt = std::chrono::microseconds(times.after->rtt);
        record.rtt_min = std::chrono::microseconds(times.after->rtt_min);
    }
    try {
        by_.told().timed(record);
    } catch (...) {  // NOLINT(bugprone-empty-catch)
        // Untold, for want of memory.
    }
}

/// The last thing that is done here: it may be gone then.
void message_timing::rest() noexcept {
    if (is_free() && in_flight_.empty()) by_.drop(of_);
}

// ---- the sampler

message_sampler::message_sampler(backend& on, server_events& told, double share, unsigned worker) noexcept
    : on_(on), told_(told), share_(share), worker_(worker), keeper_(io::keep_stamping()), left_(next_gap()) {
    on_.time_sleeps();
}

/// Whole waits from one picked to the next, 1 / share on average: not always as many, lest it keep step with a client.
std::uint64_t message_sampler::next_gap() noexcept {
    const double mean = 1 / share_;
    if (mean <= 1) return 1;
    const double chance = static_cast<double>(on_.random() >> 11) * 0x1p-53;
    return 1 + static_cast<std::uint64_t>(std::llround(chance * 2 * (mean - 1)));
}

void message_sampler::pick(connection& of, std::uint64_t id) noexcept {
    // Nothing of it may be there, and nothing of an earlier answer be under way, of which no byte was counted.
    if (of.has_unread() || (!of.is_timed && of.is_sending())) return;
    try {
        if (!of.is_timed) {
            auto one = std::make_unique<message_timing>(*this, of, id);
            const auto [place, fresh] = timings_.emplace(&of, nullptr);
            if (one->start())
                place->second = std::move(one);
            else
                timings_.erase(place);
        }
    } catch (const std::bad_alloc&) {
        return;
    }
    left_ = next_gap();
    if (!of.is_timed) return;
    this->of(of).pick();
}

message_timing* message_sampler::begin(connection& of, std::string_view message,
                                       std::uint64_t offset) noexcept {
    message_timing& timing = this->of(of);
    return timing.begin(message, offset) ? &timing : nullptr;
}

void message_sampler::drop(connection& which) noexcept {
    if (!which.is_timed) return;
    const auto found = timings_.find(&which);
    const std::unique_ptr<message_timing> last = std::move(found->second);
    timings_.erase(found);
}

}  // namespace aperto
