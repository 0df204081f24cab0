// SPDX-License-Identifier: MIT
//
// One connection of the load: opening, asking, reading, losing it.
#include "aperto/error.hpp"
#include "load/generator.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace aperto::load {
namespace {

constexpr std::int64_t ns_per_ms = 1'000'000;
constexpr std::int64_t pause_after_failure_ns = 10 * ns_per_ms;
constexpr std::int64_t pause_for_port_ns = 1 * ns_per_ms;
// What one connection may send and receive before the others have their turn.
constexpr int calls_a_turn = 16;
// So many connections may fail one after the other, with nothing answered between, before the run is given
// up.
constexpr std::uint64_t failures_beyond_connections = 20;

/// Makes close(2) send RST (SO_LINGER of zero, socket(7)).
void reset_on_close(int descriptor) noexcept {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

}  // namespace

void generator::open(std::size_t index) {
    link& which = links_[index];
    which.connect_began_ns = load::now_ns();
    const target::attempt attempt = target_.connect();
    if (attempt.no_port_left) return no_port_left(index, attempt.error);
    no_port_since_ns_ = 0;
    if (attempt.descriptor < 0) return lost(index, attempt.error);
    which.descriptor = attempt.descriptor;
    which.state = link_state::connecting;
    ++connecting_;
    connects_.push_back({which.connect_began_ns, index});
    which.queued = which.sent = which.settled = 0;
    const std::uint64_t first = index * 7 + which.begun;  // so that neighbours ask different things
    which.send_place = tape_.requests().place_of(first);
    which.replies.begin(tape_.replies().place_of(first));
    // Registered once and for all; edge-triggered, an event comes only when something has changed (epoll(7)).
    epoll_event interest{};
    interest.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    interest.data.u64 = index;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, which.descriptor, &interest) != 0) {
        throw error::from_result(-errno, "watch a socket");
    }
}

// A closed connection's port comes free in time; where none does for long, somebody has to do something.
void generator::no_port_left(std::size_t index, int code) {
    ++outcome_.waits_for_port;
    const std::int64_t now_ns = load::now_ns();
    if (no_port_since_ns_ == 0) no_port_since_ns_ = now_ns;
    if (now_ns - no_port_since_ns_ <= plan_.patience.count()) return reopen_later(index, pause_for_port_ns);
    if (outcome_.connected == 0) throw error::from_result(-code, "connect to", target_.name());
    outcome_.ended = {early_end::cause::no_port_left, code};
}

// A SYN that nobody answers is sent again for two minutes (tcp(7), tcp_syn_retries): longer than we wait.
void generator::give_up_slow_connects() {
    while (!connects_.empty() && !over()) {
        const appointment first = connects_.front();
        const link& which = links_[first.index];
        const bool waits = which.state == link_state::connecting && which.connect_began_ns == first.when_ns;
        if (waits && now_ns_ - first.when_ns < plan_.patience.count()) return;
        connects_.pop_front();
        if (waits) lost(first.index, ETIMEDOUT);
    }
}

void generator::opened(link& which) {
    which.state = link_state::open;
    --connecting_;
    ++open_;
    ++outcome_.connected;
    if (!which.idle) outcome_.connect.record(load::now_ns() - which.connect_began_ns);
}

void generator::reopen_later(std::size_t index, std::int64_t delay_ns) {
    links_[index].reopening = true;
    reopen_.push_back({load::now_ns() + delay_ns, index});
}

void generator::reopen_due() {
    // Where no port is left, finding that out takes long (connect(2) looks at them all): one try is enough.
    const std::uint64_t waits = outcome_.waits_for_port;
    while (!reopen_.empty() && reopen_.front().when_ns <= now_ns_ && outcome_.waits_for_port == waits &&
           !over()) {
        const std::size_t index = reopen_.front().index;
        reopen_.pop_front();
        links_[index].reopening = false;
        if (plan_.per_message_connection && !links_[index].idle) {
            begin_requests(index);
        } else {
            open(index);
        }
    }
}

void generator::handle(const epoll_event& event) {
    const auto index = static_cast<std::size_t>(event.data.u64);
    link& which = links_[index];
    if (which.state == link_state::connecting) {
        int code = 0;
        socklen_t size = sizeof code;
        ::getsockopt(which.descriptor, SOL_SOCKET, SO_ERROR, &code, &size);
        if (code != 0) return lost(index, code);
        if ((event.events & EPOLLOUT) == 0) return;
        opened(which);
        if (!which.idle) begin_requests(index);
    }
    if ((event.events & EPOLLOUT) != 0 && which.sent < which.queued) flush(index);
    const std::uint32_t ending = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
    if (which.state == link_state::open && (event.events & (EPOLLIN | ending)) != 0) {
        receive(index, (event.events & ending) != 0);
    }
}

