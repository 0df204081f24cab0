// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/loop.hpp"

#include <cstdint>
#include <exception>
#include <memory>
#include <vector>

namespace aperto::sim {

class network;

/// The program on a simulated machine, as its world sees it: a loop on one of the engines, whose kernel is a
/// `sim_kernel`. Its world runs its turns when something is due.
class program {
public:
    program(network& net, std::uint16_t host) noexcept : net_(net), host_(host) {}
    virtual ~program() = default;
    program(const program&) = delete;
    program& operator=(const program&) = delete;

    virtual aperto::loop& on() noexcept = 0;
    /// One turn.
    void turn();
    bool is_awake() const noexcept { return awake_; }
    void wake() noexcept { awake_ = true; }
    /// On the world's clock; `duration::max()` for never.
    duration wakes_at() const noexcept { return wakes_at_; }
    virtual bool has_ended() const noexcept = 0;
    virtual std::exception_ptr failure() noexcept = 0;
    /// It dies: its tasks are no more, and the kernel closes what it had open.
    void kill() noexcept;
    /// As `kill`; by one of its own tasks, as soon as that waits.
    void die() noexcept;

    /// By a ring or a poller that has nothing to tell, and was told nothing: waits for `nanoseconds`, 0: does
    /// not, negative: without end.
    void wait(std::int64_t nanoseconds);

    /// The blocking call with this number ends.
    virtual void end_aside(std::uint64_t number) = 0;

protected:
    virtual void run_one_turn() = 0;
    /// When the next timer is due, on the loop's own clock; `time_point::max()` for never.
    virtual time_point next_alarm() const noexcept = 0;
    virtual bool is_busy() const noexcept = 0;
    virtual void drop_all_tasks() noexcept = 0;
    void plan_aside(std::shared_ptr<aside_job> job);
    std::shared_ptr<aside_job> take_aside(std::uint64_t number) noexcept {
        return std::move(asides_[number]);
    }
    duration clock_offset() const noexcept;
    time_point time() const noexcept;

    network& net_;
    const std::uint16_t host_;

private:
    std::vector<std::shared_ptr<aside_job>> asides_;
    duration wakes_at_ = duration::max();
    bool awake_ = true;
    bool turning_ = false;
    bool blocked_ = false;  ///< in this turn it came to wait
    time_point waits_until_ = time_point::max();
    bool idle_ = false;  ///< or looked, and nothing was there
    bool dying_ = false;
};

/// A loop of the engine that `options` names, on the kernel of this host.
std::unique_ptr<program> make_program(network& net, std::uint16_t host, engine which);

}  // namespace aperto::sim
