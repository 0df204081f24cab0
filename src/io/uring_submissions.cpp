// SPDX-License-Identifier: MIT
// What the uring engine writes for the kernel to take: entries of the ring, or of the list that waits for
// room in it.
#include "io/uring_loop.hpp"

#include <poll.h>

#include <cassert>
#include <cerrno>
#include <new>

namespace aperto::io {

/// Never submits: what the queue has no room for waits, in order, for the end of the turn.
io_uring_sqe* uring_loop::next_entry() noexcept {
    if (spilled_.empty())
        if (io_uring_sqe* const entry = ring_->next_entry()) return entry;
    if (io_uring_sqe* const entry = add_place(spilled_)) return entry;
    // No memory to let it wait in: the kernel has to take some now.
    if (ring_->submit() > 0) move_spilled();
    if (spilled_.empty())
        if (io_uring_sqe* const entry = ring_->next_entry()) return entry;
    broken_ = -ENOMEM;
    return lost_.get();
}

io_uring_sqe* uring_loop::prepare_incoming(socket_id which, socket& at, watch what) noexcept {
    io_uring_sqe* const entry = next_entry();
    entry->user_data = pack(tag::incoming, ++at.incoming_number, which);
    at.arm(what);
    return entry;
}

io_uring_sqe* uring_loop::prepare_outgoing(socket_id which, socket& at) noexcept {
    io_uring_sqe* const entry = next_entry();
    entry->user_data = pack(tag::outgoing, ++at.outgoing_number, which);
    at.sending = true;
    return entry;
}

void uring_loop::fill_cancel(io_uring_sqe* entry, std::uint64_t user_data, std::uint64_t own) noexcept {
    io_uring_prep_cancel64(entry, user_data, 0);
    entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    entry->user_data = own;
}

/// What the kernel has not taken yet shall do nothing; false where it has taken it.
bool uring_loop::withdraw(std::uint64_t user_data) noexcept {
    if (ring_->withdraw(user_data)) return true;
    for (io_uring_sqe& each : spilled_) {
        if (each.user_data != user_data) continue;
        io_uring_prep_nop(&each);
        return true;
    }
    return false;
}

/// Asks that what is armed end.
void uring_loop::end_incoming(socket_id which, socket& at) noexcept {
    if (!at.is_armed()) return;
    fill_cancel(next_entry(), pack(tag::incoming, at.incoming_number, which),
                pack(tag::end_incoming, at.incoming_number, which));
    at.ask_to_end();
}

void uring_loop::arm_wake_up() noexcept {
    io_uring_sqe* const entry = next_entry();
    io_uring_prep_poll_multishot(entry, wake_up_, POLLIN);
    entry->user_data = pack(tag::wake, 0, {});
}

void uring_loop::arm_receive(socket_id which, socket& at) noexcept {
    const bool polls = at.bulk || at.watched;
    io_uring_sqe* const entry = prepare_incoming(which, at, polls ? watch::polling : watch::receiving);
    at.capped = capped_ && !polls;
    if (polls) {
        io_uring_prep_poll_add(entry, at.descriptor, POLLIN | POLLRDHUP);
    } else {
        io_uring_prep_recv_multishot(entry, at.descriptor, nullptr, at.capped ? buffers_.size() : 0, 0);
        entry->flags |= IOSQE_BUFFER_SELECT;
        entry->buf_group = uring_buffers::group;
    }
    at.unchecked = false;  // an armed receive begins by looking
}

void uring_loop::arm_accept(socket_id which, socket& at) noexcept {
    if (at.incoming != watch::none) return;
    io_uring_sqe* const entry = prepare_incoming(which, at, watch::polling);
    io_uring_prep_poll_multishot(entry, at.descriptor, POLLIN);
}

}  // namespace aperto::io
