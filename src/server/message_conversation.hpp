// SPDX-License-Identifier: MIT
#pragma once

#include "server/admission.hpp"
#include "server/conversation.hpp"
#include "server/proxy_greeting.hpp"

#include <memory>
#include <string_view>

namespace aperto {

/// A conversation by messages: each is cut from what has arrived and answered where it stands, called back by
/// the loop, without a coroutine. So an idle client costs this object and its socket, and a message costs the
/// handler's call.
///
/// It is the operation that receives and the timer that ends the wait, and holds its connection. What has to
/// wait for more than bytes, room for replies or the orderly end, is rare, and a coroutine then (`carry_on`),
/// which owns the conversation for that time. Otherwise it ends itself.
class message_conversation final : public conversation, private receive_operation, private deadline {
public:
    /// Serves the client at a socket, which is its own from then on. Throws std::bad_alloc, and has then
    /// taken nothing. `counted` is held until the end.
    /// `first`: where it came through a proxy.
    static void start(worker& at, socket_id client, const endpoint& remote, unsigned place,
                      admission::place counted, first_bytes* first);
    ~message_conversation();

private:
    /// What a conversation comes to after the messages that have arrived.
    enum class step : std::uint8_t {
        waiting,  ///< for bytes: the loop calls
        blocked,  ///< by replies that the client does not take
        aside,    ///< with more to answer, until others have had their turn: the loop calls
        over,
    };

    message_conversation(worker& at, socket_id client, const endpoint& remote, unsigned place,
                         admission::place counted);
    static void on_bytes(operation& done);
    static void on_deadline(timer& passed);

    /// Answers what has arrived, until it must wait or is over.
    step serve() noexcept;
    step answer_arrived();
    step go_on_behind_others() noexcept;
    /// Answers one message; false when the conversation is to end.
    bool answer(std::string_view message);
    step wait_for_bytes();
    /// Keeps by what reading failed, if it did.
    step end_by_reading() noexcept;
    void go_on(step next) noexcept;
    task<> carry_on(step next);
    void close() noexcept;

    std::unique_ptr<detail::state> state_;  ///< the handler's own
    admission::place counted_;
    connection mine_;
};

}  // namespace aperto
