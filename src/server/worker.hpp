// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/group.hpp"
#include "aperto/listener.hpp"
#include "aperto/server.hpp"
#include "io/event.hpp"
#include "server/conversation.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace aperto {

class worker;

/// What the workers of one server have in common.
struct server_shared {
    server_shared(aperto::options chosen, handler handling);

    /// Calls `what` on every worker, on its thread. Any thread.
    void on_each_worker(void (worker::*what)() noexcept);
    void enrol(worker& one);
    void leave(worker& one) noexcept;

    const aperto::options options;
    const handler what;
    const std::shared_ptr<const stream_options> streams;
    const std::size_t connections_max;
    server_events& events;
    std::atomic<std::size_t> connections = 0;
    std::atomic<std::uint64_t> next_id = 1;
    std::atomic<bool> stopping = false;

private:
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

    /// Listens on each of `where`. Throws `error`.
    void listen(const std::vector<endpoint>& where, port_sharing sharing);
    /// Where it listens, with the actual ports.
    std::vector<endpoint> endpoints() const;

    /// Accepts and serves until `stop`, then until the last conversation has ended, at the latest at the
    /// deadline.
    task<> run();
    /// Begins the orderly end.
    void stop() noexcept;
    /// Somewhere in the server there is room for a connection again.
    void room() noexcept { room_.notify(); }

    void began(conversation& one) noexcept;
    void ended() noexcept;

    bool is_stopping() const noexcept { return stopping_; }
    loop& on() const noexcept { return loop_; }
    server_shared& shared() const noexcept { return shared_; }

private:
    task<> accept_from(listener& door);
    task<> accept_one(listener& door);
    task<> wait_for_room();
    task<> drain();

    loop& loop_;
    server_shared& shared_;
    std::vector<listener> doors_;
    cancel_scope serving_;
    list<conversation> conversations_;
    std::size_t conversation_count_ = 0;
    event room_;
    event stop_;
    event empty_;
    bool stopping_ = false;
};

}  // namespace aperto
