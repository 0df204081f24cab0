// SPDX-License-Identifier: MIT
// A chat: the first line of each is a name; what one then says, everybody reads.
#include <aperto/aperto.hpp>

#include <string>

using chat_room = aperto::broadcast<std::string>;

inline aperto::task<> chat(aperto::stream peer, chat_room& room) {
    const auto first_line = co_await peer.read_line();
    if (!first_line) co_return;
    const std::string name(*first_line);
    auto heard = room.subscribe();
    room.publish("* " + name + " is here\n");
    for (;;) {
        const auto [said, news] = co_await aperto::first(peer.read_line(), heard.pop());
        if (said && !*said) break;  // the end of the stream
        if (said) room.publish(name + ": " + std::string(**said) + "\n");
        if (news) co_await peer.write(**news);
    }
    room.publish("* " + name + " has left\n");
}
