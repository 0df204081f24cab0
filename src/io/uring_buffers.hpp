// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/operation.hpp"
#include "io/ring.hpp"

#include <cstdint>
#include <vector>

namespace aperto::io {

/// The buffers that the kernel fills for multishot receives, and lends through us. Memory only once used.
class uring_buffers {
public:
    static constexpr std::uint16_t group = 0;
    /// `count`: a power of two, 1 to 32,768. Throws `error`.
    uring_buffers(ring& owner, std::uint32_t count, std::uint32_t size);
    ~uring_buffers();
    uring_buffers(const uring_buffers&) = delete;
    uring_buffers& operator=(const uring_buffers&) = delete;

    /// A completion took buffer `id` out of the ring. None where it names one that the kernel does not have:
    /// what it says came before.
    lent_bytes lend(std::uint16_t id, std::uint32_t size) noexcept;
    void give_back(std::uint32_t id) noexcept;
    std::uint32_t size() const noexcept { return size_; }
    std::uint32_t lent() const noexcept { return lent_; }
    std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(with_kernel_.size()); }
    /// How many the kernel can still fill.
    std::uint32_t left() const noexcept { return count() - lent_; }

private:
    char* buffer(std::uint32_t id) const noexcept { return memory_ + std::size_t{id} * size_; }

    ring& owner_;
    std::uint32_t size_;
    std::uint32_t lent_ = 0;
    char* memory_ = nullptr;
    std::vector<bool> with_kernel_;
};

}  // namespace aperto::io
