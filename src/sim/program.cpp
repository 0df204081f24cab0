// SPDX-License-Identifier: MIT
#include "sim/program.hpp"

#include "core/split_mix.hpp"
#include "io/current_loop.hpp"
#include "io/epoll_loop.hpp"
#include "io/uring_loop.hpp"
#include "sim/machine_work.hpp"
#include "sim/network.hpp"
#include "sim/sim_kernel.hpp"
#include "sim/sim_poller.hpp"
#include "sim/sim_ring.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace aperto::sim {
namespace {

/// What a lent buffer holds once it was given back: whoever still reads it notices.
constexpr int given_back = 0xDD;

loop_options options_of(const host_options& chosen) {
    return {.receive_buffers = chosen.lent_buffers,
            .receive_buffer_size = chosen.lent_buffer_size,
            .bulk_buffer_size = chosen.bulk_buffer_size};
}

/// An engine as it is, but for what is the machine's: the clock, chance, names, blocking calls.
template <class Engine>
class simulated final : public Engine, public program {
public:
    template <class Below>
    simulated(network& net, std::uint16_t host, std::unique_ptr<Below> below)
        : Engine(options_of(net.at(host).options), *net.at(host).os, std::move(below),
                 net.now() + net.at(host).options.clock_offset),
          program(net, host),
          random_(net.options.seed * 0x9E37'79B9'7F4A'7C15 + host) {
        this->set_why("simulated, " + std::string(to_string(Engine::which())) + ", seed " +
                      std::to_string(net.options.seed));
        ready_ = true;
    }
    ~simulated() override { this->drop_tasks(); }

    // ---- the loop
    engine which() const noexcept override { return engine::simulated; }
    std::uint64_t random() override { return random_(); }
    int native_handle(socket_id) const noexcept override { return -1; }
    std::vector<endpoint> look_up(const std::string& name, std::uint16_t port, int family) override {
        return net_.look_up(host_, name, port, family);
    }
    std::vector<service_record> look_up_service(const std::string& name) override {
        return net_.look_up_service(name);
    }
    using loop::start;
    bool start(aside_operation& aside, std::function<void()> call) override {
        aside.job = std::make_shared<aside_job>(aside_job{std::move(call), &aside});
        plan_aside(aside.job);
        this->mark_pending(aside);
        return false;
    }
    void give_back(lent_bytes bytes) noexcept override {
        if (bytes) std::memset(const_cast<char*>(bytes.data), given_back, bytes.size);
        Engine::give_back(bytes);
    }

    // ---- the program
    aperto::loop& on() noexcept override { return *this; }
    bool has_ended() const noexcept override { return this->ended(); }
    std::exception_ptr failure() noexcept override { return this->take_failure(); }
    void end_aside(std::uint64_t number) override {
        const std::shared_ptr<aside_job> job = take_aside(number);
        {
            const current_loop guard(*this);
            const program_work running;
            job->call();
        }
        if (!job->waiting) return;
        this->complete_later(*std::exchange(job->waiting, nullptr), 0);
        wake();
    }

protected:
    time_point read_clock() const noexcept override { return ready_ ? time() : this->now(); }
    void run_one_turn() override {
        const current_loop guard(*this);
        const program_work running;
        this->refresh_now();
        this->run_turn(true);
    }
    time_point next_alarm() const noexcept override { return this->next_timer(); }
    bool is_busy() const noexcept override { return this->has_work(); }
    void drop_all_tasks() noexcept override { this->drop_tasks(); }

private:
    split_mix random_;
    bool ready_ = false;
};

}  // namespace

std::unique_ptr<program> make_program(network& net, std::uint16_t host, engine which) {
    if (which == engine::epoll)
        return std::make_unique<simulated<io::epoll_loop>>(net, host,
                                                           std::make_unique<sim_poller>(net, host));
    return std::make_unique<simulated<io::uring_loop>>(net, host, std::make_unique<sim_ring>(net, host));
}

duration program::clock_offset() const noexcept { return net_.at(host_).options.clock_offset; }
time_point program::time() const noexcept { return net_.now() + clock_offset(); }

void program::turn() {
    awake_ = blocked_ = idle_ = false;
    waits_until_ = time_point::max();
    turning_ = true;
    try {
        run_one_turn();
    } catch (...) {
        turning_ = false;
        throw;
    }
    turning_ = false;
    if (std::exchange(dying_, false)) return kill();
    const time_point next = std::min(next_alarm(), waits_until_);
    wakes_at_ = next == time_point::max() ? duration::max() : next - clock_offset() - network::epoch;
    // It waits in the kernel only if it came to wait there, and nothing has run since.
    const bool rests = blocked_ || (idle_ && has_ended() && next > time());
    if (!rests || is_busy()) awake_ = true;
}

void program::wait(std::int64_t nanoseconds) {
    (nanoseconds == 0 ? idle_ : blocked_) = true;
    if (nanoseconds > 0)
        waits_until_ = std::min(waits_until_, time() + std::chrono::nanoseconds(nanoseconds));
    if (turning_ || nanoseconds == 0) return;
    // Under `loop::run` of its own, rather than its world's, it drives the world itself.
    const machine_work working;
    if (std::exchange(dying_, false)) return kill();
    wakes_at_ = duration::max();
    awake_ = false;
    const time_point until =
        nanoseconds < 0 ? time_point::max() : net_.now() + std::chrono::nanoseconds(nanoseconds);
    net_.wait_for(*this, until);
}

void program::kill() noexcept {
    net_.at(host_).os->close_all();
    if (sim_ring* const ring = net_.at(host_).ring) ring->drop_requests();
    drop_all_tasks();
    awake_ = false;
    wakes_at_ = duration::max();
}

void program::die() noexcept {
    const bool by_itself = loop::has_current() && &loop::current() == &on();
    by_itself ? static_cast<void>(dying_ = true) : kill();
}

void program::plan_aside(std::shared_ptr<aside_job> job) {
    const machine_work working;
    asides_.push_back(std::move(job));
    const event asked{.what = happening::resolve, .host = host_, .peer = host_};
    const verdict said = net_.rules.empty() ? verdict{} : net_.judge(asked);
    duration takes = std::chrono::microseconds(200);
    if (said.what == verdict::kind::late) takes = said.by;
    if (net_.happens(&faults::resolver_stall)) takes = net_.up_to(std::chrono::seconds(1));
    if (net_.happens(&faults::resolver_hang)) takes = net_.up_to(std::chrono::seconds(60));
    net_.record(asked);
    net_.add_plan({.at = net_.elapsed() + takes,
                   .first = asides_.size() - 1,
                   .which = host_,
                   .what = plan::kind::aside});
}

}  // namespace aperto::sim
