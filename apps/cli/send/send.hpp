// SPDX-License-Identifier: MIT
//
// send/: what `aperto send` does. send has the command, how it connects, and standard input and output;
// conversation sends a text or a file; prompt is the terminal's, a line a message, typed in line_editor.
#pragma once

#include "aperto/client.hpp"
#include "aperto/framing.hpp"
#include "aperto/stream.hpp"
#include "aperto/task.hpp"
#include "cli/failure.hpp"
#include "cli/terminal_text.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aperto::cli {

/// How it speaks TLS.
struct tls_of_client {
    bool on = false;
    bool insecure = false;
    std::string ca;
    std::string certificate;
    std::string key;
    std::string given;  ///< one of the options that say so; empty: none was
};

struct send_request {
    std::vector<std::string> words;  ///< TEXT; none: standard input
    std::string host = "localhost";
    std::uint16_t port = 9999;
    std::vector<host_port> others;  ///< which serve the same, tried after it in their order
    aperto::framing framing = framing::stream;
    aperto::engine engine = engine::automatic;
    duration timeout = std::chrono::seconds(5);  ///< for the connection, then for each 1 KiB of the reply
    /// So quiet a reply without framing is whole, where the server keeps the connection; none: as measured.
    std::optional<duration> quiet_time;
    unsigned retries = 0;
    bool facts = false;
    bool steps = false;  ///< the lecture's five steps of a client are told of
    tls_of_client tls;
};
int run_send(const send_request& request);

/// Something that ends a command, already in words.
struct command_failed : std::exception {
    explicit command_failed(failure what) : told(std::move(what)) {}
    failure told;
};

struct connected {
    stream peer;
    duration took{};
};

/// Connects as `request` says, trying again as often, with growing pauses and a line on standard error for
/// each. Throws `command_failed`.
task<connected> connect_patiently(const send_request& request, stream_options options);

/// "sala-3:9999", or the address where several hosts were named and this one answered; safe to print.
std::string name_of_server(const send_request& request, const stream& peer);

/// What the handshake agreed on, to standard error.
void print_handshake(const send_request& request, const connected& there);
/// One of the lecture's steps, on a line of standard error, where they are told of.
void print_step(const send_request& request, int number, const char* calls, const std::string& text);

/// What the conversation came to, to standard error. Nothing where the kernel no longer knows.
void print_conversation(const stream& peer);

/// Where replies go: standard output. A file or a pipe gets the very bytes; a terminal gets them made safe.
class reply_output {
public:
    explicit reply_output(framing in);

    bool is_terminal() const noexcept { return is_terminal_; }
    /// A piece of the stream, or a whole message of a framing that has them. A pipe whose reader is slow
    /// holds this task up, not the loop. Throws `error` where the system refuses.
    task<> write(std::string_view piece);
    /// The reply has ended: a terminal's cursor stands at the beginning of a line.
    void finish();

private:
    const framing framing_;
    bool is_terminal_ = false;
    bool is_pipe_ = false;
    terminal_filter filter_;
};

/// Writes all of `bytes` to standard output, blocking. Throws `error`.
void write_out(std::string_view bytes);

/// Standard input for coroutines. A loop has no operations on files, so the waiting is done on a helper
/// thread; one piece at a time is in memory. One task at a time reads.
class standard_input {
public:
    /// Largest piece: several pipes' worth, a small part of any memory.
    static constexpr std::size_t piece_max = std::size_t{256} * 1024;

    standard_input();
    /// Ends a wait in progress: its thread is not left behind at the keyboard.
    ~standard_input();
    standard_input(const standard_input&) = delete;
    standard_input& operator=(const standard_input&) = delete;

    /// What has come, at least one byte; empty at the end. Throws `error` where the system refuses (a folder,
    /// an input/output error).
    task<std::string> read();
    /// Waits until there is something to read, or the end.
    task<> readable();
    /// True where a read would give bytes now.
    bool has_more() const;

private:
    struct state;
    std::shared_ptr<state> state_;
};

/// `aperto send` at a terminal: a line a message, its reply below it, until Ctrl-D. A server that closes
/// after each reply is connected to anew for the next line. Gives the exit code.
task<int> run_prompt(const send_request& request, stream_options options);

}  // namespace aperto::cli
