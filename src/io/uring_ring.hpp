// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/operation.hpp"

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace aperto::io {

/// An io_uring with the setup this library wants: one issuer, completions worked off where we wait for them
/// (io_uring_setup(2): SINGLE_ISSUER, DEFER_TASKRUN, SUBMIT_ALL). One thread, the one that first submits.
class uring_ring {
public:
    /// Throws `error` with the kernel's reason: EPERM, ENOSYS, ENOMEM.
    uring_ring();
    ~uring_ring();
    uring_ring(const uring_ring&) = delete;
    uring_ring& operator=(const uring_ring&) = delete;

    io_uring* get() noexcept { return &ring_; }

    /// The next free submission entry; submits what is queued where the queue is full.
    io_uring_sqe* next_sqe() noexcept;
    /// Submits, waits for at least one completion until `nanoseconds` have passed (0: does not wait;
    /// negative: without end), and lets the kernel post what is finished.
    /// Throws `error` when called on another thread than the one that made the ring.
    void submit_and_wait(std::int64_t nanoseconds);
    /// Ends the operation with this user data and does not return before the kernel has let go of its memory.
    void cancel_now(std::uint64_t user_data) noexcept;

private:
    io_uring ring_{};
};

/// The buffers that the kernel fills for multishot receives, and lends through us
/// (io_uring_register_buf_ring(3)).
class uring_buffers {
public:
    static constexpr std::uint16_t group = 0;
    /// `count`: a power of two, 2 to 32,768. Throws `error`.
    uring_buffers(uring_ring& ring, std::uint32_t count, std::uint32_t size);
    ~uring_buffers();
    uring_buffers(const uring_buffers&) = delete;
    uring_buffers& operator=(const uring_buffers&) = delete;

    /// A completion took buffer `id` out of the ring.
    lent_bytes lend(std::uint16_t id, std::uint32_t size) noexcept;
    void give_back(std::uint32_t id) noexcept;
    std::uint32_t size() const noexcept { return size_; }
    std::uint32_t lent() const noexcept { return lent_; }
    std::uint32_t count() const noexcept { return count_; }
    /// How many the kernel can still fill.
    std::uint32_t left() const noexcept { return count_ - lent_; }

private:
    char* buffer(std::uint32_t id) const noexcept { return memory_ + std::size_t{id} * size_; }

    uring_ring& owner_;
    std::uint32_t count_;
    std::uint32_t size_;
    std::uint32_t lent_ = 0;
    io_uring_buf_ring* ring_ = nullptr;
    char* memory_ = nullptr;
};

}  // namespace aperto::io
