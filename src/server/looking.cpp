// SPDX-License-Identifier: MIT
// For who looks at a server while it serves: each worker is asked on its own loop, for a little at a time.
#include "server/looking.hpp"

#include "aperto/event.hpp"
#include "aperto/loop_handle.hpp"
#include "server/worker.hpp"

#include <algorithm>
#include <iterator>
#include <new>
#include <utility>

namespace aperto {
namespace {

/// Connections of which all is told in one turn of their loop: a few system calls each, 100 us in all.
constexpr std::size_t connections_at_once = 64;
/// Connections that are only counted in one turn: some 50 ns each.
constexpr std::size_t counted_at_once = 2048;
/// How long the workers may take to come to it: one that takes longer hangs in a handler.
constexpr duration patience = std::chrono::seconds(1);
/// How long counting all connections may take, turn after turn.
constexpr duration counting_max = std::chrono::seconds(5);

/// What one worker is asked, and answers. The worker's thread writes to it until it has answered, the asker's reads it then.
struct page {
    void ask(unsigned which, std::uint64_t behind, bool whether) noexcept {
        worker = which;
        mark = behind;
        is_asked = whether;
    }
    unsigned worker = 0;
    std::uint64_t mark = 0;  ///< behind which connection
    bool more = true;        ///< there may be further ones
    std::vector<open_connection> found;
    worker_load load;
    // The asker's alone:
    bool is_asked = false;
    bool answered = false;
};

/// What all workers are asked at once. It is over when each has answered, or its loop has dropped the question. A worker
/// may come to it long after the asker has gone: so all who have to do with it own it.
struct inquiry {
    explicit inquiry(std::size_t workers) : pages(workers) {}
    std::vector<page> pages;
    std::size_t open = 0;
    event over;
};

/// One worker's answer on its way to the asker: it is given when the last copy of what was posted has gone.
class answerer {
public:
    answerer(std::shared_ptr<inquiry> to, std::size_t which)
        : to_(std::move(to)), which_(which), asker_(loop::current().handle()) {}
    answerer(const answerer&) = delete;
    answerer& operator=(const answerer&) = delete;
    ~answerer() {
        try {
            asker_.post([to = to_, which = which_, whole = answered_] {
                to->pages[which].answered = whole;
                if (--to->open == 0) to->over.set();
            });
        } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch)
            // The asker's patience ends it.
        }
    }
    /// `here` is null where the worker has gone: it has no more.
    void answer(worker* here, void (*what)(worker&, page&)) noexcept {
        page& mine = to_->pages[which_];
        try {
            mine.more = false;
            if (here) what(*here, mine);
            answered_ = true;
        } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch)
            // Not answered: the asker passes this worker over.
        }
    }

private:
    std::shared_ptr<inquiry> to_;
    std::size_t which_;
    loop_handle asker_;
    bool answered_ = false;
};

/// Has `what` done by each worker that is asked.
void ask_all(const std::shared_ptr<server_shared>& of, const std::shared_ptr<inquiry>& all,
             void (*what)(worker&, page&)) {
    for (std::size_t i = 0; i < all->pages.size(); ++i) {
        if (!all->pages[i].is_asked) continue;
        const auto answering = std::make_shared<answerer>(all, i);
        ++all->open;
        // What is posted keeps the server's part alive that it uses.
        of->post_to(all->pages[i].worker,
                    [of, answering, what](worker* here) { answering->answer(here, what); });
    }
    if (all->open == 0) all->over.set();
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

std::optional<worker::look>& worker::look_behind(std::uint64_t mark) noexcept {
    for (std::optional<look>& each : looks_)
        if (each && each->behind == mark && mark > 0) return each;
    std::optional<look>& taken = looks_[oldest_look_];
    oldest_look_ = (oldest_look_ + 1) % looks_.size();
    taken.emplace(*this);
    while (taken->at.next && taken->at.next->id_ <= mark)
        taken->at.next = conversations_.after(*taken->at.next);
    return taken;
}

template <class Visit>
bool worker::visit_behind(std::uint64_t& mark, std::size_t count, Visit&& visit) {
    std::optional<look>& mine = look_behind(mark);
    for (; count > 0 && mine->at.next; --count) {
        conversation& each = *mine->at.next;
        visit(each);
        mine->at.next = conversations_.after(each);
        mark = mine->behind = each.id_;
    }
    if (mine->at.next) return true;
    mine.reset();
    return false;
}

bool worker::tell_connections(std::uint64_t& mark, std::vector<open_connection>& to) {
    return visit_behind(mark, connections_at_once, [&](const conversation& each) {
        open_connection told = each.tell();
        told.worker = index();
        to.push_back(std::move(told));
    });
}

bool worker::count_connections(std::uint64_t& mark, worker_load& load) {
    const bool more = visit_behind(mark, counted_at_once, [&](const conversation& each) {
        ++load.states[static_cast<std::size_t>(state_of(each.peer_))];
    });
    if (more) return true;
    const backend::census held = loop_.count();
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
    told.without_progress = std::min(peer_.without_progress(), told.age);  // which counts in milliseconds
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
    if (!std::exchange(mark.begun, true))
        for (const unsigned each : of->worker_indices())
            mark.workers.push_back({.worker = each});
    const auto all = std::make_shared<inquiry>(mark.workers.size());
    for (std::size_t i = 0; i < mark.workers.size(); ++i) {
        const connections_mark::place& at = mark.workers[i];
        all->pages[i].ask(at.worker, at.id, at.more);
    }
    ask_all(of, all, [](worker& here, page& to) { to.more = here.tell_connections(to.mark, to.found); });
    event::waiter heard = all->over.wait(patience);
    co_await heard;
    std::vector<open_connection> found;
    for (std::size_t i = 0; i < mark.workers.size(); ++i) {
        page& told = all->pages[i];
        connections_mark::place& at = mark.workers[i];
        if (!told.is_asked) continue;
        at.passed_over = !told.answered;
        at.more = told.answered && told.more;
        if (!told.answered) continue;  // its thread may still write there
        at.id = told.mark;
        std::move(told.found.begin(), told.found.end(), std::back_inserter(found));
    }
    co_return found;
}

task<std::vector<worker_load>> look_at_workers(std::shared_ptr<server_shared> of) {
    struct counting {
        worker_load load;
        std::uint64_t mark = 0;
        bool more = true;
    };
    std::vector<counting> workers;
    for (const unsigned each : of->worker_indices()) {
        workers.emplace_back();
        workers.back().load.worker = each;
    }
    const time_point end = loop::current().now() + counting_max;
    for (bool more = !workers.empty(); more;) {
        const auto all = std::make_shared<inquiry>(workers.size());
        for (std::size_t i = 0; i < workers.size(); ++i) {
            all->pages[i].ask(workers[i].load.worker, workers[i].mark, workers[i].more);
            all->pages[i].load = workers[i].load;
        }
        ask_all(of, all, [](worker& here, page& to) { to.more = here.count_connections(to.mark, to.load); });
        event::waiter heard = all->over.wait_until(std::min(end, loop::current().now() + patience));
        co_await heard;
        more = false;
        for (std::size_t i = 0; i < workers.size(); ++i) {
            const page& told = all->pages[i];
            if (!told.is_asked) continue;
            workers[i].more = told.answered && told.more;
            if (told.answered)
                workers[i] = {told.load, told.mark, told.more};
            else
                workers[i].load.passed_over = true;
            more = more || workers[i].more;
        }
    }
    std::vector<worker_load> loads;
    for (const counting& each : workers)
        loads.push_back(each.load);
    co_return loads;
}

}  // namespace aperto
