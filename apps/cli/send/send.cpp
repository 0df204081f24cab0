// SPDX-License-Identifier: MIT
#include "cli/commands.hpp"
#include "cli/send/client_connection.hpp"
#include "cli/send/conversation.hpp"
#include "cli/send/prompt.hpp"
#include "core/sentence.hpp"

#include <unistd.h>

namespace aperto::cli {

namespace {

/// Replies of framings that have messages are held whole: three times the largest message a server takes
/// unless told otherwise, since capitals may be longer, and room to spare.
constexpr std::size_t largest_reply = std::size_t{64} * 1024 * 1024;

stream_options options_of(const send_request& request) {
    stream_options options;
    options.framing = request.framing;
    options.max_message = largest_reply;
    // The conversation keeps the time: only it knows when an answer is due. A pager on our output may hold
    // the server up for as long as its reader reads.
    options.idle_timeout = forever;
    options.message_deadline = forever;
    options.write_deadline = forever;
    return options;
}

task<int> converse(const send_request& request) {
    auto connecting = connect_patiently(request, options_of(request));
    connected there = co_await std::move(connecting);
    if (request.facts) print_handshake(request, there);

    std::optional<standard_input> input;
    if (request.words.empty()) input.emplace();
    reply_output output(request.framing);
    conversation talk(request, std::move(there.peer), input ? &*input : nullptr, output);
    auto running = talk.run();
    const int code = co_await std::move(running);
    if (request.facts) print_conversation(talk.peer());
    co_return code;
}

}  // namespace

int run_send(const send_request& request) {
    try {
        const auto on = loop::create({.which = request.engine});
        if (request.words.empty() && ::isatty(STDIN_FILENO) == 1)
            return on->run(run_prompt(request, options_of(request)));
        return on->run(converse(request));
    } catch (const command_failed& failed) {
        return tell(failed.told);
    } catch (const error& cause) {
        return tell(explain_other(cause));
    }
}

}  // namespace aperto::cli
