// SPDX-License-Identifier: MIT
#include "server/conversation.hpp"

#include "server/session.hpp"
#include "server/worker.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <string>

namespace aperto {
namespace {

/// What a failure of the conversation's own connection means.
close_reason reason_of(errc code) noexcept {
    switch (code) {
    case errc::deadline:
        return close_reason::deadline;
    case errc::message_too_large:
        return close_reason::too_large;
    case errc::malformed:
        return close_reason::malformed;
    case errc::cut_short:
        return close_reason::cut_short;
    case errc::refused_by_policy:
        return close_reason::limit;
    case errc::cancelled:
        return close_reason::drain;
    default:
        return close_reason::failure;
    }
}

close_reason reason_of_errno(int code) noexcept {
    switch (code) {
    case ECONNRESET:
    case EPIPE:
        return close_reason::reset;
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return close_reason::lost;
    default:
        return close_reason::failure;
    }
}

close_reason reason_of(const std::error_code& code) noexcept {
    if (code.category() == aperto_category()) return reason_of(static_cast<errc>(code.value()));
    if (code.category() == tls::tls_category()) return close_reason::malformed;
    const bool is_errno =
        code.category() == std::system_category() || code.category() == std::generic_category();
    return is_errno ? reason_of_errno(code.value()) : close_reason::failure;
}

std::error_code code_of(const std::exception_ptr& thrown) noexcept {
    try {
        std::rethrow_exception(thrown);
    } catch (const cancellation&) {
        return errc::cancelled;
    } catch (const std::system_error& failed) {
        return failed.code();
    } catch (...) {
        return {};
    }
}

}  // namespace

conversation::conversation(worker& at, connection& peer, handling how, unsigned place)
    : worker_(at),
      peer_(peer),
      id_(at.shared().next_id.fetch_add(1, std::memory_order_relaxed)),
      began_(at.on().now()),
      handling_(how),
      place_(static_cast<std::uint16_t>(place)) {}

void conversation::begin() noexcept {
    worker_.began(*this);
    try {
        worker_.shared().events.accepted(view());
    } catch (...) {  // NOLINT(bugprone-empty-catch)
        // Untold, for want of memory; served it is.
    }
}

void conversation::leave() noexcept {
    if (peer_.is_timed) worker_.sampler()->drop(peer_);
    worker_.ended(*this);
}

double conversation::weight() const noexcept {
    // Of those who move all the time the one that holds most.
    constexpr duration idle_min = std::chrono::milliseconds(1);
    const duration idle = std::max(peer_.without_progress(), idle_min);
    return static_cast<double>(peer_.held()) * static_cast<double>(idle.count());
}

std::size_t conversation::shed() noexcept {
    const std::size_t held = peer_.held();
    peer_.shed();
    // A handler that waits for something else, with what it read in hand, is told too.
    if (handling_ == handling::session) static_cast<session*>(this)->cancel();
    return held;
}

void conversation::fail(const std::error_code& why, close_reason reason) noexcept {
    failed_ = reason;
    struck_ = limit_that_struck(why);
}

void conversation::fail(const std::error_code& why) noexcept {
    broken_by_ = why;
    fail(why, reason_of(why));
}

void conversation::fail() noexcept {
    thrown_ = std::current_exception();
    try {
        std::rethrow_exception(thrown_);
    } catch (const cancellation&) {
        fail(errc::cancelled, close_reason::drain);
    } catch (const std::system_error& failed) {
        // A handler may throw the end of another connection of its own: that is no end of this client's.
        const std::error_code& code = failed.code();
        const bool ours = code == errc::deadline || peer_.has_failed_by(code);
        fail(code, ours ? reason_of(code) : close_reason::failure);
    } catch (const std::bad_alloc&) {
        fail(std::make_error_code(std::errc::not_enough_memory), close_reason::failure);
    } catch (...) {
        failed_ = close_reason::failure;
    }
}

std::optional<limit> conversation::limit_that_struck(const std::error_code& by) const noexcept {
    if (peer_.was_shed()) return limit::memory_budget;
    if (by == std::errc::not_enough_memory) return limit::memory_budget;
    switch (*failed_) {
    case close_reason::too_large:
        return limit::max_message;
    case close_reason::limit:
        return limit::memory_budget;
    case close_reason::drain:
        if (worker_.is_stopping()) return limit::drain_deadline;
        return {};
    case close_reason::deadline:
        if (!peer_.has_failed_by(by)) return {};  // the handler's own
        if (peer_.write_failure()) return limit::write_deadline;
        if (peer_.in_message()) return limit::message_deadline;
        return peer_.received() == 0 ? limit::handshake_deadline : limit::idle_timeout;
    default:
        return {};
    }
}

void conversation::report_end() noexcept {
    if (peer_.is_timed) worker_.sampler()->drop(peer_);
    closing how{.reason = ended_by_us_ ? close_reason::server : close_reason::client,
                .error = thrown_ ? code_of(thrown_) : broken_by_.code(),
                .lifetime = worker_.on().now() - began_};
    if (failed_)
        how.reason = *failed_;
    else if (worker_.is_stopping() && !peer_.ended())
        how.reason = close_reason::drain;
    if (peer_.was_shed()) {
        how.reason = close_reason::limit;
        struck_ = limit::memory_budget;  // also where the handler took it well
    }
    if (struck_) worker_.shared().strike(*struck_, peer_.remote(), how.error);
    if (!worker_.shared().options.events) return;
    try {
        tell_end(how);
    } catch (...) {  // NOLINT(bugprone-empty-catch)
        // Untold, for want of memory; closed it is.
    }
}

void conversation::tell_end(closing& how) {
    server_events& events = worker_.shared().events;
    if (how.error && peer_.has_failed_by(how.error))
        how.tried = peer_.write_failure() == how.error ? "send" : "receive";
    if (!thrown_) return events.closed(view(), how);
    // What was thrown lives as long as `thrown_`, and its text with it.
    try {
        std::rethrow_exception(thrown_);
    } catch (const cancellation& ended) {
        how.thrown = ended.what();
    } catch (const std::exception& failed) {
        how.thrown = failed.what();
    } catch (...) {
        how.thrown = "the handler threw something that is no std::exception";
    }
    events.closed(view(), how);
}

}  // namespace aperto
