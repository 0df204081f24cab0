// SPDX-License-Identifier: MIT
#pragma once

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace aperto::io {

/// What the uring engine asks of an io_uring: a handful of calls, given by liburing (`open_ring`) or by a
/// simulated ring (sim/sim_ring.hpp). Results are those of io_uring_enter(2): 0 or more, or a negative errno.
/// One thread.
class ring {
public:
    struct completion {
        std::uint64_t user_data = 0;
        std::int32_t result = 0;
        std::uint32_t flags = 0;
    };
    virtual ~ring() = default;

    /// A cleared entry of the submission queue, to be filled in; null while the queue is full.
    virtual io_uring_sqe* next_entry() noexcept = 0;
    /// Hands over what is queued; the kernel may take a part of it.
    virtual int submit() noexcept = 0;
    /// Hands over what is queued, lets the kernel post what is finished, and waits for a completion until
    /// `nanoseconds` have passed (0: does not wait; negative: without end). -ETIME and -EINTR: none has come.
    virtual int submit_and_wait(std::int64_t nanoseconds) noexcept = 0;
    /// As above, without handing over anything: where the kernel takes nothing at present.
    virtual int wait(std::int64_t nanoseconds) noexcept = 0;
    /// Lets the kernel finish and post what it has put off until we enter it (IORING_SETUP_DEFER_TASKRUN).
    virtual int run_task_work() noexcept = 0;
    /// Entries that the kernel has not taken yet.
    virtual std::size_t not_submitted() const noexcept = 0;
    /// Makes the entry with this user data one that does nothing (IORING_OP_NOP) and completes as such; false
    /// where the kernel has taken it already.
    virtual bool withdraw(std::uint64_t user_data) noexcept = 0;
    /// Ends the operation with this user data and does not return before the kernel has let go of its memory
    /// (io_uring_register_sync_cancel(3)).
    virtual void cancel_now(std::uint64_t user_data) noexcept = 0;

    /// Moves completions off the queue, in order; how many.
    virtual std::size_t take(std::span<completion> into) noexcept = 0;
    /// No completion waits in the queue, nor in the kernel for want of room in it.
    virtual bool is_drained() const noexcept = 0;

    /// Makes a ring of `count` receive buffers (io_uring_register_buf_ring(3)), empty at first.
    virtual int register_buffers(std::uint16_t group, std::uint32_t count) = 0;
    virtual void unregister_buffers(std::uint16_t group) noexcept = 0;
    /// Lends a buffer to the kernel.
    virtual void provide(char* memory, std::uint32_t size, std::uint16_t id) noexcept = 0;
};

/// The kernel's, with the set-up that this library wants: one issuer, completions worked off where we wait
/// for them (io_uring_setup(2): SINGLE_ISSUER, DEFER_TASKRUN, SUBMIT_ALL). One thread, the one that made it.
/// Throws `error` with the kernel's reason (EPERM, ENOSYS, ENOMEM) where it has none for us, or does not let
/// us use the one that it gave.
std::unique_ptr<ring> open_ring();

}  // namespace aperto::io
