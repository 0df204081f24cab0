// SPDX-License-Identifier: MIT
// What the uring engine has of a connection's bytes besides what its ring delivers to who reads: what came before anybody
// read, and what a watch of the socket receives.
#include "io/memory_account.hpp"
#include "io/uring_loop.hpp"

#include <cerrno>
#include <cstring>
#include <memory>
#include <new>

namespace aperto::io {

// ---- what arrives before anybody reads

void uring_loop::recharge(socket& at, std::size_t size) noexcept {
    if (at.account != no_account) accounts_[at.account]->change(at.ahead->size, size, *this);
    at.ahead->size = size;
}

void uring_loop::keep_bytes(socket_id which, socket& at, lent_bytes bytes) noexcept {
    try {
        if (!at.ahead) at.ahead = std::make_unique<arrivals>();
        // A few who do not read must not hold every buffer.
        if (!at.ahead->bytes.empty() || is_short_of_buffers()) bytes = copy_out(bytes);
        at.ahead->bytes.push_back(bytes);
        recharge(at, at.ahead->size + bytes.size);
    } catch (const std::bad_alloc&) {
        // What cannot be kept would be missed in the middle of the stream: it ends here.
        give_back(bytes);
        if (at.ahead && at.ahead->bytes.empty()) at.ahead.reset();
        at.end(-ENOMEM);
        end_incoming(which, at);
    }
}

lent_bytes uring_loop::copy_out(lent_bytes lent) {
    char* memory = new char[lent.size];
    std::memcpy(memory, lent.data, lent.size);
    give_back(lent);
    ++copies_;
    return {memory, lent.size, copied_buffer};
}

void uring_loop::drop_arrivals(socket& at) noexcept {
    if (!at.ahead) return;
    recharge(at, 0);
    for (const lent_bytes& each : at.ahead->bytes)
        give_back(each);
    at.ahead.reset();
}

// ---- sockets that are watched

bool uring_loop::watch_socket(socket_id which, socket_watch* by) noexcept {
    socket* const at = find_open(which);
    if (!at || !watches_.set(at->descriptor, by)) return false;
    at->watched = by != nullptr;
    // What fills lent buffers by itself tells no times, and wakes for ever by what stands in an error queue.
    if (by && !at->is_polling()) end_incoming(which, *at);
    return true;
}

void uring_loop::receive_watched(socket_id which, socket& at) {
    const bool bulk = bulk_.available();
    const std::size_t room = bulk ? bulk_.size() : buffers_.size();
    std::unique_ptr<char[]> own(bulk ? nullptr : new (std::nothrow) char[room]);
    if (!bulk && !own) return end(at, -ENOMEM);
    char* const memory = bulk ? bulk_.memory() : own.get();
    const auto size = static_cast<ssize_t>(watches_.of(at.descriptor).receive(at.descriptor, memory, room));
    if (size == -EAGAIN || size == -EINTR) return arm_receive(which, at);
    if (size <= 0) return end(at, static_cast<int>(size));
    if (bulk)
        bulk_.lend();
    else
        ++copies_;
    static_cast<void>(own.release());
    on_bytes(which, at,
             {memory, static_cast<std::uint32_t>(size), bulk ? bulk_buffer::number : copied_buffer});
}

}  // namespace aperto::io
