// SPDX-License-Identifier: MIT
#include "cli/send/send.hpp"

#include "aperto/aside.hpp"
#include "aperto/loop.hpp"
#include "aperto/sleep.hpp"
#include "aperto/tls.hpp"
#include "cli/options/quantity.hpp"
#include "cli/send/conversation.hpp"
#include "cli/terminal_text.hpp"
#include "core/display.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
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
    asked.retry.rounds = 1;  // --retry has its own, and tells of them
    std::vector<host_port> hosts = request.others;
    hosts.insert(hosts.begin(), host_port(request.host, request.port));
    const time_point begun = clock::now();
    auto connecting = connect(std::move(hosts), std::move(asked));
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
        why = cause.whom().starts_with("any of ")
                  ? explain_connect_to_any(cause)
                  : explain_connect(cause, request.host, request.port, request.timeout);
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
        // Who waits for one server with many others comes back at a moment of its own.
        const auto half = static_cast<std::uint64_t>(pause.count() / 2);
        const duration drawn = pause / 2 + duration(loop::current().random() % half);
        const std::string line = sentence(_("{}; trying again in {} ({} of {})"), why.what,
                                          duration_text(drawn), tries + 1, request.retries);
        print_error_text(line + "\n", 2);
        co_await sleep(drawn);
        pause = std::min(2 * pause, longest_pause);
    }
}

namespace {

/// "TLS 1.3        TLS_AES_256_GCM_SHA384 · the certificate is for CN=sala-3, SHA-256 5f0c…"
std::string transport_line(const transport_facts& sealed) {
    constexpr std::size_t fingerprint_shown = 16;
    std::string text = fmt::format("{:<{}}{}", sealed.protocol, handshake_indent - 2, sealed.cipher);
    if (!sealed.alpn.empty()) text += " · " + log_safe(sealed.alpn);
    if (!sealed.peer_subject.empty())
        text += sentence(_(" · certificate of {}, SHA-256 {}…"), sealed.peer_subject,
                         sealed.peer_fingerprint.substr(0, fingerprint_shown));
    if (sealed.resumed) text += _(" · resumed");
    return text;
}

}  // namespace

std::string name_of_server(const send_request& request, const stream& peer) {
    if (!request.others.empty()) return peer.remote().to_string();
    return log_safe(host_port(request.host, request.port).to_string());
}

void print_handshake(const send_request& request, const connected& there) {
    const std::string address = there.peer.remote().to_string();
    const std::string name = name_of_server(request, there.peer);
    const std::string whom = name == address ? name : name + " (" + address + ")";
    std::string text = sentence(_("connected to {} in {}"), whom, duration_text(there.took)) + "\n";
    for (const std::string& line : handshake_lines(there.peer.facts()))
        text += "  " + line + "\n";
    if (const auto sealed = there.peer.transport()) text += "  " + transport_line(*sealed) + "\n";
    print_error_text(text, handshake_indent);
}

void print_step(const send_request& request, int number, const char* calls, const std::string& text) {
    if (!request.steps) return;
    constexpr std::size_t text_column = 16;
    print_error_text(fmt::format("{} {:<13} {}\n", number, calls, text), text_column);
}

void print_conversation(const stream& peer) {
    try {
        const std::string summary = conversation_summary(peer.facts());
        if (!summary.empty()) print_error_text(summary + "\n", 2);
    } catch (const error&) {  // NOLINT(bugprone-empty-catch)
        // The socket is gone, and its figures with it.
    }
}

reply_output::reply_output(framing in) : framing_(in), is_terminal_(::isatty(STDOUT_FILENO) == 1) {
    struct stat about{};
    is_pipe_ = ::fstat(STDOUT_FILENO, &about) == 0 && (S_ISFIFO(about.st_mode) || S_ISSOCK(about.st_mode));
}

task<> reply_output::write(std::string_view piece) {
    std::string bytes;
    if (is_terminal_)
        filter_.feed(piece, bytes);
    else
        bytes = piece;
    if (framing_ == framing::length) {
        // Messages of this framing bear no end of their own that a reader of lines could see.
        if (is_terminal_) filter_.finish(bytes);
        if (!bytes.ends_with('\n')) bytes += '\n';
    }
    if (!is_pipe_) {
        write_out(bytes);
        co_return;
    }
    auto blocking = [bytes = std::move(bytes)] { write_out(bytes); };
    auto aside_write = aside(std::move(blocking));
    co_await std::move(aside_write);
}

