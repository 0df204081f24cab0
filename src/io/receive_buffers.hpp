// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/loop.hpp"

#include <cassert>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

namespace aperto::io {

/// The number of a lent "buffer" that is memory of its own, copied out of a loop's.
inline constexpr std::uint32_t copied_buffer = 0xFFFF'FFFF;

/// The one large buffer of a loop, for connections that bring much at a time. Memory only once used.
class bulk_buffer {
public:
    /// The number under which it is lent.
    static constexpr std::uint32_t number = 0xFFFF'FFFE;

    /// None, of size 0, where it would not be larger than the others.
    explicit bulk_buffer(const loop_options& options) noexcept
        : size_(options.bulk_buffer_size > options.receive_buffer_size ? options.bulk_buffer_size : 0) {}

    std::uint32_t size() const noexcept { return size_; }
    bool is_lent() const noexcept { return lent_; }
    /// It is there, and free. Without the memory for it, it is not.
    bool available() noexcept {
        if (lent_ || size_ == 0) return false;
        if (!memory_) memory_.reset(new (std::nothrow) char[size_]);
        return memory_ != nullptr;
    }
    /// Only while `available`.
    char* memory() noexcept { return memory_.get(); }
    void lend() noexcept { lent_ = true; }
    void give_back() noexcept { lent_ = false; }

private:
    std::unique_ptr<char[]> memory_;
    std::uint32_t size_;
    bool lent_ = false;
};

/// The buffers that a loop lends for received bytes: a fixed number of one size, memory only once used. The
/// one given back last is lent first, so that a quiet loop works in one buffer that stays in the cache.
class receive_buffers {
public:
    receive_buffers(std::uint32_t count_max, std::uint32_t size) noexcept
        : count_max_(count_max), size_(size) {}

    std::uint32_t size() const noexcept { return size_; }
    std::uint32_t lent() const noexcept { return lent_; }
    std::uint32_t count() const noexcept { return count_max_; }
    std::uint32_t left() const noexcept { return count_max_ - lent_; }
    bool available() const noexcept { return lent_ < count_max_; }

    /// Lends a buffer's number. Only while `available`. Throws std::bad_alloc.
    std::uint32_t lend() {
        assert(available());
        if (first_free_ == none) {
            buffers_.push_back({std::make_unique_for_overwrite<char[]>(size_), none});
            first_free_ = static_cast<std::uint32_t>(buffers_.size() - 1);
        }
        const std::uint32_t number = first_free_;
        first_free_ = buffers_[number].next_free;
        ++lent_;
        return number;
    }

    char* memory(std::uint32_t number) noexcept { return buffers_[number].memory.get(); }

    void give_back(std::uint32_t number) noexcept {
        assert(number < buffers_.size() && lent_ > 0);
        buffers_[number].next_free = first_free_;
        first_free_ = number;
        --lent_;
    }

private:
    static constexpr std::uint32_t none = ~std::uint32_t{0};
    struct buffer {
        std::unique_ptr<char[]> memory;
        std::uint32_t next_free;
    };

    std::vector<buffer> buffers_;
    std::uint32_t count_max_;
    std::uint32_t size_;
    std::uint32_t first_free_ = none;
    std::uint32_t lent_ = 0;
};

}  // namespace aperto::io
