// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/group.hpp"
#include "aperto/stream.hpp"
#include "cli/failure.hpp"
#include "cli/send/send.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace aperto::cli {

/// One conversation of `aperto send` that is not a prompt: sends a text, or all of standard input, and prints
/// what comes back, both at once, so that neither side can block the other for ever. What is in memory is
/// bounded, however much passes through.
///
/// It ends when the server ends the stream. With a text it also ends once the reply has been quiet for the
/// request's quiet time: many servers answer and keep the connection. What is then missing nobody can know,
/// unless the framing tells, so that is said. A silence of the request's timeout, where an answer is due,
/// ends it too, and so does a trickle: `progress_min` bytes have to come in that time.
class conversation {
public:
    /// A kilobyte in the five seconds of `--timeout` is 1,600 bit/s, less than any modem's.
    static constexpr std::uint64_t progress_min = 1024;

    /// `input`: null where the request has a text.
    conversation(const send_request& request, stream peer, standard_input* input, reply_output& output);

    /// Gives the exit code, having told of what went wrong.
    task<int> run();

    const stream& peer() const noexcept { return peer_; }

private:
    /// What ended it but the two streams' own ends.
    enum class ending : std::uint8_t { none, silence, quiet };

    task<> transmit();
    task<> transmit_text();
    task<> transmit_input();
    task<> transmit_lines();
    task<> send_line_messages(std::string& pending, bool ended);
    task<> receive();
    task<> receive_all();
    task<> print(std::string_view piece);
    bool is_due() const noexcept { return !input_ || all_sent_; }
    void heard(std::string_view piece);
    duration measured_quiet() const;
    bool has_progressed() const;
    void await_more();
    void await_quiet();
    bool is_whole() const noexcept;
    void end_by(ending why);
    int outcome() const;
    int outcome_of_silence() const;
    std::optional<failure> what_is_missing() const;
    void tell_of_quiet() const;

    /// Calls a member of the conversation when it fires.
    struct conversation_timer : timer {
        conversation_timer(conversation& of, void (conversation::*then)()) noexcept
            : timer(&conversation_timer::fire), owner(&of), action(then) {}
        static void fire(timer& passed) {
            auto& self = static_cast<conversation_timer&>(passed);
            (self.owner->*self.action)();
        }
        conversation* owner;
        void (conversation::*action)();
    };
    void on_silence();
    void on_quiet();

    const send_request& request_;
    stream peer_;
    standard_input* const input_;
    reply_output& output_;
    task_group* both_ = nullptr;
    conversation_timer silence_{*this, &conversation::on_silence};
    conversation_timer quiet_{*this, &conversation::on_quiet};

    bool sent_any_ = false;       // at least one byte
    bool all_sent_ = false;       // and the half-close
    std::uint64_t received_ = 0;  // bytes of the stream, up to the last that was read
    std::uint64_t counted_ = 0;   // that had come when the silence began to be measured
    char last_ = '\n';            // of the bytes read
    time_point silence_until_{};
    time_point last_heard_{};
    bool printing_ = false;  ///< the reader of our output has the time it takes
    duration quiet_time_ = forever;
    ending ended_by_ = ending::none;
    std::optional<error> send_failure_;
    std::optional<error> receive_failure_;
    std::optional<error> local_failure_;  // of standard input or output
};

}  // namespace aperto::cli