void reply_output::finish() {
    if (!is_terminal_) return;
    std::string rest;
    filter_.finish(rest);
    write_out(rest);
}

void write_out(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
        if (written >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno == EAGAIN) {
            pollfd room{STDOUT_FILENO, POLLOUT, 0};
            ::poll(&room, 1, -1);
        } else if (errno != EINTR) {
            throw error::from_result(-errno, "write to", "standard output");
        }
    }
}

/// Shared with the helper thread that waits, which may be the last to hold it.
struct standard_input::state {
    int stop_event = ::eventfd(0, EFD_CLOEXEC);
    ~state() { ::close(stop_event); }

    /// Blocks until there is input, or the stop event: then false.
    bool wait() const {
        pollfd both[] = {{STDIN_FILENO, POLLIN, 0}, {stop_event, POLLIN, 0}};
        while (::poll(both, 2, -1) < 0 && errno == EINTR) {
        }
        return both[1].revents == 0;
    }

    std::string read() const {
        std::string piece;
        if (!wait()) return piece;
        piece.resize(piece_max);
        ssize_t got = -1;
        do {
            got = ::read(STDIN_FILENO, piece.data(), piece.size());
        } while (got < 0 && (errno == EINTR || (errno == EAGAIN && wait())));
        if (got < 0) throw error::from_result(-errno, "read", "standard input");
        piece.resize(static_cast<std::size_t>(got));
        return piece;
    }
};

standard_input::standard_input() : state_(std::make_shared<state>()) {}

standard_input::~standard_input() {
    const std::uint64_t once = 1;
    // An eventfd that is full wakes as well as one that is written to.
    [[maybe_unused]] const ssize_t written = ::write(state_->stop_event, &once, sizeof once);
}

task<std::string> standard_input::read() {
    auto blocking = [shared = state_] { return shared->read(); };
    auto aside_read = aside(std::move(blocking));
    co_return co_await std::move(aside_read);
}

task<> standard_input::readable() {
    auto blocking = [shared = state_] { shared->wait(); };
    auto aside_wait = aside(std::move(blocking));
    co_await std::move(aside_wait);
}

bool standard_input::has_more() const {
    int bytes = 0;
    return ::ioctl(STDIN_FILENO, FIONREAD, &bytes) == 0 && bytes > 0;
}

namespace {

/// Replies of framings that have messages are held whole: three times the largest message a server takes
/// unless told otherwise, since capitals may be longer, and room to spare.
constexpr std::size_t largest_reply = std::size_t{64} * 1024 * 1024;

std::shared_ptr<const transport> make_transport(const tls_of_client& wanted) {
    if (wanted.insecure)
        print_error_text(
            std::string(_("warning: --insecure: nobody checks who the other side is. Whoever is on the "
                          "way can read and change everything.")) +
                "\n",
            9);
    try {
        return tls::client({.ca = wanted.ca,
                            .certificate = wanted.certificate,
                            .key = wanted.key,
                            .insecure = wanted.insecure});
    } catch (const error& cause) {
        failure told = explain_tls_files(cause);
        told.code = exit_failed;
        throw command_failed(told);
    }
}

stream_options options_of(const send_request& request) {
    stream_options options;
    options.framing = request.framing;
    options.max_message = largest_reply;
    // The conversation keeps the time: only it knows when an answer is due. A pager on our output may hold
    // the server up for as long as its reader reads.
    options.idle_timeout = forever;
    options.message_deadline = forever;
    options.write_deadline = forever;
    if (request.tls.on) options.transport = make_transport(request.tls);
    return options;
}

task<int> converse(const send_request& request) {
    print_step(request, 1, "socket", _("a TCP socket is made"));
    auto connecting = connect_patiently(request, options_of(request));
    connected there = co_await std::move(connecting);
    print_step(
        request, 2, "connect",
        sentence(_("connected to {} in {}"), name_of_server(request, there.peer), duration_text(there.took)));
    if (request.facts) print_handshake(request, there);

    std::optional<standard_input> input;
    if (request.words.empty()) input.emplace();
    reply_output output(request.framing);
    conversation talk(request, std::move(there.peer), input ? &*input : nullptr, output);
    auto running = talk.run();
    const int code = co_await std::move(running);
    print_step(request, 5, "print, close", _("the reply is printed, the connection closed"));
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
