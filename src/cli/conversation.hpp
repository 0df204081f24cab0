// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/group.hpp"
#include "aperto/stream.hpp"
#include "cli/commands.hpp"
#include "cli/reply_output.hpp"
#include "cli/standard_input.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace aperto::cli {

/// One conversation of `aperto send` that is not a prompt: sends a text, or all of standard input, and prints
/// what comes back, both at once, so that neither side can block the other for ever. What is in memory is
/// bounded, however much passes through.
///
/// It ends when the server ends the stream. With a text it also ends once the reply has been quiet for
/// `quiet`: many servers answer and keep the connection. A silence of the request's timeout, where an answer
/// is due, ends it too.
class conversation {
public:
    /// A reply that has been quiet for so long is whole, where the server does not close.
    static constexpr duration quiet = std::chrono::milliseconds(250);

    /// `input`: null where the request has a text.
    conversation(const send_request& request, stream peer, standard_input* input, reply_output& output);

    /// Gives the exit code, having told of what went wrong.
    task<int> run();

    const stream& peer() const noexcept { return peer_; }

private:
    task<> transmit();
    task<> transmit_text();
    task<> transmit_input();
    task<> transmit_lines();
    task<> send_line_messages(std::string& pending, bool ended);
    task<> receive();
    task<> receive_all();
    void heard();
    void rearm();
    int outcome() const;
    int outcome_of_silence() const;
    static void on_silence(timer& passed);

    struct silence_timer : timer {
        explicit silence_timer(conversation& of) noexcept : timer(&conversation::on_silence), owner(&of) {}
        conversation* owner;
    };

    const send_request& request_;
    stream peer_;
    standard_input* const input_;
    reply_output& output_;
    task_group* both_ = nullptr;
    silence_timer silence_{*this};

    bool all_sent_ = false;    // and the half-close
    bool replied_ = false;     // at least one byte came
    bool peer_ended_ = false;  // the server's end of stream came
    bool silent_ = false;
    std::optional<error> send_failure_;
    std::optional<error> receive_failure_;
    std::optional<error> local_failure_;  // of standard input or output
};

}  // namespace aperto::cli