std::int64_t generator::intended_ns(std::size_t index, std::uint64_t number) const noexcept {
    return due_ns(index + number * plan_.connections);
}

std::uint64_t generator::due_count(std::int64_t now_ns) const noexcept {
    if (now_ns < rate_began_ns_) return 0;
    auto count = static_cast<std::uint64_t>(static_cast<double>(now_ns - rate_began_ns_) / interval_ns_) + 1;
    while (count > 0 && due_ns(count - 1) > now_ns) {
        --count;
    }
    while (due_ns(count) <= now_ns) {
        ++count;
    }
    return count;
}

bool generator::may_begin(const link& which, std::size_t index) const noexcept {
    if (which.begun - which.done >= plan_.pipeline) return false;
    if (interval_ns_ == 0) return begun_ < requests_end_;
    const std::uint64_t number = index + which.begun * plan_.connections;
    return number < requests_end_ && due_ns(number) <= now_ns_;
}

void generator::begin_requests(std::size_t index) {
    link& which = links_[index];
    const std::uint64_t before = which.begun;
    while (may_begin(which, index)) {
        if (which.state == link_state::closed) {
            if (!plan_.per_message_connection || which.reopening) return;
            now_ns_ = load::now_ns();
            open(index);
            if (which.state == link_state::closed) return;
        }
        const std::int64_t intended = interval_ns_ > 0 ? intended_ns(index, which.begun) : now_ns_;
        const std::int64_t began = plan_.per_message_connection ? which.connect_began_ns : now_ns_;
        stamp_of(index, which.begun) = {began, intended};
        ++which.begun;
        ++begun_;
        if (in_flight_++ == 0) heard_ = true;  // until now nobody owed us anything
        which.queued += tape_.request_size();
    }
    if (which.begun != before) flush(index);
}

// Open loop: the requests of the run take turns over the connections, at even distances in time. However many
// are due, each connection is looked at once: it begins all of its own that it has room for.
void generator::begin_due() {
    const std::uint64_t due = due_count(now_ns_);
    const std::uint64_t visits = std::min<std::uint64_t>(due - std::min(due, next_due_), plan_.connections);
    for (std::uint64_t i = 0; i < visits && !over(); ++i) {
        begin_requests(static_cast<std::size_t>((next_due_ + i) % plan_.connections));
    }
    next_due_ = std::max(due, next_due_);
}

void generator::flush(std::size_t index) {
    link& which = links_[index];
    for (int calls = 0; which.sent < which.queued; ++calls) {
        if (calls == calls_a_turn) return go_on_later(index);
        const auto left = static_cast<std::size_t>(
            std::min<std::uint64_t>(which.queued - which.sent, tape_.requests().length()));
        const ssize_t count =
            ::send(which.descriptor, tape_.requests().from(which.send_place).data(), left, MSG_NOSIGNAL);
        if (count < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN)
                return;  // while connecting, too: the event that says connected comes back here
            return lost(index, errno);
        }
        // On loopback the handshake is over when connect(2) returns: the first send may be what finds out.
        if (which.state == link_state::connecting) opened(which);
        const auto taken = static_cast<std::size_t>(count);
        outcome_.sent_in_all -= which.sent / tape_.request_size();
        which.sent += taken;
        outcome_.sent_in_all += which.sent / tape_.request_size();
        outcome_.bytes_sent += taken;
        which.send_place = tape_.requests().advance(which.send_place, taken);
    }
}

void generator::receive(std::size_t index, bool ending) {
    link& which = links_[index];
    for (int calls = 0;; ++calls) {
        if (calls == calls_a_turn) return go_on_later(index);
        const ssize_t count = ::recv(which.descriptor, buffer_.data(), buffer_.size(), 0);
        if (count > 0) {
            const auto size = static_cast<std::size_t>(count);
            if (!take(index, {buffer_.data(), size})) return;
            // Less than asked for: nothing is left, unless the end of the stream is (epoll(7), question 9).
            if (size < buffer_.size() && !ending) return;
        } else if (count == 0) {
            return lost(index, 0);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            return lost(index, errno);
        }
    }
}

