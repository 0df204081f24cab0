// SPDX-License-Identifier: MIT
#include "aperto/server.hpp"

#include "server/worker.hpp"

#include <exception>
#include <future>
#include <thread>

namespace aperto {
namespace {

std::vector<endpoint> addresses(loop& on, const options& chosen) {
    if (chosen.host.empty()) return {endpoint::any(chosen.port)};
    return on.look_up(chosen.host, chosen.port);
}

}  // namespace

struct server::state {
    state(aperto::options options, handler what) : shared(std::move(options), std::move(what)) {}

    /// A worker's thread, from making its loop to the end of its last conversation.
    void work(std::vector<endpoint> where, port_sharing sharing,
              std::promise<std::vector<endpoint>> listening);
    std::vector<endpoint> start_worker(std::vector<endpoint> where, port_sharing sharing);
    void stop() noexcept;
    void join() noexcept;

    server_shared shared;
    std::vector<std::thread> threads;
    std::vector<endpoint> where;
    std::string why;
    std::mutex failure_mutex;
    std::exception_ptr failure;
};

void server::state::work(std::vector<endpoint> addresses_to_take, port_sharing sharing,
                         std::promise<std::vector<endpoint>> listening) {
    bool listens = false;
    try {
        const std::unique_ptr<loop> mine = loop::create({.which = shared.options.engine});
        worker one(*mine, shared);
        if (addresses_to_take.empty()) addresses_to_take = addresses(*mine, shared.options);
        one.listen(addresses_to_take, sharing);
        if (sharing != port_sharing::join) why = mine->why();
        listens = true;
        listening.set_value(one.endpoints());
        mine->run(one.run());
    } catch (...) {
        if (!listens) return listening.set_exception(std::current_exception());
        const std::lock_guard lock(failure_mutex);
        if (!failure) failure = std::current_exception();
        stop();
    }
}

std::vector<endpoint> server::state::start_worker(std::vector<endpoint> addresses_to_take,
                                                  port_sharing sharing) {
    std::promise<std::vector<endpoint>> promise;
    std::future<std::vector<endpoint>> listening = promise.get_future();
    threads.emplace_back(&state::work, this, std::move(addresses_to_take), sharing, std::move(promise));
    return listening.get();
}

void server::state::stop() noexcept {
    if (shared.stopping.exchange(true)) return;
    shared.events.stopping();
    shared.on_each_worker(&worker::stop);
}

void server::state::join() noexcept {
    for (std::thread& each : threads)
        if (each.joinable()) each.join();
}

server::server(aperto::options options, handler what)
    : state_(std::make_shared<state>(std::move(options), std::move(what))) {}

server::~server() {
    if (!state_) return;
    state_->stop();
    state_->join();
}

void server::start() {
    state& self = *state_;
    assert(self.threads.empty() && "a server is started once");
    try {
        const bool alone = workers() == 1;
        self.where = self.start_worker({}, alone ? port_sharing::exclusive : port_sharing::first);
        while (self.threads.size() < workers())
            self.start_worker(self.where, port_sharing::join);
    } catch (...) {
        self.stop();
        self.join();
        throw;
    }
    for (const endpoint& each : self.where)
        self.shared.events.listening(each);
}

void server::stop() noexcept { state_->stop(); }

void server::wait() {
    state_->join();
    const std::lock_guard lock(state_->failure_mutex);
    if (state_->failure) std::rethrow_exception(std::exchange(state_->failure, nullptr));
}

task<> server::run_on(loop& on) {
    // The loop may drop this task after the server has gone.
    const std::shared_ptr<state> kept = state_;
    state& self = *kept;
    worker one(on, self.shared);
    one.listen(addresses(on, self.shared.options), port_sharing::exclusive);
    self.where = one.endpoints();
    self.why = on.why();
    for (const endpoint& each : self.where)
        self.shared.events.listening(each);
    task<> serving = one.run();
    co_await serving;
}

const std::vector<endpoint>& server::endpoints() const noexcept { return state_->where; }
std::string server::why() const { return state_->why; }
std::size_t server::connections() const noexcept { return state_->shared.connections.load(); }

unsigned server::workers() const noexcept { return state_->shared.workers(); }
server_counters server::counters() const noexcept { return state_->shared.counters(); }

}  // namespace aperto
