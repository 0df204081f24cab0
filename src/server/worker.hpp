// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/event.hpp"
#include "aperto/group.hpp"
#include "aperto/listener.hpp"
#include "aperto/open_connections.hpp"
#include "aperto/server.hpp"
#include "io/mailbox.hpp"
#include "io/memory_account.hpp"
#include "server/admission.hpp"
#include "server/doors.hpp"
#include "server/message_conversation.hpp"
#include "server/message_timing.hpp"
#include "server/proxy_greeting.hpp"
#include "server/session.hpp"
#include "server/surroundings.hpp"
#include "server/terms.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace aperto {

class worker;

/// What the workers of one server have in common.
struct server_shared {
    server_shared(aperto::options chosen, handler handling);

    /// Settles what the options leave to where the server runs. Before the first worker, once: a later call
    /// changes nothing.
    void settle(const surroundings& where, unsigned workers_to_be);
    /// The present terms. Once settled; any thread.
    std::shared_ptr<const server_terms> terms() const;
    /// Takes over what of `wanted` may be changed now, and has each worker do so. Once settled; any thread. Throws
    /// std::bad_alloc, and has then changed nothing.
    void renew(const aperto::options& wanted);
    /// The workers that a server with threads of its own has.
    unsigned workers_wanted() const noexcept;

    /// Makes a request (`ask_to_stop`, `tell_of_room`) of every worker. Any thread.
    void ask_each_worker(void (worker::*request)() noexcept);
    /// The workers that there are, by their numbers, the least first. Any thread. Throws std::bad_alloc.
    std::vector<unsigned> worker_indices();
    /// Has `work` run with that worker, on its loop; with null where it has gone, there or at once. Not at all where its loop
    /// ends first. Any thread. `work` keeps this alive, and throws nothing. Throws std::bad_alloc.
    void post_to(unsigned index, const std::function<void(worker*)>& work);
    void enrol(worker& one);
    void leave(worker& one) noexcept;

    /// Counts a limit that struck, and tells of it.
    void strike(limit which, const endpoint& whom, const std::error_code& why) noexcept;
    server_counters counters() const noexcept;

    /// As they were given. What may be changed while it serves is in `terms` instead.
    const aperto::options options;
    succession sockets{.waits = !options.handed_over.empty()};
    /// Found by the first worker, before there is another.
    doors_to_be doors;
    open_doors listening;
    const handler what;
    // Settled:
    unsigned workers = 0;
    std::atomic<std::size_t> connections_max = 0;  ///< of the present terms
    std::optional<admission> door;
    server_events& events;
    std::atomic<std::size_t> connections = 0;
    std::vector<std::atomic<std::size_t>>
        connections_at;                      ///< of those, by the place where they came (place_to_open)
    std::atomic<std::size_t> greetings = 0;  ///< of those, the proxies' whose header is not there yet
    std::atomic<std::uint64_t> accepted = 0;
    std::atomic<std::uint64_t> next_id = 1;
    std::atomic<bool> stopping = false;
    std::atomic<unsigned> workers_made = 0;

private:
    /// Under the mutex.
    worker* of_index(unsigned index) noexcept;
    std::array<std::atomic<std::uint64_t>, limit_count> strikes_{};
    std::optional<surroundings> around_;
    mutable std::mutex terms_mutex_;
    std::shared_ptr<const server_terms> terms_;
    std::mutex workers_mutex_;
    std::vector<worker*> workers_;
};

/// One loop's share of a server: its listeners and the conversations they lead to. Its loop's thread.
class worker {
public:
    worker(loop& on, server_shared& shared);
    ~worker();
    worker(const worker&) = delete;
    worker& operator=(const worker&) = delete;

    /// Listens on each of `server_shared::doors`. Gives where it opened a socket itself, with the actual ports. Throws
    /// `error`.
    std::vector<place_to_open> listen(port_sharing sharing);
    /// Where it listens, each address once.
    std::vector<endpoint> endpoints() const;

    /// Accepts and serves until `stop`, then until the last conversation has ended, at the latest at the
    /// deadline.
    task<> run();
    /// Begins the orderly end. Any thread.
    void ask_to_stop() noexcept { loop_.post(stop_request_); }
    /// Somewhere in the server there is room for a connection again. Any thread.
    void tell_of_room() noexcept { loop_.post(room_request_); }
    /// The server has new terms. Any thread.
    void tell_of_terms() noexcept { loop_.post(terms_request_); }