// Edge-triggered: what was left alone is not told of again.
void generator::go_on_later(std::size_t index) {
    if (links_[index].unfinished) return;
    links_[index].unfinished = true;
    unfinished_.push_back(index);
}

void generator::go_on_unfinished() {
    std::vector<std::size_t> now;
    now.swap(unfinished_);
    for (const std::size_t index : now) {
        link& which = links_[index];
        which.unfinished = false;
        if (which.state == link_state::open && which.sent < which.queued) flush(index);
        if (which.state == link_state::open && !over()) receive(index, true);
    }
}

// How many replies `bytes` complete. Where they are not what they have to be, the outcome says so.
std::uint64_t generator::count_replies(std::size_t index, std::string_view bytes) noexcept {
    link& which = links_[index];
    if (which.idle) return 0;
    if (plan_.expect == expectation::none) {
        return std::min<std::uint64_t>(which.replies.count(bytes, plan_.framing), which.begun - which.done);
    }
    const std::uint64_t most = tape_.replies_to(which.sent);
    outcome_.wrong = plan_.expect == expectation::bytes ? which.replies.measure(bytes, most)
                                                        : which.replies.compare(bytes, tape_.replies(), most);
    if (outcome_.wrong) outcome_.wrong_connection = index;
    const std::uint64_t whole = (which.replies.received() - which.settled) / tape_.reply_size();
    which.settled += whole * tape_.reply_size();
    return whole;
}

// False when the connection is no longer there to read from.
bool generator::take(std::size_t index, std::string_view bytes) {
    link& which = links_[index];
    outcome_.bytes_received += bytes.size();
    heard_ = true;
    const std::uint64_t whole = count_replies(index, bytes);
    if (outcome_.wrong) return false;
    if (whole == 0) return true;
    now_ns_ = load::now_ns();
    for (std::uint64_t i = 0; i < whole; ++i) {
        complete(index);
    }
    if (plan_.per_message_connection) {
        if (plan_.reset) reset_on_close(which.descriptor);
        close(which);
        begin_requests(index);
        return false;
    }
    begin_requests(index);
    return which.state == link_state::open;
}

void generator::complete(std::size_t index) {
    link& which = links_[index];
    const stamp& when = stamp_of(index, which.done);
    outcome_.latency.record(now_ns_ - when.sent_ns);
    if (interval_ns_ > 0) outcome_.corrected.record(now_ns_ - when.intended_ns);
    ++which.done;
    --in_flight_;
    ++outcome_.answered_in_all;
    if (window_began_ns_ != 0 && !in_window_) {
        ++outcome_.late;
    } else {
        ++outcome_.answered;
    }
    failures_in_a_row_ = 0;
}

// Requests begun on a connection of which the kernel has not taken every byte. A server may answer before.
std::uint64_t generator::unsent_of(const link& which) const noexcept {
    const std::uint64_t size = tape_.request_size();
    return std::min((which.queued - which.sent + size - 1) / size, which.begun - which.done);
}

// The server ended the connection (`code` 0), or it broke.
void generator::lost(std::size_t index, int code) {
    link& which = links_[index];
    const std::uint64_t unsent = unsent_of(which);
    outcome_.unsent += unsent;
    outcome_.unanswered += which.begun - which.done - unsent;
    in_flight_ -= which.begun - which.done;
    which.done = which.begun;
    close(which);
    ++failures_;
    if (which.idle && code == 0) {
        ++outcome_.idle_lost;
        return;
    }
    if (code == 0) {
        ++outcome_.closed_by_server;
    } else {
        ++outcome_.failures[code];
    }
    const int reported = code == 0 ? ECONNRESET : code;
    if (outcome_.connected == 0) throw error::from_result(-reported, "connect to", target_.name());
    if (++failures_in_a_row_ > plan_.connections + failures_beyond_connections) {
        outcome_.ended = {early_end::cause::connections_lost, reported};
        return;
    }
    reopen_later(index, pause_after_failure_ns);
}

void generator::close(link& which) noexcept {
    if (which.descriptor < 0) return;
    if (which.state == link_state::connecting) --connecting_;
    if (which.state == link_state::open) --open_;
    ::close(which.descriptor);
    which.descriptor = -1;
    which.queued = which.sent = 0;
    which.state = link_state::closed;
}

}  // namespace aperto::load
