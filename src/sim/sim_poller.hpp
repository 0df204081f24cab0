// SPDX-License-Identifier: MIT
#pragma once

#include "io/poller.hpp"
#include "sim/sim_kernel.hpp"

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace aperto::sim {

/// An epoll instance of a simulated machine, edge-triggered: it tells of a file that its kernel gave notice
/// of since it told of it last, in any order.
class sim_poller final : public io::poller {
public:
    sim_poller(network& net, std::uint16_t host) noexcept : net_(net), host_(host) {}

    int add(int descriptor, std::uint32_t events, std::uint64_t data) noexcept override;
    int modify(int descriptor, std::uint32_t events, std::uint64_t data) noexcept override;
    void remove(int) noexcept override {}  // of descriptors that a simulated kernel does not give
    int descriptor() const noexcept override { return -1; }
    int wait(std::span<epoll_event> into, std::int64_t nanoseconds) noexcept override;

private:
    struct entry final : watcher {
        void woken() noexcept override;
        void bereft() noexcept override;
        sim_poller* owner = nullptr;
        file* on = nullptr;
        std::uint32_t events = 0;
        std::uint64_t data = 0;
        std::uint64_t serial = 0;
        bool ready = false;
    };
    sim_kernel& os() noexcept;
    bool has_something() const noexcept { return !ready_.empty(); }

    network& net_;
    std::uint16_t host_;
    std::unordered_map<std::uint64_t, std::unique_ptr<entry>> entries_;  ///< by the file's serial
    std::vector<std::uint64_t> ready_;
};

}  // namespace aperto::sim
