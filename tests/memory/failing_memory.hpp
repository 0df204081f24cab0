// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

/// This program's operator new, which can be told to fail once.
namespace aperto::memory {

/// From now on the `which`-th allocation, from 1, fails; no other does. Every thread counts, but for those
/// that are spared, and but for what simulated machines take.
void fail_at(std::size_t which) noexcept;
/// No allocation fails any more. Whether one has.
bool stop_failing() noexcept;
/// Blocks that operator new gave and that were not given back.
std::size_t blocks() noexcept;

/// While one lives, this thread is spared.
class spared {
public:
    spared() noexcept;
    spared(const spared&) = delete;
    spared& operator=(const spared&) = delete;
    ~spared();

private:
    bool before_;
};

}  // namespace aperto::memory
