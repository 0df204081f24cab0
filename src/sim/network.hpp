// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/sim.hpp"
#include "core/split_mix.hpp"
#include "sim/connection.hpp"
#include "sim/faults.hpp"
#include "sim/planner.hpp"
#include "sim/program.hpp"
#include "sim/sim_kernel.hpp"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace aperto::sim {

class sim_ring;

/// Everything of a world but its face: hosts, links, connections, time, chance and the log.
class network {
public:
    explicit network(const world_options& options);
    ~network();
    network(const network&) = delete;
    network& operator=(const network&) = delete;

    struct machine {
        std::string name;
        host_options options;
        std::vector<endpoint> addresses;
        std::unique_ptr<sim_kernel> os;
        sim_ring* ring = nullptr;  ///< the program's, where it is on io_uring
        std::unique_ptr<program> runs;
        std::unique_ptr<host> face;
        bool up = true;  ///< its program runs
        bool powered = true;
        std::uint16_t next_port = 32'768;
    };

    // ---- hosts, names, links

    host& add_host(std::string name, const host_options& options);
    void add_name(std::string name, const std::vector<std::string>& addresses);
    void add_service(std::string name, std::vector<service_record> records) {
        services_[std::move(name)] = std::move(records);
    }
    machine& at(std::uint16_t host) noexcept { return *machines_[host]; }
    std::vector<endpoint> look_up(std::uint16_t asking, const std::string& name, std::uint16_t port,
                                  int family) const;
    std::vector<service_record> look_up_service(const std::string& name) const;
    /// -1 where no host has it.
    int host_of(const endpoint& address, std::uint16_t asking) const noexcept;
    link_options& link(std::uint16_t from, std::uint16_t to);
    void cut(std::uint16_t one, std::uint16_t other);
    void join(std::uint16_t one, std::uint16_t other);
    void power_off(std::uint16_t host);

    // ---- time and chance

    duration elapsed() const noexcept { return elapsed_; }
    time_point now() const noexcept { return epoch + elapsed_; }
    /// Any time far enough from zero for a program that subtracts.
    static constexpr time_point epoch{std::chrono::hours(1000)};
    split_mix& chance() noexcept { return chance_; }
    /// Each fault has dice of its own, so that one without which a seed fails as well may be left out and the
    /// others befall as they did.
    bool happens(double faults::* which) noexcept {
        const double share = options.faults.*which;
        return share > 0 && static_cast<double>(dice_[place_of(which)]() >> 11) * 0x1p-53 < share;
    }
    /// 0 to `bound` - 1; 0 where `bound` is 0.
    std::uint64_t below(std::uint64_t bound) noexcept { return bound == 0 ? 0 : chance_() % bound; }
    duration up_to(duration most) noexcept {
        return duration(static_cast<duration::rep>(below(static_cast<std::uint64_t>(most.count()) + 1)));
    }
    void add_plan(plan what) { plans_.add(what); }
    /// See program::wait.
    void wait(std::uint16_t host, std::int64_t nanoseconds) {
        if (program* const there = machines_[host]->runs.get()) there->wait(nanoseconds);
    }
    /// There is something for the program on a host.
    void wake(std::uint16_t host) noexcept {
        if (program* const there = machines_[host]->runs.get()) there->wake();
    }

    // ---- running

    void run(duration until);
    /// Runs the others until this loop has something to do, or until `until` of its own clock.
    void wait_for(program& waiting, time_point until);
    /// Lets what is under way arrive; no loop has anything to do.
    void settle();
    std::size_t connections() const noexcept { return connections_in_use_; }
    void keep_failure(std::string text);

    // ---- what programs do with connections (packets.cpp, calls.cpp)

    connection& connect(std::uint16_t host, const endpoint& to, file& socket);
    void attach(connection& which, std::uint8_t side, file& socket) noexcept;
    void notify(connection& which, std::uint8_t side);
    connection* find(std::uint32_t number) noexcept;
    void after_read(connection& which, std::uint8_t side);
    void pump(connection& which, std::uint8_t side);
    void close(connection& which, std::uint8_t side, bool reset);
    void reset_both(connection& which);

    // ---- the log

    void record(event what) {
        if (log_closed_) return;
        what.at = elapsed_;
        events_.push_back(what);
    }
    verdict judge(event what) const;
    void note(std::string text);
    const std::vector<event>& events() const noexcept { return events_; }
    const std::string& note_text(const event& of) const noexcept { return notes_[of.size]; }
    std::size_t hosts() const noexcept { return machines_.size(); }

    world_options options;
    std::vector<rule> rules;

private:
    struct wire {
        link_options options;
        duration free_from{};
        bool cut = false;
        duration cut_since{};
    };

    wire& between(std::uint16_t from, std::uint16_t to) noexcept;
    duration flight(std::uint16_t from, std::uint16_t to, std::size_t bytes);
    bool blocked(const connection& which, std::uint8_t from) noexcept;
    void plan_for(connection& which, plan what, duration at);

    void step();
    bool can_step() const noexcept;
    void turn_of(program& awake);
    void give_up() noexcept;
    program* pick_awake() noexcept;
    duration next_wake() const noexcept;
    void carry_out(plan what);
    void carry_out_for(connection& which, plan what);
    bool all_ended() const noexcept;
    std::string who_waits() const;

    enum class fate : std::uint8_t { arrives, lost, later, broken };
    fate fate_of(connection& which, happening packet, std::uint8_t from, plan& what, std::uint64_t offset,
                 std::uint32_t size, std::uint8_t attempt);
    void misfortune(connection& which, std::uint8_t from);
    void on_syn(connection& which, plan what);
    void on_syn_ack(connection& which, plan what);
    void on_ack(connection& which, plan what);
    void on_refusal(connection& which);
    void on_packet(connection& which, plan what);
    void on_arrival(connection& which, std::uint8_t from, pipe::packet arrived);
    void on_acknowledge(connection& which, plan what);
    void on_reset(connection& which, plan what);
    void on_keepalive(connection& which, plan what);
    void send_again(connection& which, plan what);
    void lose_packet(connection& which, std::uint8_t from);
    void acknowledge(connection& which, std::uint8_t from);
    void send_reset(connection& which, std::uint8_t from);
    void break_end(connection& which, std::uint8_t side, int error);
    void refuse_open(connection& which, int error);
    void plan_keepalive(connection& which);
    void free_if_done(connection& which) noexcept;

    split_mix chance_;
    std::vector<split_mix> dice_;  ///< by `place_of` the fault
    planner plans_;
    duration elapsed_{};
    std::vector<std::unique_ptr<machine>> machines_;
    std::vector<std::vector<wire>> wires_;
    std::map<std::string, std::vector<endpoint>> names_;
    std::map<std::string, std::vector<service_record>> services_;
    std::vector<std::unique_ptr<connection>> connections_;
    std::size_t connections_in_use_ = 0;
    program* waiting_ = nullptr;  ///< a loop that its own `run` drives
    std::uint64_t idle_turns_ = 0;
    std::string failure_;
    bool log_closed_ = false;
    std::vector<event> events_;
    std::vector<std::string> notes_;
};

}  // namespace aperto::sim
