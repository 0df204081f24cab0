// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

/// A server on a free loopback port, one thread, poll(2), as simple as can be, with the faults that a test
/// wants.
class small_server {
public:
    struct behaviour {
        /// What is sent back for what came; by default its capitals.
        std::function<std::string(std::string_view)> answer = {};
        /// A connection is closed after so many pieces were answered; 0: never.
        unsigned answers_a_connection = 0;
        /// Stops answering, for everybody, for so long after so many pieces; 0: never.
        unsigned stall_after = 0;
        unsigned stall_ms = 0;
    };
    small_server() : small_server(behaviour{}) {}
    explicit small_server(behaviour how);
    ~small_server();
    small_server(const small_server&) = delete;
    small_server& operator=(const small_server&) = delete;

    std::uint16_t port() const noexcept { return port_; }
    unsigned accepted() const noexcept { return accepted_; }

private:
    void serve();

    behaviour how_;
    int listener_ = -1;
    int wake_[2] = {-1, -1};
    std::uint16_t port_ = 0;
    std::atomic<unsigned> accepted_ = 0;
    std::thread thread_;
};
