// SPDX-License-Identifier: MIT
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <memory>
#include <span>

namespace aperto::io {

/// What the epoll engine asks of an epoll instance: epoll_ctl(2) and epoll_wait(2), given by Linux
/// (`open_poller`) or by a simulated machine (sim/sim_poller.hpp). 0 or more, or a negative errno. One
/// thread.
class poller {
public:
    virtual ~poller() = default;
    virtual int add(int descriptor, std::uint32_t events, std::uint64_t data) noexcept = 0;
    virtual int modify(int descriptor, std::uint32_t events, std::uint64_t data) noexcept = 0;
    /// What was added: closing a descriptor takes it away only where no other stands for the same open file.
    virtual void remove(int descriptor) noexcept = 0;
    /// The instance's own descriptor, readable when `wait` would find something; -1 of a simulated one.
    virtual int descriptor() const noexcept = 0;
    /// Waits for events until `nanoseconds` have passed (0: does not wait; negative: without end); how many.
    virtual int wait(std::span<epoll_event> into, std::int64_t nanoseconds) noexcept = 0;
};

/// Throws `error` where the kernel gives none.
std::unique_ptr<poller> open_poller();

}  // namespace aperto::io
