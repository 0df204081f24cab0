// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/operation.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace aperto {

class connection;

/// What a connection has written and the kernel has not taken yet. A connection has one only while there is
/// something; outboxes are reused by the thread, with the memory of their buffers.
///
/// Small writes are appended to `filling_`; a send offers `sending_`, which was filled before it, and
/// `direct_`, the parts of a large write that waits, from where their owner keeps them. Order: sending_,
/// filling_, direct_.
class outbox final : public send_operation, public turn_hook {
public:
    explicit outbox(connection& of) noexcept;

    /// From, and to, the thread's store.
    static std::unique_ptr<outbox> take(connection& of);
    static void put_away(std::unique_ptr<outbox> emptied) noexcept;

    std::size_t pending() const noexcept {
        return sending_.size() - offset_ + filling_.size() + direct_size_;
    }
    /// Bytes of memory that its buffers hold.
    std::size_t capacity() const noexcept { return filling_.capacity() + sending_.capacity(); }
    /// To append to.
    std::string& filling() noexcept { return filling_; }

    bool has_direct() const noexcept { return direct_size_ > 0; }
    /// `size`: of all parts. The array and what it names stay its owner's.
    void set_direct(std::span<const std::string_view> direct, std::size_t size) noexcept {
        direct_ = direct;
        direct_size_ = size;
        direct_taken_ = 0;
    }
    void drop_all() noexcept;

    /// Prepares `parts` with up to `limit` bytes of what is pending, in order.
    void offer(std::size_t limit) noexcept;
    /// Of a connection on a transport, where nothing is offered: what is sealed and not sent, to be appended to.
    std::string& sealed() noexcept;
    /// Written, and not yet sealed: the front of it, empty where there is none. `unsealed_taken` takes it away.
    std::string_view unsealed() noexcept;
    void unsealed_taken(std::size_t bytes) noexcept;
    /// Prepares `parts` with what is sealed.
    void offer_sealed(std::size_t limit) noexcept;
    /// The kernel took `bytes` of what was offered.
    void taken(std::size_t bytes) noexcept;
    /// Bytes of the present offer that are not taken yet: the write deadline runs until there are none.
    std::size_t offered() const noexcept { return offered_; }

    struct alarm : aperto::deadline {
        explicit alarm(outbox& of) noexcept;
        outbox* box;
    };
    alarm deadline;
    /// Why the send in flight was given up; none where it was not. A send that is cancelled after the kernel
    /// took a part tells that part, not that it was cancelled.
    std::error_code given_up;
    /// The present offer is not taken for long, and so many bytes of what was sent before wait in the kernel.
    bool is_slow = false;
    std::size_t in_kernel = 0;
    connection* owner;

private:
    /// A part of so much is sent from where it is; smaller ones are copied, so much of them for one send.
    static constexpr std::size_t gathered_part_max = 4096;
    static constexpr std::size_t gathered_max = 32 * 1024;
    void gather() noexcept;
    /// The part at the front, behind `to`; false where it is not small, or there is no memory for it.
    bool move_small_part(std::string& to) noexcept;
    void take_direct(std::size_t bytes) noexcept;

    static constexpr std::size_t kept_capacity_max = 64 * 1024;

    std::string filling_;
    std::string sending_;
    std::size_t offset_ = 0;
    std::span<const std::string_view> direct_;
    std::size_t direct_size_ = 0;   ///< bytes of it that are not taken yet
    std::size_t direct_taken_ = 0;  ///< bytes of its first part that are
    std::size_t offered_ = 0;
    std::array<iovec, parts_max> parts_{};
};

}  // namespace aperto
