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
// So many connections may fail one after the other, with nothing answered between, before the run is given
// up.
constexpr std::uint64_t failures_beyond_connections = 20;

const char* advice_for(int code) noexcept {
    switch (code) {
    case ECONNREFUSED:
        return "The machine answered, but nothing listens on that port.";
    case EADDRNOTAVAIL:
        return "Every source port is in use; more of them come free after a minute.";
    default:
        return "";
    }
}

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
    if (attempt.no_port_left) {
        ++outcome_.waits_for_port;
        const auto pauses_max = static_cast<std::uint64_t>(plan_.patience.count() / pause_for_port_ns);
        if (open_ + connecting_ == 0 && ++failures_in_a_row_ > pauses_max) {
            throw error::from_result(-attempt.error, "connect to", target_.name(), advice_for(attempt.error));
        }
        return reopen_later(index, pause_for_port_ns);
    }
    if (attempt.descriptor < 0) return lost(index, attempt.error);
    which.descriptor = attempt.descriptor;
    which.state = link_state::connecting;
    ++connecting_;
    which.queued = which.sent = which.settled = 0;
    which.send_place = tape_.place_of(index * 7 + which.begun);
    which.replies.begin(which.send_place);
    // Registered once and for all; edge-triggered, an event comes only when something has changed (epoll(7)).
    epoll_event interest{};
    interest.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    interest.data.u64 = index;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, which.descriptor, &interest) != 0) {
        throw error::from_result(-errno, "watch a socket");
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
    reopen_.push_back({load::now_ns() + delay_ns, index});
}

void generator::reopen_due() {
    while (!reopen_.empty() && reopen_.front().when_ns <= now_ns_) {
        const std::size_t index = reopen_.front().index;
        reopen_.pop_front();
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

bool generator::may_begin(const link& which, std::size_t index) const noexcept {
    if (!asking_ || which.begun - which.done >= plan_.pipeline) return false;
    if (plan_.requests != 0 && begun_ >= plan_.requests) return false;
    return interval_ns_ == 0 || intended_ns(index, which.begun) <= now_ns_;
}

void generator::begin_requests(std::size_t index) {
    link& which = links_[index];
    const std::uint64_t before = which.begun;
    while (may_begin(which, index)) {
        if (which.state == link_state::closed) {
            if (!plan_.per_message_connection) return;
            now_ns_ = load::now_ns();
            open(index);
            if (which.state == link_state::closed) return;
        }
        const std::int64_t intended = interval_ns_ > 0 ? intended_ns(index, which.begun) : now_ns_;
        const std::int64_t began = plan_.per_message_connection ? which.connect_began_ns : now_ns_;
        stamp_of(index, which.begun) = {began, intended};
        ++which.begun;
        ++begun_;
        ++in_flight_;
        which.queued += tape_.message_size();
    }
    if (which.begun != before) flush(index);
}

// Open loop: the requests of the run take turns over the connections, at even distances in time.
void generator::begin_due() {
    while (due_ns(next_due_) <= now_ns_) {
        begin_requests(static_cast<std::size_t>(next_due_ % plan_.connections));
        ++next_due_;
    }
}

void generator::flush(std::size_t index) {
    link& which = links_[index];
    while (which.sent < which.queued) {
        const auto left =
            static_cast<std::size_t>(std::min<std::uint64_t>(which.queued - which.sent, tape_.length()));
        const ssize_t count =
            ::send(which.descriptor, tape_.requests_from(which.send_place).data(), left, MSG_NOSIGNAL);
        if (count < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN)
                return;  // while connecting, too: the event that says connected comes back here
            return lost(index, errno);
        }
        // On loopback the handshake is over when connect(2) returns: the first send may be what finds out.
        if (which.state == link_state::connecting) opened(which);
        const auto taken = static_cast<std::size_t>(count);
        which.sent += taken;
        outcome_.bytes_sent += taken;
        which.send_place = tape_.advance(which.send_place, taken);
    }
}

void generator::receive(std::size_t index, bool ending) {
    link& which = links_[index];
    for (;;) {
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

// False when the connection is no longer there to read from.
bool generator::take(std::size_t index, std::string_view bytes) {
    link& which = links_[index];
    outcome_.bytes_received += bytes.size();
    heard_ = true;
    std::uint64_t whole = 0;
    if (plan_.expect == expectation::none || which.idle) {
        whole = which.idle ? 0 : which.replies.count(bytes, plan_.framing);
        whole = std::min(whole, which.begun - which.done);
    } else {
        outcome_.wrong = which.replies.compare(bytes, tape_, which.sent);
        if (outcome_.wrong) {
            outcome_.wrong_connection = index;
            return false;
        }
        whole = (which.replies.received() - which.settled) / tape_.message_size();
        which.settled += whole * tape_.message_size();
    }
    if (whole == 0) return true;
    now_ns_ = load::now_ns();
    for (; whole > 0; --whole) {
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

// The server ended the connection (`code` 0), or it broke.
void generator::lost(std::size_t index, int code) {
    link& which = links_[index];
    const std::uint64_t unanswered = which.begun - which.done;
    in_flight_ -= unanswered;
    which.done = which.begun;
    outcome_.unanswered += unanswered;
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
    if (++failures_in_a_row_ > plan_.connections + failures_beyond_connections || outcome_.connected == 0) {
        const int reported = code == 0 ? ECONNRESET : code;
        throw error::from_result(-reported, outcome_.connected == 0 ? "connect to" : "go on asking",
                                 target_.name(), advice_for(code));
    }
    reopen_later(index, pause_after_failure_ns);
}

void generator::close(link& which) noexcept {
    if (which.descriptor < 0) return;
    if (which.state == link_state::connecting) --connecting_;
    if (which.state == link_state::open) --open_;
    ::close(which.descriptor);
    which.descriptor = -1;
    which.state = link_state::closed;
}

}  // namespace aperto::load
