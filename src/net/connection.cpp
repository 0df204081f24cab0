// SPDX-License-Identifier: MIT
#include "net/connection.hpp"

#include "net/memory_account.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <new>
#include <vector>

namespace aperto {
namespace {

/// Failures of reading that have no errno, in the same int.
constexpr int failure_base = 10'000;
constexpr int failure_of(errc code) noexcept { return -(failure_base + static_cast<int>(code)); }

/// Bytes from which a reply does not wait for the end of the turn.
constexpr std::size_t send_at_once_min = 8 * 1024;

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

}  // namespace

connection::connection(loop& on, socket_id socket, std::shared_ptr<const stream_options> options) noexcept
    : loop_(&on),
      socket_(socket),
      remote_(on.remote(socket)),
      options_(std::move(options)),
      message_began_(on.now()) {}

connection::~connection() {
    assert(!socket_ && !reader && !writer);
    drop_received();
}

void connection::release() noexcept {
    if (--references_ > 0) return;
    if (!socket_) {
        delete this;
        return;
    }
    const bool in_order = !closing_ && write_failure_ == 0 && read_failure_ == 0;
    if (!in_order || is_quiet()) {
        close_now(false);
        delete this;
        return;
    }
    references_ = 1;
    try {
        loop_->spawn(finish(*this));
    } catch (...) {  // no memory for the orderly end
        close_now(true);
        delete this;
    }
}

task<> connection::finish(connection& last) {
    struct reference {
        connection& held;
        ~reference() { held.release(); }
    } const keep{last};
    try {
        co_await last.close_orderly();
    } catch (...) {  // no memory for the orderly end
        last.close_now(true);
    }
}

tcp_facts connection::facts() const {
    if (!is_open()) throw error(errc::closed, "read the facts of", "a connection");
    tcp_facts known = loop_->facts(socket_);
    if (known.client_syn)
        client_syn_ = known.client_syn;
    else
        known.client_syn = client_syn_;
    return known;
}

// ---- reading

std::string_view connection::unread() const noexcept {
    if (kept_) return std::string_view(*kept_).substr(taken_);
    return {lent_.data + taken_, lent_.size - taken_};
}

void connection::drop_received() noexcept {
    if (lent_) loop_->give_back(std::exchange(lent_, {}));
    if (kept_) {
        put_away(std::move(kept_));
        recount();
    }
    taken_ = 0;
}

bool connection::take(detail::want what, std::size_t count, std::optional<std::string_view>& found) noexcept {
    const std::string_view bytes = unread();
    frame front;
    switch (what) {
    case detail::want::some:
        front = {.what = bytes.empty() ? frame::state::incomplete : frame::state::complete,
                 .message = bytes,
                 .consumed = bytes.size()};
        break;
    case detail::want::exactly:
        if (count > options_->max_message)
            front.what = frame::state::too_large;
        else if (bytes.size() >= count)
            front = {.what = frame::state::complete, .message = bytes.substr(0, count), .consumed = count};
        break;
    case detail::want::line:
        front = find_frame(framing::line, bytes, options_->max_message, ended_, scanned_);
        break;
    case detail::want::message:
        front = find_frame(options_->framing, bytes, options_->max_message, ended_, scanned_);
        break;
    }
    if (front.what == frame::state::complete) {
        found = front.message;
        message_offset_ = consumed() + static_cast<std::uint64_t>(front.message.data() - bytes.data());
        carriage_return_ = front.carriage_return;
        taken_ += front.consumed;
        scanned_ = 0;
        message_began_ = loop_->now();  // of the rest, if there is one
        return true;
    }
    if (front.what == frame::state::too_large) {
        read_failure_ = failure_of(errc::message_too_large);
        return true;
    }
    const bool by_line =
        what == detail::want::line || (what == detail::want::message && options_->framing == framing::line);
    scanned_ = by_line ? bytes.size() : 0;
    if (draining_ && !closing_ && bytes.empty()) return true;
    if (!ended_ && read_failure_ == 0) return false;
    if (ended_ && read_failure_ == 0 && !bytes.empty()) read_failure_ = failure_of(errc::cut_short);
    return true;
}

bool connection::settle() noexcept {
    const std::string_view rest = unread();
    if (rest.empty()) {
        drop_received();
        return true;
    }
    if (kept_) {
        if (taken_ > 0) kept_->erase(0, taken_);
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

void connection::absorb(lent_bytes bytes) noexcept {
    received_ += bytes.size;
    const bool afresh = unread().empty();
    if (afresh) {
        drop_received();
        message_began_ = loop_->now();
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

void connection::end_reading(int result) noexcept {
    // The kernel tells that a connection broke once. Where a send was told, a receive sees only an end of the
    // stream, and what came before it may lack its rest. (EPIPE says that the peer's end had come.)
    const bool broke = write_failure_ == -ECONNRESET || write_failure_ == -ETIMEDOUT ||
                       write_failure_ == -EHOSTUNREACH || write_failure_ == -ENETUNREACH;
    if (result == 0 && broke && !ended_) result = write_failure_;
    if (result == 0) ended_ = true;
    if (result == 0 || read_failure_ != 0) return;
    // Our own deadlines end a wait by cancelling it.
    const bool late =
        result == -ECANCELED && (std::exchange(read_timed_out_, false) || write_failure_ == -ETIMEDOUT);
    const bool idle_drain = result == -ECANCELED && draining_ && !closing_ && unread().empty();
    if (late)
        read_failure_ = -ETIMEDOUT;
    else if (!idle_drain)
        read_failure_ = result;
}

void connection::end_when_idle() noexcept {
    draining_ = true;
    if (reader && unread().empty()) loop_->cancel(*reader);
}

void connection::throw_read_failure() {
    if (read_failure_ == 0) return;
    const int failure = read_failure_;
    // A cancelled wait leaves the connection as it was; everything else is for good.
    if (failure == -ECANCELED) read_failure_ = 0;
    if (failure <= -failure_base)
        throw error(static_cast<errc>(-failure - failure_base), "receive from", whom());
    throw error::from_result(failure, "receive from", whom());
}

// ---- writing

std::string& connection::reply_buffer() {
    if (!outbox_) outbox_ = outbox::take(*this);
    return outbox_->filling();
}

void connection::commit() noexcept {
    recount();
    if (outbox_->in_flight()) return;  // its completion sends what has come meanwhile
    // Large replies gain nothing from company, and are still in the cache now: the next one reuses their
    // memory.
    if (outbox_->pending() >= send_at_once_min) return pump();
    loop_->at_turn_end(*outbox_);
}

bool connection::has_room(std::size_t bytes) const noexcept {
    // With nothing before it, any write has room: one larger than the mark would wait for ever.
    return pending() == 0 || pending() + bytes <= options_->high_water;
}

void connection::append(std::string_view data) {
    reply_buffer().append(data);
    commit();
}

void connection::set_direct(std::string_view data) {
    if (!outbox_) outbox_ = outbox::take(*this);
    outbox_->set_direct(data);
}

void connection::drop_direct() noexcept {
    if (!has_direct()) return;
    // Part of it may be sent: what would follow could not be told from it.
    if (outbox_->in_flight()) loop_->abandon(*outbox_);
    outbox_->drop_all();
    fail_writing(-ECANCELED);
}

void connection::pump() noexcept {
    while (outbox_ && !outbox_->in_flight() && write_failure_ == 0 && outbox_->pending() > 0) {
        outbox& box = *outbox_;
        if (box.offered() == 0) {
            box.offer(options_->high_water);
            const duration limit = options_->write_deadline;
            if (limit != forever) loop_->arm(box.deadline, loop_->now() + limit);
        } else {
            box.offer(box.offered());  // the rest of the same offer, under the same deadline
        }
        if (!loop_->start_send(socket_, box)) return;
        on_sent_now(box.result);
    }
    settle_outbox();
}

void connection::on_sent(int result) noexcept {
    on_sent_now(result);
    pump();
}

void connection::on_sent_now(int result) noexcept {
    outbox& box = *outbox_;
    if (result < 0) return fail_writing(box.given_up != 0 ? box.given_up : result);
    sent_ += static_cast<std::uint64_t>(result);
    box.taken(static_cast<std::size_t>(result));
    if (box.offered() == 0) {
        loop_->disarm(box.deadline);
        if (box.given_up == -ETIMEDOUT) box.given_up = 0;  // just in time
    }
    if (box.given_up != 0) fail_writing(box.given_up);
}

void connection::fail_writing(int result) noexcept {
    if (write_failure_ == 0) write_failure_ = result;
    if (outbox_) {
        loop_->disarm(outbox_->deadline);
        outbox_->drop_all();
    }
    if (result == -ETIMEDOUT && reader) loop_->cancel(*reader);
}

/// Wakes the writer when it has what it waits for; puts an empty outbox away.
void connection::settle_outbox() noexcept {
    if (outbox_ && outbox_->pending() == 0 && !outbox_->in_flight()) put_outbox_away();
    if (writer && writer->satisfied()) loop_->notify(*writer);
}

void connection::put_outbox_away() noexcept {
    outbox::put_away(std::move(outbox_));
    recount();
}

void connection::give_writing_up(int why) noexcept {
    outbox_->given_up = why;
    loop_->cancel(*outbox_);
}

void connection::throw_write_failure() const {
    if (write_failure_ != 0) throw error::from_result(write_failure_, "send to", whom());
}

int connection::shut_write() noexcept {
    if (std::exchange(write_shut_, true)) return 0;
    const int result = loop_->shutdown_send(socket_);
    // After the peer's reset shutdown(2) finds no connection left: to the caller that is the reset.
    return result == -ENOTCONN ? -ECONNRESET : result;
}

// ---- memory

void connection::recount() noexcept {
    memory_account* const account = options_->account.get();
    if (!account) return;
    const std::size_t holds = (kept_ ? kept_->capacity() : 0) + (outbox_ ? outbox_->capacity() : 0);
    if (holds == charged_) return;
    account->change(charged_, holds, *loop_);
    charged_ = holds;
}

void connection::shed() noexcept {
    if (read_failure_ == 0) read_failure_ = failure_of(errc::refused_by_policy);
    if (outbox_ && outbox_->in_flight())
        give_writing_up(-ENOBUFS);
    else if (outbox_ && outbox_->pending() > 0)
        fail_writing(-ENOBUFS);
    if (!reader) return;  // somebody may be looking at what was received
    drop_received();
    loop_->cancel(*reader);
}

// ---- ending

task<> connection::wind_down() {
    if (!socket_) co_return;
    closing_ = true;
    read_failure_ = 0;  // what ended the reading of messages; there may be more input to read away
    try {
        detail::write_awaiter sent(*this, {}, detail::write_awaiter::until::shut_down);
        co_await sent;
        const std::uint64_t read_max = received_ + options_->close_drain_max;
        const time_point until = detail::time_after(loop_->now(), options_->close_deadline);
        while (!ended_ && received_ < read_max) {
            detail::read_awaiter more(*this, detail::want::some, 0, until);
            co_await more;
        }
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
        // The peer has gone, or does not end, or memory has: nobody is left to tell.
    }
}

task<> connection::close_orderly() {
    if (!is_quiet()) {
        task<> winding = wind_down();
        co_await winding;
    }
    close_now(write_failure_ != 0);
}

void connection::close_now(bool reset) noexcept {
    if (!socket_) return;
    closing_ = true;
    // A stream that lacks its rest must not end as if it were whole.
    reset = reset || write_failure_ != 0;
    if (reader) {
        read_failure_ = failure_of(errc::closed);
        loop_->cancel(*reader);
    }
    if (outbox_) {
        outbox_->turn_hook::unlink();
        if (outbox_->in_flight()) loop_->abandon(*outbox_);
        reset = reset || outbox_->pending() > 0;
        outbox_->drop_all();
        put_outbox_away();
    }
    if (writer) loop_->notify(*writer, -ECONNABORTED);
    drop_received();
    loop_->close(std::exchange(socket_, {}), reset);
}

}  // namespace aperto
