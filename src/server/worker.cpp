// SPDX-License-Identifier: MIT
#include "server/worker.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace aperto {
namespace {

/// Descriptors that a server needs besides its connections: listeners, the engine's, logs, what the program
/// opens.
constexpr std::size_t descriptors_reserved = 64;
/// How long accepting rests when descriptors or memory have run out.
constexpr duration scarcity_pause = std::chrono::milliseconds(100);

std::size_t connections_by_descriptors() noexcept {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY) return 1'000'000;
    const auto descriptors = static_cast<std::size_t>(limit.rlim_cur);
    return std::max(descriptors / 2, descriptors - std::min(descriptors, descriptors_reserved));
}

std::shared_ptr<const stream_options> stream_options_of(const options& chosen) {
    stream_options each;
    each.framing = chosen.framing;
    each.max_message = chosen.max_message;
    each.idle_timeout = chosen.idle_timeout;
    each.message_deadline = chosen.message_deadline;
    each.write_deadline = chosen.write_deadline;
    each.high_water = chosen.high_water;
    return std::make_shared<const stream_options>(each);
}

server_events& events_of(const options& chosen) {
    static server_events nobody;
    return chosen.events ? *chosen.events : nobody;
}

bool is_scarcity(const std::error_code& code) noexcept {
    return code == std::errc::too_many_files_open || code == std::errc::too_many_files_open_in_system ||
           code == std::errc::no_buffer_space || code == std::errc::not_enough_memory;
}

}  // namespace

// ---- what workers share

server_shared::server_shared(aperto::options chosen, handler handling)
    : options(std::move(chosen)),
      what(std::move(handling)),
      streams(stream_options_of(options)),
      connections_max(options.max_connections ? options.max_connections : connections_by_descriptors()),
      events(events_of(options)) {}

void server_shared::on_each_worker(void (worker::*call)() noexcept) {
    const std::lock_guard lock(workers_mutex_);
    for (worker* each : workers_)
        each->on().post([each, call] { (each->*call)(); });
}

void server_shared::enrol(worker& one) {
    const std::lock_guard lock(workers_mutex_);
    workers_.push_back(&one);
}

void server_shared::leave(worker& one) noexcept {
    const std::lock_guard lock(workers_mutex_);
    std::erase(workers_, &one);
}

// ---- worker

worker::worker(loop& on, server_shared& shared)
    : loop_(on), shared_(shared), room_(on), stop_(on), empty_(on) {
    shared_.enrol(*this);
}

worker::~worker() { shared_.leave(*this); }

void worker::listen(const std::vector<endpoint>& where, port_sharing sharing) {
    listen_options socket = shared_.options.socket;
    socket.sharing = sharing;
    for (endpoint each : where) {
        // Where any port will do, every address gets the same.
        if (each.port() == 0 && !doors_.empty()) each.set_port(doors_.front().local().port());
        doors_.emplace_back(loop_, each, socket, shared_.streams);
    }
}

std::vector<endpoint> worker::endpoints() const {
    std::vector<endpoint> all;
    for (const listener& door : doors_)
        all.push_back(door.local());
    return all;
}

task<> worker::run() {
    task_group accepting;
    for (listener& door : doors_)
        accepting.spawn(accept_from(door));
    while (!stopping_ && !shared_.stopping.load()) {
        event::awaiter asked = stop_.wait();
        co_await asked;
    }
    stopping_ = true;
    accepting.cancel();
    task<> closed = accepting.join();
    co_await closed;
    doors_.clear();
    task<> drained = drain();
    co_await drained;
}

void worker::stop() noexcept {
    stopping_ = true;
    stop_.notify();
}

task<> worker::accept_from(listener& door) {
    for (;;) {
        task<> possible = wait_for_room();
        co_await possible;
        bool scarce = false;
        try {
            task<> one = accept_one(door);
            co_await one;
        } catch (const error& failed) {
            if (failed.code() == errc::cancelled) co_return;
            if (!is_scarcity(failed.code())) throw;
            shared_.events.limit("descriptors", {}, failed.code());
            scarce = true;
        }
        if (!scarce) continue;
        detail::sleep_awaiter pause = sleep(scarcity_pause);
        co_await pause;
    }
}

task<> worker::accept_one(listener& door) {
    listener::accept_awaiter next = door.accept();
    stream peer = co_await next;
    task<> conversation = conversation::run(*this, std::move(peer));
    if (shared_.options.once)
        co_await conversation;
    else
        loop_.spawn(std::move(conversation), &serving_);
}

task<> worker::wait_for_room() {
    const auto full = [this] { return shared_.connections.load() >= shared_.connections_max; };
    if (!full()) co_return;
    shared_.events.limit("max-connections", {}, errc::refused_by_policy);
    while (full()) {
        event::awaiter freed = room_.wait();
        co_await freed;
    }
}

void worker::began(conversation& one) noexcept {
    conversations_.push_back(one);
    ++conversation_count_;
    shared_.connections.fetch_add(1);
    if (stopping_) one.end_when_idle();
}

void worker::ended() noexcept {
    if (shared_.connections.fetch_sub(1) == shared_.connections_max) shared_.on_each_worker(&worker::room);
    if (--conversation_count_ == 0) empty_.notify();
}

task<> worker::drain() {
    const time_point deadline = loop_.now() + shared_.options.drain_deadline;
    const time_point grace = std::min(deadline, loop_.now() + shared_.options.drain_grace);
    while (conversation_count_ > 0 && loop_.now() < grace) {
        event::awaiter done = empty_.wait(grace);
        co_await done;
    }
    conversations_.for_each([](conversation& each) { each.end_when_idle(); });
    while (conversation_count_ > 0 && loop_.now() < deadline) {
        event::awaiter done = empty_.wait(deadline);
        co_await done;
    }
    serving_.cancel();
    while (conversation_count_ > 0) {
        event::awaiter done = empty_.wait();
        co_await done;
    }
}

}  // namespace aperto
