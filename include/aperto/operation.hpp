// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/cancel.hpp"
#include "aperto/endpoint.hpp"
#include "aperto/timer.hpp"

#include <sys/uio.h>

#include <cassert>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>

namespace aperto {

class backend;

/// Which socket of a loop is meant: its slot in the loop's table and the generation of that slot. A
/// completion or a call that comes late carries an old generation and touches nothing, whoever has the slot
/// or the descriptor now.
struct socket_id {
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;  ///< 0 is no socket
    explicit operator bool() const noexcept { return generation != 0; }
    bool operator==(const socket_id&) const = default;
};

/// Received bytes in a buffer of the loop's. Whoever holds it gives it back with `backend::give_back`, soon: a
/// connection that waits should hold none.
struct lent_bytes {
    const char* data = nullptr;
    std::uint32_t size = 0;
    std::uint32_t buffer = 0;  ///< the loop's own number for the buffer
    explicit operator bool() const noexcept { return data != nullptr; }
};

struct queue_hook : list_hook {};

/// One thing that a loop completes: the base of every awaiter that waits for the loop.
///
/// It lives where its awaiter lives, in the coroutine frame, and costs no allocation. From the moment a loop
/// accepted it until its completion it must stay in place; destroying it earlier gives the operation up
/// (`backend::abandon`) and is safe. A loop completes an operation exactly once, on its own thread, from the top
/// of a turn and never inside the call that started or cancelled it.
class operation : public scope_hook, public queue_hook {
public:
    /// `event` is whatever completes it by `backend::notify`: a joined group, room in a send queue.
    enum class kind : std::uint8_t { event, accept, connect, receive, send, ready, sleep, aside };
    enum class state : std::uint8_t { idle, pending, ready };
    using completion = void (*)(operation&);

    explicit operation(backend& owner, kind what) noexcept : kind_(what), owner_(&owner) {}
    /// Moved only before it is awaited: into the frame of who is going to wait.
    operation(operation&& unused) noexcept
        : scope_hook(),
          queue_hook(),
          on_complete(unused.on_complete),
          kind_(unused.kind_),
          owner_(unused.owner_) {
        assert(!unused.in_flight());
    }
    operation& operator=(operation&&) = delete;
    ~operation();

    backend& owner() const noexcept { return *owner_; }
    /// For an operation that is used again, perhaps on another loop. Not while it is in flight.
    void move_to(backend& owner) noexcept { owner_ = &owner; }
    kind what() const noexcept { return kind_; }
    state where() const noexcept { return state_; }
    bool in_flight() const noexcept { return state_ != state::idle; }
    /// As `backend::cancel`, where it is in flight.
    void request_cancel() noexcept;

    /// Called when the operation is complete. Awaiters set it; the default resumes `waiter`.
    completion on_complete = [](operation& done) { done.waiter.resume(); };
    std::coroutine_handle<> waiter;
    /// The scope in which it waits, null for none; it is in the scope's list while it is in flight.
    cancel_scope* scope = nullptr;
    /// For the engine's own use while the operation is in flight.
    socket_id socket;
    /// At least 0, or a negative errno; `-ECANCELED` after a cancel that won.
    int result = 0;

private:
    friend class backend;
    kind kind_;
    state state_ = state::idle;
    backend* owner_;
};

/// Completes with `result` 0, the accepted connection and its client's address, or a negative errno
/// (accept(2)).
class accept_operation : public operation {
public:
    explicit accept_operation(backend& owner) noexcept : operation(owner, kind::accept) {}
    socket_id accepted;
    endpoint peer;
};

/// Completes with `result` 0 and `connected`, or a negative errno (connect(2)).
class connect_operation : public operation {
public:
    explicit connect_operation(backend& owner) noexcept : operation(owner, kind::connect) {}
    socket_id connected;
};

/// Completes with `result` > 0 and as many bytes lent, 0 at the end of the stream, or a negative errno
/// (recv(2)).
class receive_operation : public operation {
public:
    explicit receive_operation(backend& owner) noexcept : operation(owner, kind::receive) {}
    lent_bytes bytes;
};

/// Completes with how many bytes the kernel took, which may be fewer than were offered, or a negative errno
/// (send(2)). The memory that `parts` names, and `parts` itself, must stay until then. One send at a time on
/// a socket.
class send_operation : public operation {
public:
    static constexpr std::size_t parts_max = 16;
    explicit send_operation(backend& owner) noexcept : operation(owner, kind::send) {}
    std::span<iovec> parts;
};

/// Completes with `result` 0 when a descriptor is ready, as poll(2) tells it (POLLIN or POLLOUT, and where it has
/// failed or hung up), or a negative errno.
class ready_operation : public operation {
public:
    enum class direction : std::uint8_t { reading, writing };
    ready_operation(backend& owner, direction which) noexcept
        : operation(owner, kind::ready), towards(which) {}
    direction towards;
};

/// Something to be done at the end of the loop's turn, after every handler that had something to do has run:
/// how streams send once what was written many times.
class turn_hook : public list_hook {
public:
    using action = void (*)(turn_hook&);
    explicit turn_hook(action at_end) noexcept : at_end_(at_end) {}

private:
    friend class backend;
    action at_end_;
};

/// A blocking call that runs on a helper thread. The loop and the thread share it, so that a caller who stops
/// waiting leaves nothing dangling.
struct aside_job {
    std::function<void()> call;    ///< must not throw
    operation* waiting = nullptr;  ///< the loop's thread only; null once nobody waits
};

class aside_operation : public operation {
public:
    explicit aside_operation(backend& owner) noexcept : operation(owner, kind::aside) {}
    std::shared_ptr<aside_job> job;
};

/// Completes with `result` 0 when its time has come.
class sleep_operation : public operation {
public:
    explicit sleep_operation(backend& owner) noexcept : operation(owner, kind::sleep), wake(*this) {}
    sleep_operation(sleep_operation&& unused) noexcept
        : operation(static_cast<operation&&>(unused)), wake(*this) {}

    struct alarm : timer {
        explicit alarm(sleep_operation& of) noexcept : timer(&ring), sleeper(&of) {}
        static void ring(timer& due);
        sleep_operation* sleeper;
    };
    alarm wake;
};

}  // namespace aperto
