// SPDX-License-Identifier: MIT
#include "server/conversation.hpp"

#include "server/session.hpp"
#include "server/worker.hpp"

#include <algorithm>
#include <new>

namespace aperto {
namespace {

close_reason reason_of(const std::error_code& code) noexcept {
    if (code == std::errc::timed_out) return close_reason::deadline;
    if (code == errc::message_too_large) return close_reason::too_large;
    if (code == errc::cut_short) return close_reason::cut_short;
    if (code == errc::refused_by_policy || code == std::errc::no_buffer_space) return close_reason::limit;
    if (code == errc::cancelled) return close_reason::drain;
    if (code == std::errc::connection_reset || code == std::errc::broken_pipe) return close_reason::reset;
    return close_reason::failure;
}

}  // namespace

conversation::conversation(worker& at, connection& peer, handling how)
    : worker_(at),
      peer_(peer),
      id_(at.shared().next_id.fetch_add(1, std::memory_order_relaxed)),
      began_(at.on().now()),
      handling_(how) {}

void conversation::begin() noexcept {
    worker_.began(*this);
    try {
        worker_.shared().events.accepted(view());
    } catch (...) {  // NOLINT(bugprone-empty-catch)
        // Untold, for want of memory; served it is.
    }
}

void conversation::leave() noexcept {
    unlink();
    worker_.ended();
}

double conversation::weight(time_point now) const noexcept {
    // Of those who move all the time the one that holds most.
    constexpr duration idle_min = std::chrono::milliseconds(1);
    const duration idle = std::max(now - peer_.progressed(), idle_min);
    return static_cast<double>(peer_.held()) * static_cast<double>(idle.count());
}

std::size_t conversation::shed() noexcept {
    const std::size_t held = peer_.held();
    peer_.shed();
    // A handler that waits for something else, with what it read in hand, is told too.
    if (handling_ == handling::session) static_cast<session*>(this)->cancel();
    return held;
}

void conversation::fail() noexcept {
    failure_ = std::current_exception();
    struck_ = limit_that_struck();
}

std::optional<limit> conversation::limit_that_struck() const noexcept {
    if (peer_.was_shed()) return limit::memory_budget;
    try {
        std::rethrow_exception(failure_);
    } catch (const std::system_error& failed) {
        if (failed.code() == errc::message_too_large) return limit::max_message;
        if (failed.code() == errc::cancelled && worker_.is_stopping()) return limit::drain_deadline;
        if (reason_of(failed.code()) == close_reason::limit) return limit::memory_budget;
        if (failed.code() == std::errc::not_enough_memory) return limit::memory_budget;
        if (failed.code() != std::errc::timed_out) return {};
    } catch (const std::bad_alloc&) {
        return limit::memory_budget;
    } catch (...) {
        return {};
    }
    if (peer_.write_failure() != 0) return limit::write_deadline;
    if (peer_.in_message()) return limit::message_deadline;
    return peer_.received() == 0 ? limit::handshake_deadline : limit::idle_timeout;
}

void conversation::report_end() noexcept {
    closing how{.reason = ended_by_us_ ? close_reason::server : close_reason::client,
                .lifetime = worker_.on().now() - began_};
    if (failure_) {
        // What was thrown lives as long as `failure_`, and its text with it.
        try {
            std::rethrow_exception(failure_);
        } catch (const std::system_error& failed) {
            how.error = failed.code();
            how.reason = reason_of(failed.code());
            how.detail = failed.what();
        } catch (const std::exception& failed) {
            how.reason = close_reason::failure;
            how.detail = failed.what();
        } catch (...) {
            how.reason = close_reason::failure;
            how.detail = "the handler threw something that is no std::exception";
        }
    } else if (worker_.is_stopping() && !peer_.ended()) {
        how.reason = close_reason::drain;
    }
    if (peer_.was_shed()) {
        how.reason = close_reason::limit;
        struck_ = limit::memory_budget;  // also where the handler took it well
    }
    if (struck_) worker_.shared().strike(*struck_, peer_.remote(), how.error);
    try {
        worker_.shared().events.closed(view(), how);
    } catch (...) {  // NOLINT(bugprone-empty-catch)
        // Untold, for want of memory; closed it is.
    }
}

}  // namespace aperto
