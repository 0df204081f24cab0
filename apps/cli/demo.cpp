// SPDX-License-Identifier: MIT
#include "aperto/version.hpp"
#include "cli/failure.hpp"
#include "cli/options/quantity.hpp"
#include "cli/send/send.hpp"
#include "cli/serve/report.hpp"
#include "cli/serve/serve.hpp"
#include "cli/terminal_text.hpp"
#include "core/display.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"
#include "core/signal_watch.hpp"

#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <mutex>

namespace aperto::cli {

namespace {

constexpr std::string_view demo_text = "texto original";
constexpr std::uint16_t demo_port = 9999;
constexpr auto patience = std::chrono::seconds(5);
constexpr std::size_t figure_column = 70;
/// Where the words about a packet of the handshake begin.
constexpr std::size_t handshake_indent = 23;

/// Tells the client's side when the server's side has seen the connection come and go; passes the rest on.
class demo_events final : public server_events {
public:
    explicit demo_events(report& told) : told_(told) {}

    void accepted(const connection_view& who) override {
        if (over_) {
            told_.accepted(who);
            return;
        }
        // The client tells of the handshake, both sides of it.
        told_.count_accepted();
        static_cast<void>(who.note());
        const std::lock_guard lock(mutex_);
        facts_ = facts_of(who);
        changed_.notify_all();
    }
    void message(const connection_view& who, std::string_view message, std::uint64_t offset) override {
        told_.message(who, message, offset);
    }
    void closed(const connection_view& who, const closing& how) override {
        told_.closed(who, how);
        const std::lock_guard lock(mutex_);
        closed_ = true;
        changed_.notify_all();
    }
    void limit(std::string_view name, const endpoint& whom, const std::error_code& why) override {
        told_.limit(name, whom, why);
    }
    void stopping() override {
        if (over_) told_.stopping();
    }

    /// The server's facts on the first connection; nothing where it is not accepted within the patience.
    tcp_facts wait_accepted() {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, patience, [this] { return facts_.has_value(); });
        return facts_.value_or(tcp_facts{});
    }
    /// The demo ends with the conversation: that the server then stops too is no news.
    void leave_out_the_end() { over_ = false; }
    void wait_closed() {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, patience, [this] { return closed_; });
        over_ = true;
    }

private:
    report& told_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::optional<tcp_facts> facts_;
    bool closed_ = false;
    std::atomic<bool> over_ = false;
};

/// "client   TEXTO ORIGINAL                        0.11 ms", the figure where messages have theirs.
void say_reply(report& told, const std::string& reply, duration took) {
    std::string line = _("client   ") + log_safe(reply);
    const std::size_t width = display_width(line);
    line.append(width < figure_column ? figure_column - width : 2, ' ');
    line += fmt::format("{:>9}", duration_text(took));
    told.plain(line);
}

void say_connected(report& told, const send_request& request, const connected& there,
                   const tcp_facts& server) {
    told.plain(_("client   ") + sentence(_("connected to {} in {}"),
                                         host_port{request.host, request.port}.to_string(),
                                         duration_text(there.took)));
    for (const std::string& line : handshake_lines(there.peer.facts(), server))
        told.plain("           " + line, handshake_indent);
}

task<> talk(send_request request, report& told, demo_events& events) {
    auto connecting = connect_patiently(request, {});
    connected there = co_await std::move(connecting);
    say_connected(told, request, there, events.wait_accepted());

    stream& peer = there.peer;
    const time_point begun = clock::now();
    auto writing = peer.write(demo_text);
    co_await writing;
    std::string reply;
    while (reply.size() < demo_text.size()) {
        auto reading = peer.read_some();
        const std::optional<std::string_view> piece = co_await reading;
        if (!piece) break;
        reply += *piece;
    }
    say_reply(told, reply, clock::now() - begun);
    auto closing_peer = peer.close();
    co_await std::move(closing_peer);
}

/// Starts `serving` on the demo's port or, where that is taken, says so and takes a free one.
std::unique_ptr<server> start_server(report& told, demo_events& events) {
    aperto::options options;
    options.port = demo_port;
    options.events = &events;
    const auto start = [&] {
        auto serving = std::make_unique<server>(options, make_service(service::upper, told));
        serving->start();
        return serving;
    };
    try {
        return start();
    } catch (const error& cause) {
        if (cause.code() != std::errc::address_in_use) throw;
    }
    told.plain(_("server   ") + sentence(_("{}: taking a free one"), port_in_use(demo_port)));
    options.port = 0;
    return start();
}

bool is_attended() { return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1; }

std::string invitation(std::uint16_t port) {
    const std::string where = port == demo_port ? "" : fmt::format(" --port {}", port);
    return sentence(
        _("Still serving. Try, in another terminal:   ./run send{} \"olá, mundo\"       Ctrl-C ends."),
        where);
}

}  // namespace

int run_demo() {
    ignore_signals_of_writes();
    // It ends with its terminal (SIGHUP); a second signal, also while it still talks, ends it at once.
    signal_set signals({.ending = {SIGINT, SIGTERM, SIGHUP}, .exit_code = exit_interrupted});
    const auto told = report::create({.messages = message_detail::some,
                                      .level = log_level::debug,
                                      .descriptor = STDOUT_FILENO,
                                      .prefix = _("server   "),
                                      .times = false});
    const report::closer at_last(*told);
    demo_events events(*told);
    told->plain(fmt::format("aperto {}", version));
    std::unique_ptr<server> serving;
    try {
        serving = start_server(*told, events);
    } catch (const error& cause) {
        told->close();
        return tell(explain_listen(cause, {}, demo_port));
    }
    told->started(*serving);

    send_request request;
    request.port = serving->endpoints().front().port();
    try {
        const auto on = loop::create();
        on->run(talk(request, *told, events));
    } catch (const command_failed& failed) {
        told->close();
        return tell(failed.told);
    } catch (const error& cause) {
        told->close();
        return tell(explain_broken(cause));
    }
    events.wait_closed();
    if (is_attended()) {
        told->plain(invitation(request.port));
        const signal_watch watch(signals, [&serving](int) { serving->stop(); });
        serving->wait();
        told->stopped();
    } else {
        events.leave_out_the_end();
        serving->stop();
        serving->wait();
    }
    return exit_done;
}

}  // namespace aperto::cli
