// SPDX-License-Identifier: MIT
//
// admin/: what `aperto serve --admin` answers, by HTTP, to those who watch the server. admin has the server and its
// paths; observer counts what happens; metrics writes it down; connection_json one connection.
#pragma once

#include "aperto/journal.hpp"
#include "aperto/semaphore.hpp"
#include "aperto/server.hpp"
#include "aperto/tls.hpp"
#include "cli/admin/metrics.hpp"
#include "cli/admin/observer.hpp"
#include "cli/http_request.hpp"
#include "cli/serve/confinement.hpp"
#include "cli/serve/report.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace aperto::cli {

/// What is watched. Null: it is not there.
struct watched_parts {
    const server* serving = nullptr;
    const journal* book = nullptr;
    const tls::context* sealed = nullptr;
};

/// The endpoint: a server of its own, on a loop of its own, so that it answers whatever the other does.
class admin {
public:
    /// `told` hears of all events after they are counted.
    explicit admin(report& told) : told_(told), seen_(told) {}

    /// What the watched server's events go to.
    observer& events() noexcept { return seen_; }
    /// Listens on "HOST:PORT" or "unix:PATH", and answers from now on, its thread confined. The watched ones and `confined`
    /// outlive this. Throws `error`.
    void start(const std::string& where, const watched_parts& watched, const confining& confined);
    /// Before `start`: sockets of the process that this one follows (`options::handed_over`); then nobody is answered before
    /// `take_over`.
    void follow(std::vector<int> handed_over) { handed_over_ = std::move(handed_over); }
    void take_over() noexcept { serving_->take_over(); }
    /// Leaves the socket to the process that follows this one.
    void leave() noexcept { serving_->leave(); }
    /// As `server::listeners`.
    std::vector<int> listeners() const { return serving_->listeners(); }
    /// Answers no more: to be called before the watched server goes, whose events are counted all the same.
    void stop() noexcept { serving_.reset(); }
    /// Where it listens.
    const endpoint& where() const noexcept { return serving_->endpoints().front(); }
    /// From now on the server is not ready: balancers send their clients elsewhere.
    void set_draining() noexcept { draining_ = true; }

private:
    task<> talk(stream peer);
    task<> reply(stream& peer, const http_request& request);
    /// `loads`: for `/metrics`.
    std::string answer(const http_request& request, const std::vector<worker_load>& loads) const;
    /// A reply to the end of the stream: its length is not known when it begins. Its last line tells that it is whole.
    task<> tell_connections(stream& peer, bool has_body);

    report& told_;
    observer seen_;
    process_files process_;
    watched_parts watched_;
    semaphore looking_{1};  ///< one look through the connections at a time
    std::atomic<bool> draining_ = false;
    std::vector<int> handed_over_;
    std::unique_ptr<server> serving_;  ///< the last member: it ends before what it reads
};

}  // namespace aperto::cli
