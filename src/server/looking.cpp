// SPDX-License-Identifier: MIT
// For who looks at a server while it serves: each worker is asked on its own loop, for a little at a time.
#include "server/looking.hpp"

#include "aperto/event.hpp"
#include "aperto/loop_handle.hpp"
#include "server/worker.hpp"

#include <functional>
#include <new>
#include <utility>

namespace aperto {
namespace {

/// Connections of which all is told in one turn of their loop: a few system calls each, 100 us in all.
constexpr std::size_t connections_at_once = 64;
/// Connections that are only counted in one turn: some 50 ns each.
constexpr std::size_t counted_at_once = 2048;
/// How long a worker may take to come to it: one that takes longer hangs in a handler.
constexpr duration patience = std::chrono::seconds(1);

/// What one loop's thread asks of another's. It is over when the last copy of what was posted has gone, done or dropped.
struct question {
    event over;
    bool answered = false;
    std::optional<unsigned> worker;  ///< who was asked; none: there was nobody
};

class answerer {
public:
    explicit answerer(std::shared_ptr<question> asked)
        : asked_(std::move(asked)), asker_(loop::current().handle()) {}
    answerer(const answerer&) = delete;
    answerer& operator=(const answerer&) = delete;
    ~answerer() {
        try {
            asker_.post([asked = asked_] { asked->over.set(); });
        } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch)
            // The asker's patience ends it.
        }
    }
    void answered() noexcept { asked_->answered = true; }

private:
    std::shared_ptr<question> asked_;
    loop_handle asker_;
};

/// Has `what` done with the first worker from `from` on. It keeps what it writes to: a worker may come to it after all.
std::shared_ptr<question> ask(const std::shared_ptr<server_shared>& of, unsigned from,
                              std::function<void(worker&)> what) {
    auto asked = std::make_shared<question>();
    const auto answering = std::make_shared<answerer>(asked);
    asked->worker = of->post_to(from, [of, answering, what = std::move(what)](worker& here) {
        what(here);
        answering->answered();
    });
    return asked;
}

connection_state state_of(const connection& of) noexcept {
    if (!of.is_open() || of.is_closing()) return connection_state::closing;
    if (!of.is_open_for_writing() || of.received() == 0) return connection_state::opening;
    if (of.pending() > 0) return connection_state::sending;
    if (of.is_answering()) return connection_state::answering;
    return of.in_message() ? connection_state::receiving : connection_state::idle;
}

}  // namespace

std::string_view to_string(connection_state state) noexcept {
    switch (state) {
    case connection_state::opening:
        return "opening";
    case connection_state::idle:
        return "idle";
    case connection_state::receiving:
        return "receiving";
    case connection_state::answering:
        return "answering";
    case connection_state::sending:
        return "sending";
    case connection_state::closing:
        return "closing";
    }
    return "?";
}

// ---- on the worker's loop

worker::walk::walk(worker& of) noexcept
    : next(of.conversations_.empty() ? nullptr : &of.conversations_.front()) {
    of.walks_.push_back(*this);
}

worker::walk& worker::walk_behind(std::uint64_t mark) noexcept {
    if (looking_ && looked_at_ == mark) return *looking_;
    looking_.emplace(*this);
    while (looking_->next && looking_->next->id_ <= mark)
        looking_->next = conversations_.after(*looking_->next);
    looked_at_ = mark;
    return *looking_;
}

void worker::tell_connections(std::uint64_t& mark, std::vector<open_connection>& to) {
    walk& at = walk_behind(mark);
    for (std::size_t left = connections_at_once; left > 0 && at.next; --left) {
        conversation& each = *at.next;
        open_connection told = each.tell();
        told.worker = index();
        to.push_back(std::move(told));
        at.next = conversations_.after(each);
        mark = looked_at_ = each.id_;
    }
    if (!at.next) looking_.reset();
}

bool worker::count_connections(std::uint64_t& mark, worker_load& load) {
    walk& at = walk_behind(mark);
    for (std::size_t left = counted_at_once; left > 0 && at.next; --left) {
        conversation& each = *at.next;
        ++load.states[static_cast<std::size_t>(state_of(each.peer_))];
        at.next = conversations_.after(each);
        mark = looked_at_ = each.id_;
    }
    const bool more = at.next != nullptr;
    if (more) return true;
    looking_.reset();
    const backend::census held = loop_.count();
    load.worker = index();
    load.lent_buffers = held.lent_buffers;
    load.timers = held.timers;
    load.memory_used = memory_->used();
    load.memory_budget = memory_->budget();
    load.put_behind = loop_.put_behind();
    return false;
}

open_connection conversation::tell() const {
    open_connection told;
    told.id = id_;
    told.remote = peer_.remote();
    told.local = view().local();
    told.age = worker_.on().now() - began_;
    told.without_progress = peer_.without_progress();
    told.state = state_of(peer_);
    told.bytes_received = peer_.received();
    told.bytes_sent = peer_.sent();
    told.messages = peer_.messages();
    told.memory = peer_.held();
    told.transport = peer_.transport();
    try {
        told.facts = peer_.facts();
    } catch (const error&) {  // NOLINT(bugprone-empty-catch)
        // The kernel has no connection any more.
    }
    return told;
}

// ---- on the asker's

task<std::vector<open_connection>> look_at_connections(std::shared_ptr<server_shared> of,
                                                       connections_mark& mark) {
    struct answer {
        std::uint64_t mark = 0;
        std::vector<open_connection> found;
    };
    for (;;) {
        const auto told = std::make_shared<answer>();
        told->mark = mark.id;
        const std::shared_ptr<question> asked =
            ask(of, mark.worker, [told](worker& here) { here.tell_connections(told->mark, told->found); });
        if (!asked->worker) co_return std::vector<open_connection>();
        if (*asked->worker !=
            mark.worker) {  // that one is gone, and where its connections were means nothing here
            mark = {*asked->worker, 0};
            continue;
        }
        event::waiter heard = asked->over.wait(patience);
        const bool in_time = co_await heard;
        if (in_time && asked->answered && !told->found.empty()) {
            mark.id = told->mark;
            co_return std::move(told->found);
        }
        mark = {mark.worker + 1, 0};
    }
}

task<std::vector<worker_load>> look_at_workers(std::shared_ptr<server_shared> of) {
    struct answer {
        std::uint64_t mark = 0;
        worker_load load;
        bool more = true;
    };
    std::vector<worker_load> all;
    for (unsigned next = 0;;) {
        const auto told = std::make_shared<answer>();
        std::optional<unsigned> worker;
        bool whole = false;
        while (!whole) {
            const std::shared_ptr<question> asked = ask(of, worker.value_or(next), [told](worker& here) {
                told->more = here.count_connections(told->mark, told->load);
            });
            const bool is_same = !worker || asked->worker == worker;
            if (!worker) worker = asked->worker;
            if (!asked->worker || !is_same) break;
            event::waiter heard = asked->over.wait(patience);
            const bool in_time = co_await heard;
            if (!in_time || !asked->answered) break;
            whole = !told->more;
        }
        if (!worker) co_return all;
        if (whole) all.push_back(told->load);
        next = *worker + 1;
    }
}

}  // namespace aperto
