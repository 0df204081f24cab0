// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/server.hpp"
#include "net/connection.hpp"
#include "server/admission.hpp"

#include <exception>
#include <memory>
#include <optional>
#include <string_view>

namespace aperto {

class worker;

/// One client, from accept to the last byte. Lives in the frame of `run`.
class conversation : public list_hook {
public:
    conversation(worker& at, connection& peer);
    ~conversation();

    /// Serves `peer` to the end and reports it. Throws nothing that a peer or a handler can cause.
    /// `counted` is held until the end.
    static task<> run(worker& at, stream peer, admission::place counted);

    /// The server is stopping: the next time this conversation would wait for a message, it is over.
    void end_when_idle() noexcept { peer_.end_when_idle(); }

    /// Ends it for the memory it holds; gives how many bytes that will free, 0 where there is nothing to
    /// gain.
    std::size_t shed() noexcept;

private:
    /// Answers one message; false when the conversation is to end.
    bool answer(std::string_view message);
    /// Until the peer has taken its replies. Apart from `run`, whose frame every idle connection holds.
    task<> wait_for_room();
    /// Which limit ended the conversation, if one did. To be asked before what is left is read away.
    std::optional<limit> limit_that_struck() const noexcept;
    void report_end();

    worker& worker_;
    connection& peer_;
    connection_view view_;
    time_point began_;
    std::shared_ptr<void> state_;
    std::exception_ptr failure_;
    std::optional<limit> struck_;
    bool ended_by_us_ = false;
};

}  // namespace aperto
