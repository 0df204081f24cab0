// SPDX-License-Identifier: MIT
#include "aperto/error.hpp"
#include "io/turn_budget.hpp"
#include "net/connection.hpp"
#include "net/shrink.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <new>
#include <vector>

namespace aperto {
namespace {

constexpr std::size_t stored_max = 16;
constexpr std::size_t stored_capacity_max = 64 * 1024;

std::vector<std::unique_ptr<std::string>>& store() noexcept {
    static thread_local std::vector<std::unique_ptr<std::string>> mine;
    return mine;
}

std::unique_ptr<std::string> take_string() {
    if (store().empty()) return std::make_unique<std::string>();
    std::unique_ptr<std::string> again = std::move(store().back());
    store().pop_back();
    return again;
}

void put_away(std::unique_ptr<std::string> used) noexcept {
    if (used->capacity() > stored_capacity_max || store().size() >= stored_max) return;
    used->clear();
    try {
        if (store().capacity() == 0) store().reserve(stored_max);
        store().push_back(std::move(used));
    } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch)
        // Then it is not kept.
    }
}

/// One conversation at a time is served on a thread, so one share does for all of them, and an idle one has
/// none.
struct {
    const connection* owner = nullptr;
    turn_share share;
} thread_local share_in_hand;

}  // namespace

void connection::begin_keeping() { kept_ = take_string(); }

/// Whoever is made in this one's place has a share of its own.
void connection::forget_share() noexcept {
    if (share_in_hand.owner == this) share_in_hand.owner = nullptr;
}

void connection::drop_received() noexcept {
    if (lent_) loop_->give_back(std::exchange(lent_, {}));
    if (kept_) {
        if (keeps_memory(*loop_))
            put_away(std::move(kept_));
        else
            kept_.reset();
        recount();
    }
    taken_ = 0;
}

/// A frame of somebody else's finder, held to its contract.
frame connection::find_own(frame_finder finder, std::string_view bytes) noexcept {
    frame front;
    const std::size_t needed = std::exchange(scanned_, 0);
    if (bytes.empty() || (bytes.size() < needed && !ended_)) {
        scanned_ = needed;
        return front;
    }
    const std::size_t limit = options_->max_message;
    front = finder(bytes, limit, ended_);
    std::uint64_t size = std::max<std::uint64_t>(front.needed, bytes.size());
    if (front.what == frame::state::complete) {
        size = front.consumed;
        if (front.message.empty()) front.message = bytes.substr(0, 0);
        const char* const begin = front.message.data();
        const bool is_within = size > 0 && size <= bytes.size() && begin >= bytes.data() &&
                               begin + front.message.size() <= bytes.data() + size;
        if (!is_within) {
            read_failure_ = errc::misuse;
            return {};
        }
    }
    if (size > limit && front.what != frame::state::malformed) front.what = frame::state::too_large;
    if (front.what == frame::state::incomplete) scanned_ = static_cast<std::size_t>(front.needed);
    return front;
}

/// The commonest of all, without what the other ends of a search need: a line that is there, and within its limit.
bool connection::take_whole_line(std::string_view bytes, std::optional<std::string_view>& found) noexcept {
    if (scanned_ >= bytes.size()) return false;
    const char* const begin = bytes.data();
    const auto* const hit =
        static_cast<const char*>(std::memchr(begin + scanned_, '\n', bytes.size() - scanned_));
    if (!hit) {
        scanned_ = bytes.size();
        return false;
    }
    const auto whole = static_cast<std::size_t>(hit - begin);
    const bool carriage_return = whole > 0 && hit[-1] == '\r';
    const std::size_t size = whole - (carriage_return ? 1 : 0);
    if (size > options_->max_message) return false;
    found.emplace(begin, size);
    message_offset_ = received_ - bytes.size();
    carriage_return_ = carriage_return;
    mark_taken(whole + 1);
    return true;
}