    void began(conversation& one) noexcept;
    /// While it is still in the list.
    void ended(conversation& one) noexcept;
    void began(proxy_greeting& one) noexcept;
    void greeting_ended(unsigned place) noexcept;
    /// The client behind a proxy, or the proxy itself where it told of none. Takes the socket over. Throws
    /// std::bad_alloc.
    void admit_greeted(socket_id client, const endpoint& who, unsigned place, first_bytes& first);
    /// The connection of a proxy that did not say whose it is.
    void refuse_greeted(socket_id client, const endpoint& proxy, unsigned place, limit why);

    /// Messages were answered on a connection whose answers wait for the end of the turn. Only where somebody wants to know.
    void note_answers() noexcept {
        if (timing_.messages == 0) return;
        timing_.unlink();
        loop_.at_turn_end(timing_);
    }
    /// How many that are, so far in this turn.
    void note_answer() noexcept {
        if (timing_.messages++ == 0) timing_.since = loop_.now();
    }
    bool times_answers() const noexcept { return times_answers_; }
    /// Null where no messages are picked to be timed.
    message_sampler* sampler() const noexcept { return sampler_.get(); }

    bool is_stopping() const noexcept { return stopping_; }
    loop& on() const noexcept { return loop_; }
    server_shared& shared() const noexcept { return shared_; }
    /// Of every conversation: cancelled when the time to stop is over.
    cancel_scope& serving() noexcept { return serving_; }
    /// On what it serves now.
    const server_terms& terms() const noexcept { return *terms_; }
    /// Which of the server's workers it is, from 0.
    unsigned index() const noexcept { return background_.index(); }
    /// Appends the connections behind `mark`, at most `connections_at_once`, and moves it on; false where there are no more.
    /// Throws std::bad_alloc.
    bool tell_connections(std::uint64_t& mark, std::vector<open_connection>& to);
    /// Adds those behind `mark` to what `load` counts, at most `counted_at_once`; false where there are no more.
    bool count_connections(std::uint64_t& mark, worker_load& load);
    /// What holds at one of its addresses (place_to_open), and what the new connections that come there share.
    const place_terms& terms_at(unsigned place) const noexcept { return terms_->places[place]; }
    const std::shared_ptr<const stream_options>& streams(unsigned place) const noexcept {
        return places_[place].streams;
    }

private:
    struct door {
        door(loop& on, const endpoint& where, const listen_options& options,
             std::shared_ptr<const stream_options> streams, unsigned of)
            : socket(on, where, options, std::move(streams)), place(of) {}
        door(listener open, unsigned of) noexcept : socket(std::move(open)), place(of) {}
        ~door() {
            if (known_to) known_to->remove(socket.native_handle());
        }
        door(const door&) = delete;
        door& operator=(const door&) = delete;
        open_doors* known_to = nullptr;
        listener socket;
        const unsigned place;  ///< see place_to_open
        event room;            ///< announced when the server has room for a connection again
    };
    /// A worker's account, by which it is found when its budget is spent.
    struct ledger : memory_account {
        ledger(std::size_t budget, worker& of) noexcept
            : memory_account(budget, &worker::on_budget_spent), owner(&of) {}
        worker* owner;
    };

    /// What other threads ask for. Needs no memory to be asked.
    class request final : public errand {
    public:
        request(worker& of, void (worker::*what)() noexcept) noexcept : of_(of), what_(what) {}
        void run() override { (of_.*what_)(); }

    private:
        worker& of_;
        void (worker::*what_)() noexcept;
    };

    /// A place in the list of conversations, which are in the order of their numbers: it stays good while they come and go.
    struct walk : list_hook {
        explicit walk(worker& of) noexcept;
        conversation* next;  ///< null at the end
    };
    /// The walk of somebody who looks on a few at a time.
    struct look {
        explicit look(worker& of) noexcept : at(of) {}
        walk at;
        std::uint64_t behind = 0;  ///< the number of the last conversation that it has passed
    };
    /// The look that stands behind the conversation of a number: one that came to there, or one that is found from the
    /// beginning, in the place of the oldest. Two that stand in one place are the same to both who look.
    std::optional<look>& look_behind(std::uint64_t mark) noexcept;
    /// Goes on from `mark` with `visit`, so many times at most; false where there are no more.
    template <class Visit>
    bool visit_behind(std::uint64_t& mark, std::size_t count, Visit&& visit);

