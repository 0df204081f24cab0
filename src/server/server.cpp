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

task<> serve_to_the_end(loop& on, worker& one, bool& over) {
    struct end {
        loop& of;
        bool& reached;
        ~end() {
            reached = true;
            of.stop();  // there may be tasks of the handler's, which are not waited for
        }
    } const at_last{on, over};
    task<> serving = one.run();
    co_await serving;
}

}  // namespace

struct server::state {
    state(aperto::options options, handler what) : shared(std::move(options), std::move(what)) {}

    /// A worker's thread, from making its loop to the end of its last conversation.
    void work(std::vector<endpoint> where, port_sharing sharing,
              std::promise<std::vector<endpoint>> listening);
    /// Runs the loop until its worker has served to the end.
    void serve(loop& on, worker& one);
    void keep_failure(std::exception_ptr thrown) noexcept;
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
        std::vector<endpoint> taken = one.endpoints();
        listens = true;
        listening.set_value(std::move(taken));
        serve(*mine, one);
    } catch (...) {
        if (!listens) return listening.set_exception(std::current_exception());
        keep_failure(std::current_exception());
    }
}

void server::state::serve(loop& on, worker& one) {
    bool over = false;
    on.spawn(serve_to_the_end(on, one, over));
    while (!over) {
        // What a task throws that a handler spawned, or its `stop` of the loop, ends the serving in order:
        // the conversations use the worker, which can go only after them.
        try {
            on.run();
            if (!over) throw error(errc::cancelled, "run a server's loop to its end");
        } catch (...) {
            keep_failure(std::current_exception());
        }
    }
}

void server::state::keep_failure(std::exception_ptr thrown) noexcept {
    {
        const std::lock_guard lock(failure_mutex);
        if (!failure) failure = std::move(thrown);
    }
    stop();
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
    try {
        shared.events.stopping();
    } catch (...) {  // NOLINT(bugprone-empty-catch)
        // It stops, though for want of memory it could not be told.
    }
    shared.ask_each_worker(&worker::ask_to_stop);
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
