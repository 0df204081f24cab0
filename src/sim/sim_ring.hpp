// SPDX-License-Identifier: MIT
#pragma once

#include "io/ring.hpp"
#include "sim/faults.hpp"
#include "sim/sim_kernel.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

namespace aperto::sim {

/// An io_uring of a simulated machine, set up as the real one (DEFER_TASKRUN: what becomes ready is worked
/// off, and posted, only when the program enters the kernel).
///
/// It is as unkind as io_uring's manual pages allow: takes a part of what is submitted, completes at once or
/// later, in any order across sockets; its queue of completions overflows into the kernel's; a multishot ends
/// whenever it likes; a cancel comes late or meets what is just running; a completion comes twice; a receive
/// that was woken once for bytes and a reset tells the bytes alone. Receive buffers run dry.
class sim_ring final : public io::ring {
public:
    sim_ring(network& net, std::uint16_t host);
    ~sim_ring() override;

    io_uring_sqe* next_entry() noexcept override;
    int submit() noexcept override;
    int submit_and_wait(std::int64_t nanoseconds) noexcept override;
    int wait(std::int64_t nanoseconds) noexcept override;
    int run_task_work() noexcept override;
    std::size_t not_submitted() const noexcept override { return queued_; }
    bool withdraw(std::uint64_t user_data) noexcept override;
    void cancel_now(std::uint64_t user_data) noexcept override;
    std::size_t take(std::span<completion> into) noexcept override;
    bool is_drained() const noexcept override { return completions_.empty() && overflowed_.empty(); }
    int register_buffers(std::uint16_t group, std::uint32_t count) override;
    void unregister_buffers(std::uint16_t group) noexcept override;
    void provide(char* memory, std::uint32_t size, std::uint16_t id) noexcept override;

    /// The program has died: its requests are no more.
    void drop_requests() noexcept;
    /// A cancel that was long on its way reaches the request with this number, unless that has ended.
    void reach_with_cancel(std::uint64_t number) noexcept;

private:
    struct request final : watcher {
        void woken() noexcept override { owner->to_do(*this); }
        sim_ring* owner = nullptr;
        std::uint64_t number = 0;
        std::unique_ptr<io_uring_sqe> entry;
        std::shared_ptr<file> on;
        std::vector<iovec> parts;
        std::size_t sent = 0;
        bool waits_for_work = false;
        bool cancelled = false;
        std::uint8_t cancels_lost = 0;
    };
    struct provided {
        char* memory;
        std::uint32_t size;
        std::uint16_t id;
    };

    sim_kernel& os() const noexcept;
    bool happens(double faults::* which) const noexcept;
    void issue(const io_uring_sqe& entry);
    void begin(request& fresh);
    void cancel(const io_uring_sqe& entry);
    request* find(std::uint64_t user_data) noexcept;
    void to_do(request& which) noexcept;
    void work_off() noexcept;
    void run(request& which);
    void run_poll(request& which);
    void run_receive(request& which);
    void run_send(request& which);
    void run_connect(request& which);
    bool tells_nothing_more(const request& which) const noexcept;
    void finish(request& which, int result, std::uint32_t flags = 0);
    void post(std::uint64_t user_data, int result, std::uint32_t flags);
    void flush_overflow() noexcept;

    network& net_;
    std::uint16_t host_;
    std::size_t completions_max_;
    bool knows_caps_;  ///< a length on a multishot receive caps each trigger (Linux 6.17)
    std::uint64_t numbers_ = 0;
    std::vector<io_uring_sqe> entries_;  ///< submissions, the first `queued_` in use
    std::size_t queued_ = 0;
    std::unordered_map<std::uint64_t, std::unique_ptr<request>> requests_;  ///< by number
    std::unordered_map<std::uint64_t, std::uint64_t> numbered_;             ///< user data to number
    std::vector<std::uint64_t> work_;                                       ///< numbers of requests
    std::deque<completion> completions_;
    std::deque<completion> overflowed_;
    std::deque<provided> buffers_;
};

}  // namespace aperto::sim