bool connection::take(detail::want what, std::size_t count, std::optional<std::string_view>& found,
                      frame_finder finder) noexcept {
    const std::string_view bytes = unread();
    if (scanned_for_ != what) scanned_ = 0;
    scanned_for_ = what;
    const bool by_line = what == detail::want::message && written_framing() == framing::line;
    if ((by_line || what == detail::want::line) && take_whole_line(bytes, found)) return true;
    frame front;
    switch (what) {
    case detail::want::some:
        front = {.what = bytes.empty() ? frame::state::incomplete : frame::state::complete,
                 .message = bytes,
                 .consumed = bytes.size()};
        break;
    case detail::want::at_most:
        if (!bytes.empty()) {
            const std::string_view front_bytes = bytes.substr(0, count);
            front = {.what = frame::state::complete, .message = front_bytes, .consumed = front_bytes.size()};
        }
        break;
    case detail::want::at_least:
        if (count > options_->max_message)
            front.what = frame::state::too_large;
        else if (bytes.size() >= count)
            return found = bytes, true;
        break;
    case detail::want::exactly:
        if (count > options_->max_message)
            front.what = frame::state::too_large;
        else if (bytes.size() >= count)
            front = {.what = frame::state::complete, .message = bytes.substr(0, count), .consumed = count};
        break;
    case detail::want::line:
    case detail::want::crlf_line:
        front = find_line(what == detail::want::line ? line_end::any : line_end::crlf, bytes,
                          options_->max_message, ended_, scanned_);
        break;
    case detail::want::frame:
        front = find_own(finder, bytes);
        break;
    case detail::want::handshake:
        if (is_open_for_writing()) return found = bytes.substr(0, 0), true;
        break;
    case detail::want::message:
        if (options_->finder) {
            front = find_own(options_->finder, bytes);
            break;
        }
        front = find_frame(options_->framing, bytes, options_->max_message, ended_ || as_it_is_, scanned_);
        break;
    }
    as_it_is_ = false;
    if (front.what == frame::state::complete) {
        found = front.message;
        message_offset_ = consumed() + static_cast<std::uint64_t>(front.message.data() - bytes.data());
        carriage_return_ = front.carriage_return;
        return consume(front.consumed);
    }
    if (front.what == frame::state::too_large || front.what == frame::state::malformed) {
        const bool large = front.what == frame::state::too_large;
        read_failure_ = large ? errc::message_too_large : errc::malformed;
        return true;
    }
    if (by_line || what == detail::want::line || what == detail::want::crlf_line) scanned_ = bytes.size();
    if (draining_ && !closing_ && !in_message()) return true;
    if (!ended_ && !read_failure_) return false;
    if (ended_ && !read_failure_ && !bytes.empty()) read_failure_ = errc::cut_short;
    return true;
}

bool connection::consume(std::size_t count) noexcept {
    if (count > unread().size()) return false;
    mark_taken(count);
    return true;
}

void connection::mark_taken(std::size_t count) noexcept {
    taken_ += count;
    ++messages_;
    scanned_ = 0;
    message_began_ = not_waited_for;  // of the rest, if there is one
    progressed_ = short_time(loop_->now());
}

bool connection::settle() noexcept {
    const std::string_view rest = unread();
    if (rest.empty()) {
        drop_received();
        return true;
    }
    if (kept_) {
        if (taken_ > 0) kept_->erase(0, taken_);
        shrink(*kept_);
        recount();
    } else {
        try {
            std::unique_ptr<std::string> moved = take_string();
            moved->assign(rest);
            drop_received();
            kept_ = std::move(moved);
        } catch (const std::bad_alloc&) {
            end_reading(-ENOMEM);
            return false;
        }
        recount();
    }
    taken_ = 0;
    return true;
}

bool connection::receive(receive_operation& into) {
    if (!settle()) return true;
    if (secured_ && !secured_->backlog.empty()) return receive_backlog(into);
    if (!loop_->start_receive(socket_, into)) {
        reader = &into;
        return false;
    }
    take_in(into);
    return true;
}

bool connection::is_over_share() noexcept {
    if (!has_unread()) return false;
    if (std::exchange(share_in_hand.owner, this) != this) share_in_hand.share.renew();
    return share_in_hand.share.is_spent(*loop_);
}

void connection::step_aside(receive_operation& waiting) noexcept {
    // A lent buffer is not held for others' turns. What was kept before stays as it is: to move its rest to
    // the front each time would cost more than to read it.
    if (!kept_) settle();
    stepped_aside_ = true;
    waiting.bytes = {};
    reader = &waiting;
    loop_->defer(waiting);
}

