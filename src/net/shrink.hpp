// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/backend.hpp"

#include <cstddef>
#include <new>
#include <string>

namespace aperto {

/// Whether emptied buffers are kept on this thread for the next use. Not on a simulated loop: what ran on the
/// thread before would reach it by their capacity.
inline bool keeps_memory(const backend& on) noexcept { return on.which() != engine::simulated; }

/// A buffer is much larger than what it holds: four times, so that what is copied to shrink it is little
/// beside what has gone through it; and so large that it matters.
constexpr bool is_oversized(std::size_t capacity, std::size_t used) noexcept {
    constexpr std::size_t matters_min = 16 * 1024;
    return capacity > matters_min && capacity / 4 > used;
}

/// Gives the memory back that an oversized buffer does not need. Without the memory to move it stays as it
/// is.
inline void shrink(std::string& buffer) noexcept {
    if (!is_oversized(buffer.capacity(), buffer.size())) return;
    try {
        std::string(buffer).swap(buffer);
    } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch)
        // Then a later one may.
    }
}

}  // namespace aperto
