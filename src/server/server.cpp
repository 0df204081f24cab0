// SPDX-License-Identifier: MIT
#include "aperto/server.hpp"

#include "server/check_options.hpp"
#include "server/engines.hpp"
#include "server/looking.hpp"
#include "server/worker.hpp"

#include <exception>
#include <future>
#include <optional>
#include <thread>

namespace aperto {
namespace {

/// How often a loop's run may fail before its worker is over. What tasks of the handler's throw, or their
/// `stop` of the loop, ends the serving in order; an engine that fails does so each time, for ever.
constexpr unsigned failures_max = 100'000;

/// Owns the worker: where the loop drops this task, it has dropped those that use the worker before.
task<> serve_to_the_end(loop& on, std::unique_ptr<worker> one, bool& over) {
    struct end {
        loop& of;
        bool& reached;
        ~end() {
            reached = true;
            of.stop();  // there may be tasks of the handler's, which are not waited for
        }
    } const at_last{on, over};
    task<> serving = one->run();
    co_await serving;
}

}  // namespace

struct server::state {
    state(aperto::options options, handler what) : shared(std::move(options), std::move(what)) {}

    /// A worker's thread, from making its loop to the end of its last conversation.
    void work(port_sharing sharing, std::promise<std::vector<endpoint>> listening);
    /// Runs the loop until its worker has served to the end, or the loop does nothing but fail. `over` is
    /// said when the worker's task ends, at the latest with the loop.
    void serve(loop& on, std::unique_ptr<worker> one, bool& over);
    void keep_failure(std::exception_ptr thrown) noexcept;
    std::vector<endpoint> start_worker(port_sharing sharing);
    void stop() noexcept;
    void join() noexcept;

    server_shared shared;
    unix_doors doors;
    std::vector<std::thread> threads;
    std::vector<endpoint> where;
    std::vector<worker_engine> engines;  ///< of the workers that have started
    std::mutex failure_mutex;
    std::exception_ptr failure;
};

void server::state::work(port_sharing sharing, std::promise<std::vector<endpoint>> listening) {
    bool listens = false;
    bool over = false;
    try {
        const std::unique_ptr<loop> mine = loop::create({.which = shared.options.engine});
        auto one = std::make_unique<worker>(*mine, shared);
        const bool is_first = sharing != port_sharing::join;
        if (is_first) shared.doors = find_doors(*mine, shared.options, doors);
        std::vector<place_to_open> own = one->listen(sharing);
        if (is_first) shared.doors.own = std::move(own);  // the ports that the others take too
        engines.push_back({mine->which(), mine->why()});
        std::vector<endpoint> taken = one->endpoints();
        listens = true;
        listening.set_value(std::move(taken));
        serve(*mine, std::move(one), over);
    } catch (...) {
        if (!listens) return listening.set_exception(std::current_exception());
        keep_failure(std::current_exception());
    }
}

void server::state::serve(loop& on, std::unique_ptr<worker> one, bool& over) {
    on.spawn(serve_to_the_end(on, std::move(one), over));
    for (unsigned failures = 0; !over && failures < failures_max; ++failures) {
        // The conversations use the worker, which can go only after them: so it is served on to the end.
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

std::vector<endpoint> server::state::start_worker(port_sharing sharing) {
    std::promise<std::vector<endpoint>> promise;
    std::future<std::vector<endpoint>> listening = promise.get_future();
    threads.emplace_back(&state::work, this, sharing, std::move(promise));
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
    doors.clear();
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
    self.shared.settle(surroundings::of_machine(), self.shared.workers_wanted());
    try {
        self.doors = open_unix_doors(self.shared.options, self.shared.sockets);
        const bool alone = workers() == 1;
        self.where = self.start_worker(alone ? port_sharing::exclusive : port_sharing::first);
        while (self.threads.size() < workers())
            self.start_worker(port_sharing::join);
        for (const auto& each : self.doors)
            each->socket.close();  // each worker has its own
    } catch (...) {
        self.stop();
        self.join();
        throw;
    }
    for (const endpoint& each : self.where)
        self.shared.events.listening(each);
}

void server::stop() noexcept { state_->stop(); }

void server::renew(const options& changed) {
    check_options(changed);
    state_->shared.renew(changed);
}

void server::take_over() noexcept {
    server_shared& shared = state_->shared;
    if (!shared.sockets.waits) return;
    shared.listening.renew(shared.options.socket);
    shared.sockets.waits = false;
    shared.ask_each_worker(&worker::tell_of_room);
}

void server::leave() noexcept {
    state_->shared.sockets.followed = true;
    state_->stop();
}

std::vector<int> server::listeners() const { return state_->shared.listening.duplicates(); }

void server::wait() {
    state_->join();
    const std::lock_guard lock(state_->failure_mutex);
    if (state_->failure) std::rethrow_exception(std::exchange(state_->failure, nullptr));
}

task<> server::run_on(loop& on) {
    // The loop may drop this task after the server has gone.
    const std::shared_ptr<state> kept = state_;
    state& self = *kept;
    self.shared.settle(surroundings::of(on), 1);
    const unix_doors doors = open_unix_doors(self.shared.options, self.shared.sockets);
    worker one(on, self.shared);
    self.shared.doors = find_doors(on, self.shared.options, doors);
    one.listen(port_sharing::exclusive);
    for (const auto& each : doors)
        each->socket.close();
    self.where = one.endpoints();
    self.engines = {{on.which(), on.why()}};
    for (const endpoint& each : self.where)
        self.shared.events.listening(each);
    task<> serving = one.run();
    co_await serving;
}

const std::vector<endpoint>& server::endpoints() const noexcept { return state_->where; }
std::string server::why() const { return why_of(state_->engines); }

std::vector<engine> server::engines() const {
    std::vector<engine> all;
    for (const worker_engine& each : state_->engines)
        all.push_back(each.which);
    return all;
}

std::size_t server::connections() const noexcept { return state_->shared.connections.load(); }

unsigned server::workers() const noexcept {
    const server_shared& shared = state_->shared;
    return shared.workers ? shared.workers : shared.workers_wanted();
}

server_counters server::counters() const noexcept { return state_->shared.counters(); }

task<std::vector<open_connection>> server::next_connections(connections_mark& mark) const {
    return look_at_connections(std::shared_ptr<server_shared>(state_, &state_->shared), mark);
}

task<std::vector<worker_load>> server::loads() const {
    return look_at_workers(std::shared_ptr<server_shared>(state_, &state_->shared));
}

}  // namespace aperto