    /// Runs behind the sends of the connections that it counted: whoever counts puts it last again.
    struct answer_timing : turn_hook {
        explicit answer_timing(worker& at) noexcept
            : turn_hook([](turn_hook& end) { static_cast<answer_timing&>(end).tell(); }), of(at) {}
        void tell() noexcept;
        worker& of;
        time_point since{};
        std::size_t messages = 0;
    };

    void on_stop() noexcept { stop_.notify_all(); }
    void on_room() noexcept;
    void on_terms() noexcept;
    void take_terms();

    void add_open(const open_sockets& from);
    std::vector<place_to_open> open_own(port_sharing sharing);
    void make_known(door& one);
    task<> serve_until_drained(task_group& accepting);
    /// Ends everything at once and waits for it. What it waits for it gets as tasks, so that it needs no
    /// memory once it runs.
    task<> give_up(task_group& accepting, task<> closed, task<> conversations, task<> background);
    task<> accept_from(door& from);
    task<> accept_one(door& from);
    void accept_queued() noexcept;
    bool is_full() const noexcept { return shared_.connections.load() >= shared_.connections_max.load(); }
    bool is_full(unsigned place) const noexcept {
        return is_full() || shared_.connections_at[place].load() >= terms_at(place).connections_max;
    }
    void take_place(unsigned place) noexcept;
    void leave_place(unsigned place) noexcept;
    struct arrival;
    /// As its address allows, or as its proxy will tell.
    void receive_client(arrival& client);
    void admit(arrival& client);
    void serve(arrival& client, admission::place counted);
    /// Ends a connection that a limit refused, in order, without serving it.
    void refuse(arrival& client, limit why);
    task<> wait_for_room(door& at);
    task<> turn_away(stream peer);
    static void on_budget_spent(turn_hook& spent);
    void shed() noexcept;

    // drain.cpp
    task<> wait_for_stop();
    task<> drain();
    task<> end_idle(time_point deadline);
    task<> wait_for_end(time_point until);
    task<> run_background();
    /// Ends the task beside the conversations: lets it end by itself until then, and after that as they are cut.
    task<> end_background(time_point until);
    bool has_conversations() const noexcept { return conversation_count_ + refusals_ + greeting_count_ > 0; }
    bool has_background() const noexcept { return background_runs_; }
    /// Cancels what is in `scope`, and destroys what does not end by that.
    task<> cut(cancel_scope& scope, bool (worker::*left)() const noexcept);

    loop& loop_;
    server_shared& shared_;
    std::vector<std::unique_ptr<door>> doors_;
    std::shared_ptr<const server_terms> terms_;
    std::shared_ptr<ledger> memory_;
    struct place_streams {
        std::shared_ptr<const stream_options> streams;
        std::shared_ptr<const stream_options> plain;  ///< the same without a transport
    };
    static std::vector<place_streams> streams_of(const server_terms& terms,
                                                 const std::shared_ptr<ledger>& memory);
    std::vector<place_streams> places_;
    cancel_scope serving_;
    cancel_scope beside_;  ///< of the background task
    background background_;
    std::exception_ptr background_failure_;
    bool background_runs_ = false;
    list<conversation> conversations_;
    list<walk> walks_;
    std::array<std::optional<look>, 4>
        looks_;  ///< of so many at once that nobody has to search for his place
    std::size_t oldest_look_ = 0;
    std::size_t conversation_count_ = 0;
    list<proxy_greeting, greeting_hook> greetings_;
    std::size_t greeting_count_ = 0;
    std::size_t refusals_ = 0;  ///< connections being refused
    answer_timing timing_;
    const bool times_answers_;
    const std::unique_ptr<message_sampler> sampler_;
    event stop_;
    event empty_;
    request stop_request_;
    request room_request_;
    request terms_request_;
    bool stopping_ = false;
    bool deaf_ = false;  ///< accepting failed for good
};

}  // namespace aperto
