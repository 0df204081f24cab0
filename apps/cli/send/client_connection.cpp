// SPDX-License-Identifier: MIT
#include "cli/send/client_connection.hpp"

#include "aperto/sleep.hpp"
#include "cli/facts_text.hpp"
#include "cli/options/quantity.hpp"
#include "core/display.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace aperto::cli {

namespace {

constexpr duration first_pause = std::chrono::milliseconds(200);
constexpr duration longest_pause = std::chrono::seconds(3);

/// Where the words about a packet of the handshake begin.
constexpr std::size_t handshake_indent = 14;

void print_error_text(const std::string& text, std::size_t indent) {
    std::fputs(wrap(text, terminal_columns(STDERR_FILENO), indent).c_str(), stderr);
}

task<connected> connect_once(const send_request& request, const stream_options& options) {
    client_options asked;
    asked.connect_timeout = request.timeout;
    asked.stream = options;
    host_port where{request.host, request.port};
    const time_point begun = clock::now();
    auto connecting = connect(std::move(where), std::move(asked));
    stream peer = co_await std::move(connecting);
    const duration took = clock::now() - begun;
    co_return connected{std::move(peer), took};
}

/// Empty where it failed, with the reason in `why`: a coroutine cannot wait inside a handler of exceptions.
task<std::optional<connected>> try_connect(const send_request& request, const stream_options& options,
                                           failure& why) {
    try {
        auto connecting = connect_once(request, options);
        co_return co_await std::move(connecting);
    } catch (const error& cause) {
        why = explain_connect(cause, request.host, request.port, request.timeout);
    }
    co_return std::nullopt;
}

}  // namespace

task<connected> connect_patiently(const send_request& request, stream_options options) {
    duration pause = first_pause;
    for (unsigned tries = 0;; ++tries) {
        failure why;
        auto trying = try_connect(request, options, why);
        std::optional<connected> there = co_await std::move(trying);
        if (there) co_return std::move(*there);
        if (tries == request.retries) throw command_failed(why);
        const std::string line = sentence(_("{}; trying again in {} ({} of {})"), why.what,
                                          duration_text(pause), tries + 1, request.retries);
        print_error_text(line + "\n", 2);
        co_await sleep(pause);
        pause = std::min(2 * pause, longest_pause);
    }
}

void print_handshake(const send_request& request, const connected& there) {
    const std::string name = log_safe(host_port{request.host, request.port}.to_string());
    const std::string address = there.peer.remote().to_string();
    const std::string whom = name == address ? name : name + " (" + address + ")";
    std::string text = sentence(_("connected to {} in {}"), whom, duration_text(there.took)) + "\n";
    for (const std::string& line : handshake_lines(there.peer.facts()))
        text += "  " + line + "\n";
    print_error_text(text, handshake_indent);
}

void print_conversation(const stream& peer) {
    try {
        const std::string summary = conversation_summary(peer.facts());
        if (!summary.empty()) print_error_text(summary + "\n", 2);
    } catch (const error&) {  // NOLINT(bugprone-empty-catch)
        // The socket is gone, and its figures with it.
    }
}

}  // namespace aperto::cli