void connection::take_in(const receive_operation& done) noexcept {
    if (stepped_aside_) {
        stepped_aside_ = false;
        return share_in_hand.share.renew();
    }
    const passed by = passed_;
    passed_ = passed::nothing;
    if (done.result > 0)
        absorb(done.bytes);
    else if (done.result == -ECANCELED && by == passed::wait_for_rest)
        as_it_is_ = true;
    else
        end_reading(done.result, by);
}

void connection::take_in_first(const receive_operation& done, std::size_t skip) noexcept {
    if (secured_) return absorb_sealed(done.bytes, skip);
    absorb(done.bytes);
    if (consume(skip)) received_ -= skip;
}

void connection::absorb(lent_bytes bytes) noexcept {
    if (secured_) return absorb_sealed(bytes);
    received_ += bytes.size;
    const bool afresh = unread().empty();
    if (afresh) {
        drop_received();
        message_began_ = not_waited_for;
        // A handler may hold what it reads for as long as it waits for something else: with most buffers in
        // such hands the rest would go without.
        if (!loop_->is_short_of_buffers()) {
            lent_ = bytes;
            return;
        }
    }
    assert((kept_ || afresh) && "settle comes before waiting");
    try {
        if (!kept_) kept_ = take_string();
        kept_->append(bytes.data, bytes.size);
    } catch (const std::bad_alloc&) {
        end_reading(-ENOMEM);
    }
    recount();
    loop_->give_back(bytes);
}

void connection::end_reading(int result, passed by) noexcept {
    // The kernel tells that a connection broke once. Where a send was told, a receive sees only an end of the
    // stream, and what came before it may lack its rest. (EPIPE says that the peer's end had come.)
    const bool unheard = result == 0 && is_broken(write_failure_.code()) && !ended_;
    if (result == 0 && !unheard && is_cut_short()) {
        // Not an end: what reads to it would take a part for the whole.
        if (!read_failure_) read_failure_ = errc::cut_short;
        return;
    }
    if (result == 0 && !unheard) ended_ = true;
    if ((result == 0 && !unheard) || read_failure_) return;
    // Our own deadlines end a wait by cancelling it.
    const bool stopped = result == -ECANCELED;
    const bool idle_drain = stopped && draining_ && !closing_ && !in_message();
    if (stopped && by == passed::deadline)
        read_failure_ = errc::deadline;
    else if (unheard || (stopped && write_failure_.code() == std::errc::timed_out))
        read_failure_ = write_failure_;
    else if (!idle_drain)
        read_failure_ = error::code_of(result);
}

time_point connection::read_deadline(detail::want what) noexcept {
    const stream_options& limits = *options_;
    // What was done before this wait, for this client or another, may have taken long: none of it is the
    // peer's.
    const time_point now = loop_->read_now_coarsely();
    if (waits_for_character(what)) {
        if (message_began_ == not_waited_for) message_began_ = now;
        return detail::time_after(message_began_,
                                  std::min<duration>(character_wait, limits.message_deadline));
    }
    // Total, from the message's first byte: more bytes of the same message do not move it.
    const bool any_will_do = what == detail::want::some || what == detail::want::at_most;
    if (is_in_record() || (has_unread() && !any_will_do)) {
        if (message_began_ == not_waited_for) message_began_ = now;
        return detail::time_after(message_began_, limits.message_deadline);
    }
    const time_point idle = detail::time_after(now, limits.idle_timeout);
    return received_ > 0 ? idle
                         : std::min(idle, detail::time_after(message_began_, limits.handshake_deadline));
}

duration connection::idle_left() const noexcept {
    if (answers_ == answers::at_once || closing_ || received_ == 0 || in_message()) return duration::zero();
    const duration limit = options_->idle_timeout;
    return answers_ == answers::in_hand ? limit : std::max(limit - without_progress(), duration::zero());
}

void connection::end_when_idle() noexcept {
    draining_ = true;
    if (reader && !has_unread() && (closing_ || !is_in_record())) loop_->cancel(*reader);
}

std::error_code connection::take_read_failure() noexcept {
    const std::error_code why = read_failure_.code();
    if (why == errc::cancelled) read_failure_.clear();
    return why;
}

bool connection::is_broken(const std::error_code& why) noexcept {
    if (why.category() != std::system_category()) return false;
    const int code = why.value();
    return code == ECONNRESET || code == ETIMEDOUT || code == EHOSTUNREACH || code == ENETUNREACH;
}

}  // namespace aperto
