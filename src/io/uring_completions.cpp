// SPDX-License-Identifier: MIT
// The uring engine's turn: what was prepared is handed over, completions are taken off the ring, then called
// back.
#include "io/memory_account.hpp"
#include "io/socket_calls.hpp"
#include "io/uring_loop.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

namespace aperto::io {

// ---- the turn

void uring_loop::poll(time_point until) {
    // Where a callback threw, the rest of its turn has the first place in this one.
    const bool unfinished = arrived_next_ < arrived_count_;
    end_unread();
    rearm_waiting();
    const bool found = look_for_resets();
    const bool at_once = found || has_more();
    std::int64_t nanoseconds = 0;
    if (!at_once && until == time_point::max())
        nanoseconds = -1;
    else if (!at_once && until != time_point::min())
        nanoseconds = std::max<std::int64_t>(0, (until - read_clock()).count());
    if (nanoseconds != 0 && watches_.any()) fall_asleep();
    hand_over(nanoseconds);
    refresh_now();
    wake_up();
    if (!unfinished) collect();
    try_again();
    while (arrived_next_ < arrived_count_)
        dispatch(arrived_[arrived_next_++]);
}

void uring_loop::move_spilled() noexcept {
    while (!spilled_.empty()) {
        io_uring_sqe* const entry = ring_->next_entry();
        if (!entry) return;
        std::memcpy(entry, &spilled_.front(), sizeof *entry);
        spilled_.pop_front();
    }
}

bool uring_loop::hand_over_spilled() noexcept {
    move_spilled();
    while (!spilled_.empty() && ring_->submit() > 0)
        move_spilled();
    return spilled_.empty();
}

bool uring_loop::submit() {
    end_unread();
    rearm_waiting();
    const bool found = look_for_resets();
    const bool all = hand_over_spilled() && ring_->submit() >= 0;
    forget_taken();
    return !all || found || has_more() || !ring_->is_drained();
}

/// Something that needs no completion: what let others go first, what is left of a turn that was broken off.
bool uring_loop::has_more() const noexcept {
    return arrived_next_ < arrived_count_ || !again_.empty() ||
           (!without_buffer_.empty() && buffers_.left() > 0);
}

/// What the kernel read when it took the submissions.
void uring_loop::forget_taken() noexcept {
    if (!spilled_.empty() || ring_->not_submitted() > 0) return;
    headers_.clear();
    addresses_.clear();
}

void uring_loop::hand_over(std::int64_t nanoseconds) {
    if (!hand_over_spilled()) nanoseconds = 0;
    // Refused twice in a row, with nothing told in between: it is not to be asked again at once.
    if (refused_ && nanoseconds == 0 && ring_->is_drained()) ring_->wait(refused_rest_ns);
    const int result = broken_ != 0 ? broken_ : ring_->submit_and_wait(nanoseconds);
    const bool nothing_new = result == -ETIME || result == -EINTR;
    refused_ = result == -EBUSY || result == -EAGAIN || !spilled_.empty();
    if (result < 0 && !nothing_new && !refused_) {
        // It would come again for ever.
        broken_ = result;
        throw error::from_result(result, "wait for", "io_uring", "A loop runs on the thread that made it.");
    }
    forget_taken();
}

/// Takes the completions off the ring, all that are there: what callbacks bring is for the next turn.
void uring_loop::collect() noexcept {
    arrived_next_ = arrived_count_ = 0;
    while (arrived_count_ < arrived_.size()) {
        const std::size_t more = ring_->take(std::span(arrived_).subspan(arrived_count_));
        if (more == 0) return;
        arrived_count_ += more;
    }
}

/// Ends what is armed for nobody: bytes that nobody reads wait in the kernel, in the client's window.
void uring_loop::end_unread() noexcept {
    for (const socket_id each : delivered_) {
        socket* at = sockets_.find(each);
        if (at && !at->reader && !at->is_polling()) end_incoming(each, *at);
    }
    delivered_.clear();
}

void uring_loop::rearm_waiting() noexcept {
    // As many as there are buffers, the longest waiting first: each either finds one or waits in the kernel
    // for data.
    for (std::uint32_t left = buffers_.left(); left > 0 && !without_buffer_.empty(); --left) {
        operation& next = without_buffer_.pop_front();
        socket& at = *sockets_.find(next.socket);
        if (at.incoming == watch::none) arm_receive(next.socket, at);
    }
}

/// True where one was found: then its receive is ready.
bool uring_loop::look_for_resets() {
    if (unchecked_.empty() || arrived_next_ < arrived_count_ || !ring_->is_drained()) return false;
    bool found = false;
    while (!unchecked_.empty()) {
        socket& at = *sockets_.find(unchecked_.pop_front().socket);
        if (!at.unchecked) continue;  // something has been sent, or it was armed again
        at.unchecked = false;
        ssize_t there = 0;
        do {
            there = kernel_.look(at.descriptor);
        } while (there == -EINTR);
        if (there > 0 || there == -EAGAIN) continue;
        found = true;
        at.end(true_end(at, static_cast<int>(there)));
        complete_later(*take_reader(at), at.end_result);
    }
    return found;
}

/// Accepts that let others go first.
void uring_loop::try_again() {
    list<operation, queue_hook> now;
    now.splice_back(again_);
    while (!now.empty()) {
        operation& next = now.pop_front();
        on_queued(next.socket, *sockets_.find(next.socket), 0);
    }
}

void uring_loop::dispatch(const ring::completion& done) {
    const tag what = static_cast<tag>(done.user_data >> 60);
    if (what == tag::none) return;
    if (what == tag::wake) return on_wake_up(done.flags);
    const socket_id which{static_cast<std::uint32_t>(done.user_data & 0xFF'FFFF),
                          static_cast<std::uint32_t>((done.user_data >> 24) & 0x0FFF'FFFF)};
    const auto number = static_cast<std::uint8_t>(done.user_data >> 52);
    socket* at = sockets_.find(which);
    if (what == tag::outgoing) {
        if (at && at->sending && at->outgoing_number == number) on_outgoing(which, *at, done.result);
        return;
    }
    if (!at || at->incoming == watch::none || at->incoming_number != number) return drop(done);
    if (what == tag::end_incoming) return on_end_refused(which, *at);
    on_incoming(which, *at, done);
}

/// What was to end was found in no list of the kernel's: if it has not ended meanwhile it was just running,
/// and is armed still.
void uring_loop::on_end_refused(socket_id which, socket& at) noexcept {
    if (!at.goes_on()) return;
    if (at.is_closed() || !at.reader) end_incoming(which, at);
}

/// It came late, or twice.
void uring_loop::drop(const ring::completion& done) noexcept {
    if (!(done.flags & IORING_CQE_F_BUFFER) || done.result < 0) return;
    give_back(buffers_.lend(static_cast<std::uint16_t>(done.flags >> IORING_CQE_BUFFER_SHIFT),
                            static_cast<std::uint32_t>(done.result)));
}

void uring_loop::on_wake_up(std::uint32_t flags) noexcept {
    kernel_.calm(wake_up_);
    if (!(flags & IORING_CQE_F_MORE)) arm_wake_up();
}

void uring_loop::on_incoming(socket_id which, socket& at, const ring::completion& done) {
    const bool was_polling = at.is_polling();
    if (done.flags & IORING_CQE_F_MORE)
        at.goes_on();  // a cancel may have come too early: if not, its answer is still to come
    else
        at.incoming = watch::none;
    if (at.is == role::listener) return on_queued(which, at, done.result);
    if (at.is == role::watched) return on_ready(which, at, done.result);
    if (was_polling) return on_readable(which, at, done.result);
    on_receive(which, at, done);
}

// ---- accepting

void uring_loop::on_queued(socket_id which, socket& at, int result) {
    if (at.is_closed()) return release_if_done(which, at);
    if (result > 0)
        at.waiting = clients::told;
    else if (result == 0 && at.waiting == clients::none)  // where an accept is only tried again
        at.waiting = clients::perhaps;
    if (!at.reader) return;
    auto& waiting = static_cast<accept_operation&>(*at.reader);
    const bool cannot_watch = result < 0 && result != -ECANCELED;
    if (cannot_watch)
        waiting.result = result;
    else if (at.waiting == clients::none || !accept_one(at, waiting))
        return arm_accept(which, at);
    take_reader(at);
    complete(waiting, waiting.result);
}

// ---- other descriptors

void uring_loop::on_ready(socket_id which, socket& at, int result) {
    if (at.is_closed()) return release_if_done(which, at);
    operation& waiting = *take_reader(at);
    close(which, false);
    complete(waiting, std::min(result, 0));
}

// ---- receiving

void uring_loop::on_receive(socket_id which, socket& at, const ring::completion& done) {
    if (done.result <= 0) return on_no_bytes(which, at, done.result);
    const auto buffer = static_cast<std::uint16_t>(done.flags >> IORING_CQE_BUFFER_SHIFT);
    const lent_bytes bytes = buffers_.lend(buffer, static_cast<std::uint32_t>(done.result));
    if (at.now != stage::open || !bytes) {
        give_back(bytes);
        if (at.is_closed()) end_incoming(which, at);
        return release_if_done(which, at);
    }
    if (bytes.size >= buffers_.size() && bulk_.size() > 0) {
        // It brings much. The kernel would fill one buffer after another, and what is to be read would not be
        // in the cache: from now on we receive ourselves, when something is there.
        at.bulk = true;
        at.little = 0;
        end_incoming(which, at);
    }
    if (at.watched) end_incoming(which, at);  // it had come before what is asked now
    at.unchecked = at.incoming != watch::none;
    on_bytes(which, at, bytes);
}

void uring_loop::on_no_bytes(socket_id which, socket& at, int result) {
    if (at.is_closed()) return release_if_done(which, at);
    if (at.now == stage::ended) return;
    if (result == -EINVAL && at.capped) {
        capped_ = at.capped = false;  // this kernel does not know how
        result = -EAGAIN;
    }
    const bool goes_on = result == -ENOBUFS || result == -ECANCELED || result == -EINTR || result == -EAGAIN;
    if (!goes_on) return end(at, result);
    // Not the connection's end. Without a reader the next receive arms it again.
    if (!at.reader || at.incoming != watch::none) return;
    if (result != -ENOBUFS) return arm_receive(which, at);
    static_cast<queue_hook&>(*at.reader).unlink();
    without_buffer_.push_back(*at.reader);
}

void uring_loop::end(socket& at, int result) {
    at.end(true_end(at, result));
    if (operation* const waiting = take_reader(at)) complete(*waiting, at.end_result);
}

/// After an orderly end of the peer's the connection is open in our direction; where it is closed, the end
/// was a reset of which a send took the only notice, and told it to nobody, or has yet to tell it.
int uring_loop::true_end(const socket& at, int result) const {
    if (result != 0 || !(at.cut || at.sending)) return result;
    return kernel_.facts(at.descriptor).state == "CLOSE" ? -ECONNRESET : 0;
}

/// What is armed may have missed a reset: who receives, now or next, is to look.
void uring_loop::doubt(socket& at) noexcept {
    at.unchecked = at.incoming != watch::none && !at.is_polling();
    if (!at.unchecked || !at.reader) return;
    static_cast<queue_hook&>(*at.reader).unlink();
    unchecked_.push_back(*at.reader);
}

/// The receive or accept that waits, out of the line it may stand in; null without one.
operation* uring_loop::take_reader(socket& at) noexcept {
    operation* const waiting = std::exchange(at.reader, nullptr);
    if (waiting) static_cast<queue_hook&>(*waiting).unlink();
    return waiting;
}

/// A poll has ended.
void uring_loop::on_readable(socket_id which, socket& at, int result) {
    if (at.is_closed()) return release_if_done(which, at);
    if (at.watched) watches_.of(at.descriptor).look(at.descriptor);
    if (!at.reader) return;  // what is there waits in the kernel
    if (result == -ECANCELED) return arm_receive(which, at);
    if (result < 0) return end(at, result);
    if (at.watched) return receive_watched(which, at);
    if (!at.bulk) return arm_receive(which, at);  // it was watched until now
    receive_bulk(which, at);
}

void uring_loop::receive_bulk(socket_id which, socket& at) {
    if (!bulk_.available()) {
        at.bulk = false;
        return arm_receive(which, at);
    }
    const ssize_t size = kernel_.receive(at.descriptor, bulk_.memory(), bulk_.size());
    if (size == -EAGAIN || size == -EINTR) return arm_receive(which, at);
    if (size <= 0) return end(at, static_cast<int>(size));
    at.little = static_cast<std::size_t>(size) >= buffers_.size() ? std::uint8_t{0}
                                                                  : static_cast<std::uint8_t>(at.little + 1);
    at.bulk = at.little < little_max;
    bulk_.lend();
    on_bytes(which, at, {bulk_.memory(), static_cast<std::uint32_t>(size), bulk_buffer::number});
}

void uring_loop::on_bytes(socket_id which, socket& at, lent_bytes bytes) {
    expect_reader(which, at);
    if (!at.reader) return keep_bytes(which, at, bytes);
    auto& waiting = static_cast<receive_operation&>(*take_reader(at));
    waiting.bytes = bytes;
    complete(waiting, static_cast<int>(bytes.size));
}

/// What is armed has no reader, or is about to have none: unless one comes it is to end with the turn.
void uring_loop::expect_reader(socket_id which, socket& at) noexcept {
    if (at.incoming != watch::receiving) return;
    try {
        delivered_.push_back(which);
    } catch (const std::bad_alloc&) {
        end_incoming(which, at);
    }
}

// ---- sending and connecting

void uring_loop::on_outgoing(socket_id which, socket& at, int result) {
    at.sending = false;
    if (at.is_closed()) return release_if_done(which, at);
    operation* const waiting = std::exchange(at.writer, nullptr);
    if (!waiting) return;
    if (waiting->what() == operation::kind::send) {
        std::size_t offered = 0;
        for (const iovec& part : static_cast<send_operation&>(*waiting).parts)
            offered += part.iov_len;
        if (result < 0)
            doubt(at);
        else if (at.watched)
            watches_.of(at.descriptor).sent(static_cast<std::size_t>(result));
        if (result >= 0) at.cut = at.cut || static_cast<std::size_t>(result) < offered;
        return complete(*waiting, result);
    }
    auto& connecting = static_cast<connect_operation&>(*waiting);
    if (result == 0)
        connecting.connected = which;
    else
        close(which, false);
    complete(connecting, result);
}

}  // namespace aperto::io
