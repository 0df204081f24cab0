// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/event.hpp"
#include "aperto/group.hpp"
#include "aperto/server.hpp"

#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <string>

namespace aperto {

class message_timing;
class worker;

/// The messages of one connection in the hands of a coroutine: so many at a time as `options::max_in_flight`
/// allows, and their answers in the order in which they came.
class answering {
public:
    /// Lives in a frame of its own, so that a session without it costs no byte of it. `ended_by_us`: whether
    /// an answer ended the conversation.
    static task<> serve(worker& at, connection& of, connection_view who, stream peer, bool& ended_by_us);

private:
    answering(worker& at, connection& of, const connection_view& who, stream peer);
    ~answering();
    /// Until the client, an answer or the server ends it. Throws what a handler threw, after the answers to
    /// what came before.
    task<> run();

    struct job;
    task<> read();
    task<> answer_one(job& each);
    task<> write();
    task<> call(job& each);
    void begin_timing(job& each) noexcept;
    /// Null where it is not timed.
    message_timing* timing_of(const job& each) const noexcept;

    worker& worker_;
    connection& connection_;
    const connection_view who_;
    stream peer_;
    std::unique_ptr<detail::state> state_;  ///< the handler's, one a connection
    std::deque<std::unique_ptr<job>> jobs_;
    event changed_;
    bool read_all_ = false;
    std::exception_ptr read_failure_;
    bool ended_by_us_ = false;
    task_group group_;
};

}  // namespace aperto
