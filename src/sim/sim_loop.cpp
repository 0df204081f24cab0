// SPDX-License-Identifier: MIT
// A simulated machine's turns and what is due in them; the operations are in sim_operations.cpp.
#include "sim/sim_loop.hpp"

#include "sim/machine_work.hpp"
#include "sim/network.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>

namespace aperto::sim {
namespace {

constexpr duration lateness_max = std::chrono::milliseconds(5);

}  // namespace

sim_loop::sim_loop(network& net, std::uint16_t host)
    : loop(net.now() + net.at(host).options.clock_offset),
      net_(net),
      host_(host),
      offset_(net.at(host).options.clock_offset),
      random_(net.options.seed * 0x9E37'79B9'7F4A'7C15 + host),
      buffers_(net.at(host).options.lent_buffers, net.at(host).options.lent_buffer_size) {
    set_why("simulated, seed " + std::to_string(net.options.seed));
}

sim_loop::~sim_loop() { drop_tasks(); }

time_point sim_loop::read_clock() const noexcept { return net_.now() + offset_; }

// ---- turns

void sim_loop::turn() {
    const current_guard guard(*this);
    const program_work running;
    awake_ = false;
    turning_ = true;
    refresh_now();
    run_turn(true);
    turning_ = false;
    const time_point next = next_timer();
    wakes_at_ = next == time_point::max() ? duration::max() : next - offset_ - network::epoch;
    if (has_work()) awake_ = true;
}

void sim_loop::poll(time_point until) {
    const machine_work working;
    // Under `loop::run` of its own, rather than its world's, it drives the world itself.
    if (!turning_) {
        wakes_at_ = duration::max();
        if (until > read_clock()) net_.wait_for(*this, until == time_point::max() ? until : until - offset_);
        awake_ = false;
    }
    refresh_now();
    serve_those_without_buffer();
    trying_.swap(due_);
    const bool any_order = net_.options.faults.not_at_once > 0;
    while (!trying_.empty()) {
        const std::size_t last = trying_.size() - 1;
        if (any_order) std::swap(trying_[net_.below(last + 1)], trying_[last]);
        const auto [which, outgoing] = trying_[last];
        trying_.pop_back();
        try_due(which, outgoing);
    }
    serve_those_without_buffer();
    if (next_timer() <= now()) awake_ = true;
}

void sim_loop::changed(socket_id which, bool outgoing) {
    socket* at = sockets_.find(which);
    if (!at) return;
    bool& queued = outgoing ? at->out_queued : at->in_queued;
    if (queued) return;
    queued = true;
    if (!net_.happens(net_.options.faults.late_completion)) return due(which, outgoing);
    net_.add_plan({.at = net_.elapsed() + net_.up_to(lateness_max),
                   .first = which.slot,
                   .second = which.generation,
                   .which = host_,
                   .what = plan::kind::completion,
                   .side = static_cast<std::uint8_t>(outgoing)});
}

void sim_loop::due(socket_id which, bool outgoing) {
    due_.emplace_back(which, outgoing);
    awake_ = true;
}

void sim_loop::try_due(socket_id which, bool outgoing) {
    socket* at = sockets_.find(which);
    if (!at) return;
    (outgoing ? at->out_queued : at->in_queued) = false;
    operation* const waiting = outgoing ? at->outgoing : at->incoming;
    if (!waiting) return;
    const bool cancelled = outgoing ? at->out_cancelled : at->in_cancelled;
    if (!attempt(which, *at, *waiting)) {
        if (!cancelled) return;
        waiting->result = -ECANCELED;
        if (waiting->what() == operation::kind::connect) release(which, *at);
    }
    detach(*waiting);
    const program_work running;
    complete(*waiting, waiting->result);
}

// ---- waiting, cancelling

void sim_loop::wait(socket_id id, socket& at, operation& waiting, bool outgoing) {
    assert(!(outgoing ? at.outgoing : at.incoming) && "one operation of a kind at a time");
    waiting.socket = id;
    (outgoing ? at.outgoing : at.incoming) = &waiting;
    (outgoing ? at.out_asked : at.in_asked) = false;
    (outgoing ? at.out_cancelled : at.in_cancelled) = false;
    ++(outgoing ? at.out_number : at.in_number);
    mark_pending(waiting);
}

void sim_loop::detach(operation& waiting) noexcept {
    static_cast<queue_hook&>(waiting).unlink();
    socket* at = sockets_.find(waiting.socket);
    if (!at) return;
    if (at->incoming == &waiting) at->incoming = nullptr;
    if (at->outgoing == &waiting) at->outgoing = nullptr;
}

void sim_loop::abandon_pending(operation& waiting) noexcept {
    detach(waiting);
    socket* at = sockets_.find(waiting.socket);
    if (at && waiting.what() == operation::kind::connect) release(waiting.socket, *at);
}

void sim_loop::cancel_pending(operation& waiting) noexcept {
    const machine_work working;
    socket& at = *sockets_.find(waiting.socket);
    const bool outgoing = at.outgoing == &waiting;
    net_.record({.what = happening::cancel, .host = host_, .peer = host_, .connection = at.connection});
    bool& asked = outgoing ? at.out_asked : at.in_asked;
    if (asked) return;  // the first one is on its way
    if (net_.happens(net_.options.faults.lost_cancel)) {
        // It reaches the operation a little later; what has come by then wins.
        static_cast<queue_hook&>(waiting).unlink();
        asked = true;
        const std::uint64_t number = outgoing ? at.out_number : at.in_number;
        net_.add_plan({.at = net_.elapsed() + net_.up_to(lateness_max),
                       .first = number << 32 | waiting.socket.slot,
                       .second = waiting.socket.generation,
                       .which = host_,
                       .what = plan::kind::cancel,
                       .side = static_cast<std::uint8_t>(outgoing)});
        return;
    }
    abandon_pending(waiting);
    complete_later(waiting, -ECANCELED);
    awake_ = true;
}

void sim_loop::reach_with_cancel(socket_id which, bool outgoing, std::uint32_t number) {
    socket* at = sockets_.find(which);
    if (!at || (outgoing ? at->out_number : at->in_number) != number) return;
    (outgoing ? at->out_cancelled : at->in_cancelled) = true;
    due(which, outgoing);
}

// ---- calls aside

bool sim_loop::start(aside_operation& aside, std::function<void()> call) {
    const machine_work working;
    aside.job = std::make_shared<aside_job>(aside_job{std::move(call), &aside});
    asides_.push_back(aside.job);
    const event asked{.what = happening::resolve, .host = host_, .peer = host_};
    const verdict said = net_.rules.empty() ? verdict{} : net_.judge(asked);
    duration takes = std::chrono::microseconds(200);
    if (said.what == verdict::kind::late) takes = said.by;
    if (net_.happens(net_.options.faults.resolver_stall)) takes = net_.up_to(std::chrono::seconds(1));
    if (net_.happens(net_.options.faults.resolver_hang)) takes = net_.up_to(std::chrono::seconds(60));
    net_.record(asked);
    net_.add_plan({.at = net_.elapsed() + takes,
                   .first = asides_.size() - 1,
                   .which = host_,
                   .what = plan::kind::aside});
    mark_pending(aside);
    return false;
}

void sim_loop::end_aside(std::uint64_t number) {
    const std::shared_ptr<aside_job> job = std::move(asides_[number]);
    {
        const current_guard guard(*this);
        const program_work running;
        job->call();
    }
    if (!job->waiting) return;
    complete_later(*std::exchange(job->waiting, nullptr), 0);
    awake_ = true;
}

// ---- the end of the program

void sim_loop::kill() noexcept {
    sockets_.for_each([this](socket_id id, socket& at) { release(id, at); });
    drop_tasks();
    awake_ = false;
    wakes_at_ = duration::max();
}

loop::census sim_loop::count() const noexcept {
    census all = loop::count();
    all.sockets = sockets_.used();
    all.lent_buffers = buffers_.lent();
    return all;
}

}  // namespace aperto::sim
