// SPDX-License-Identifier: MIT
#include "cli/serve/serve.hpp"

#include "cli/admin/admin.hpp"
#include "cli/failure.hpp"
#include "cli/serve/report.hpp"
#include "cli/serve/service_manager.hpp"
#include "core/signal_watch.hpp"
#include "io/host_text.hpp"
#include "text/upper_text.hpp"

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>
#include <utility>

namespace aperto::cli {

namespace {

/// A message never ends inside a character, but where the client itself ended or paused there: so each is a
/// text of its own, and a connection that sends clean text costs no state.
void answer_upper(std::string_view message, exchange& with, report& told) {
    const text::invalid_tally invalid = text::upper_text(message, with.out());
    if (invalid.bytes == 0) return;
    told.count_invalid(invalid.bytes);
    bool& told_before = with.state<bool>();
    if (std::exchange(told_before, true)) return;
    told.invalid_utf8(with.who(), with.offset() + invalid.first);
}

}  // namespace

handler make_service(service which, report& told) {
    switch (which) {
    case service::upper:
        return [&told](std::string_view message, exchange& with) { answer_upper(message, with, told); };
    case service::echo:
        return [](std::string_view message, exchange& with) { with.reply(message); };
    case service::discard:
        break;
    }
    return [](std::string_view, exchange& with) { with.no_reply(); };
}

namespace {

/// The kernel lets go of what an io_uring had open a moment after its process is gone: a server that was
/// killed holds its port for that long.
constexpr duration orphan_patience = std::chrono::seconds(1);

bool is_held_by_nobody(std::uint16_t port) {
    const auto owner = find_port_owner(port);
    return !owner || owner->process == 0;
}

/// With a journal, so many messages of a client that does not wait for its replies share a commit.
constexpr unsigned recorded_at_once = 64;

std::unique_ptr<journal> open_journal(const serve_request& request, report& told) {
    if (request.journal.file.empty()) return {};
    journal_options options = request.journal;
    options.note = [&told](const journal_news& news) { told.journal(news); };
    return std::make_unique<journal>(std::move(options));
}

std::unique_ptr<server> start_server(const aperto::options& options, const handler& what) {
    const time_point until = clock::now() + orphan_patience;
    for (;;) {
        auto serving = std::make_unique<server>(options, what);
        try {
            serving->start();
            return serving;
        } catch (const error& cause) {
            const bool in_use =
                cause.code() == std::errc::address_in_use && !io::names_unix_socket(options.host);
            if (!in_use || clock::now() >= until || !is_held_by_nobody(options.port)) throw;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
}

}  // namespace

int run_serve(const serve_request& request) {
    ignore_signals_of_writes();
    // Before anything is said: who reads "listening" may send one.
    signal_set signals(
        {.ending = {SIGINT, SIGTERM}, .noted = {SIGHUP, SIGUSR1, SIGUSR2}, .exit_code = exit_interrupted});
    const auto told =
        report::create({.format = request.log, .messages = request.messages, .descriptor = STDOUT_FILENO});
    const report::closer at_last(*told);
    aperto::options options = request.options;
    std::unique_ptr<admin> watched;
    if (!request.admin.empty()) watched = std::make_unique<admin>(*told);
    options.events = told.get();
    if (watched) options.events = &watched->events();
    options.framing =
        request.framing.value_or(request.what == service::upper ? framing::stream : framing::raw);
    service_manager manager;
    try {
        options.listen_fds = manager.listening(request.inherited);
    } catch (const error& cause) {
        told->close();
        return tell({exit_no_listen, cause.what(), {}});
    }
    options.background = manager.watchdog();
    std::unique_ptr<journal> book;
    try {
        book = open_journal(request, *told);
    } catch (const error& cause) {
        told->close();
        return tell(explain_journal(cause, request.journal.file));
    }
    if (book) options.max_in_flight = recorded_at_once;
    handler service = make_service(request.what, *told);
    if (book) service = book->record(std::move(service));
    std::unique_ptr<server> serving;
    try {
        serving = start_server(options, service);
    } catch (const error& cause) {
        told->close();
        // Which of several it was, the error itself says.
        if (!options.also_listen.empty() || !options.listen_fds.empty())
            return tell({exit_no_listen, cause.what(), {}});
        return tell(explain_listen(cause, options.host, options.port));
    }
    const signal_watch watch(signals, [&](int signal) {
        if (signal != SIGINT && signal != SIGTERM) return told->noted(signal);
        manager.tell("STOPPING=1");
        if (watched) watched->set_draining();
        serving->stop();
    });
    told->started(*serving);
    if (watched) {
        try {
            watched->start(request.admin, *serving, book.get());
        } catch (const error& cause) {
            serving->stop();
            serving->wait();
            told->close();
            return tell({exit_no_listen, cause.what(), {}});
        }
        told->watched_at(watched->where());
    }
    manager.tell("READY=1");
    serving->wait();
    watched.reset();
    told->stopped();
    return exit_done;
}

void ignore_signals_of_writes() {
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
}

}  // namespace aperto::cli
