// SPDX-License-Identifier: MIT
#include "cli/serve/serve.hpp"

#include "aperto/error.hpp"
#include "aperto/tls.hpp"
#include "cli/failure.hpp"
#include "cli/serve/report.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"
#include "core/signal_watch.hpp"
#include "io/host_text.hpp"
#include "text/upper_text.hpp"

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <ctime>
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

std::unique_ptr<server> start_server(const aperto::options& options, service what, report& told) {
    const time_point until = clock::now() + orphan_patience;
    for (;;) {
        auto serving = std::make_unique<server>(options, make_service(what, told));
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

/// What serving may touch of the file system once it has bound its address.
confinement needed_by(const aperto::options& options) {
    confinement needed;
    if (io::names_unix_socket(options.host)) {
        const std::string path = options.host.substr(io::unix_scheme.size());
        const std::size_t folder = path.rfind('/');
        if (!path.starts_with('@'))
            needed.emptied.push_back(folder == std::string::npos ? "." : path.substr(0, folder + 1));
    }
    return needed;
}

/// Confines the threads, each as it begins.
class confining {
public:
    confining(confinement_mode mode, confinement needed) : mode_(mode), needed_(std::move(needed)) {}

    /// On a thread, before it touches what clients send. Gives what is left open. Throws `error`.
    std::string enter() const {
        if (mode_ == confinement_mode::off) return {};
        std::string open = confine(needed_);
        if (mode_ == confinement_mode::required && !open.empty())
            throw error(std::make_error_code(std::errc::operation_not_supported), "confine the server", open,
                        "Without --sandbox required it serves all the same.");
        return open;
    }
    /// The same for the log's writer: where it fails, it fails for those that serve.
    void enter_quietly() const noexcept {
        try {
            enter();
        } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
            // Said by those.
        }
    }

private:
    const confinement_mode mode_;
    const confinement needed_;
};

task<> nothing_more() { co_return; }

/// Before there is a second thread, and before the first file that only this process's user may read.
std::optional<failure> become_user(const std::string& user) {
    if (user.empty()) return {};
    const std::optional<account> who = find_account(user);
    if (!who) return failure{exit_failed, sentence(_("there is no user or group {}"), log_safe(user)), {}};
    try {
        become(*who);
    } catch (const error& cause) {
        return failure{
            exit_failed,
            sentence(_("could not become the user {}: {}"), log_safe(user), system_reason(cause.code())),
            cause.code() == std::errc::operation_not_permitted
                ? _("That takes root: start it as root, or leave --user out.")
                : ""};
    }
    return {};
}

/// Has the C library read those of its files now that it would read when it first needs them.
void read_files_ahead() {
    ::tzset();
    static_cast<void>(std::strerror(EPERM));
}

std::shared_ptr<tls::context> make_transport(const tls_of_server& wanted) {
    return tls::server({.certificate = wanted.certificate, .key = wanted.key, .client_ca = wanted.client_ca});
}

/// A reload that fails changes nothing.
void reload(tls::context& sealed, report& told) {
    try {
        sealed.reload();
        told.certificate_read(sealed.expires());
    } catch (const error& cause) {
        told.certificate_refused(cause);
    }
}

bool is_of_tls_files(const error& cause, const tls_of_server& wanted) {
    if (!wanted.on) return false;
    return cause.code().category() == tls::tls_category() || cause.whom() == log_safe(wanted.certificate) ||
           cause.whom() == log_safe(wanted.key) || cause.whom() == log_safe(wanted.client_ca);
}

}  // namespace

int run_serve(const serve_request& request) {
    ignore_signals_of_writes();
    if (const auto refused = become_user(request.user)) return tell(*refused);
    read_files_ahead();
    const confining confined(request.sandbox, needed_by(request.options));
    // Before anything is said: who reads "listening" may send one.
    signal_set signals(
        {.ending = {SIGINT, SIGTERM}, .noted = {SIGHUP, SIGUSR1, SIGUSR2}, .exit_code = exit_interrupted});
    const auto told = report::create({.format = request.log,
                                      .messages = request.messages,
                                      .descriptor = STDOUT_FILENO,
                                      .first = [&confined] { confined.enter_quietly(); }});
    const report::closer at_last(*told);
    aperto::options options = request.options;
    options.events = told.get();
    options.background = [&confined](background&) {
        confined.enter();
        return nothing_more();
    };
    options.framing =
        request.framing.value_or(request.what == service::upper ? framing::stream : framing::raw);
    std::shared_ptr<tls::context> sealed;
    std::unique_ptr<server> serving;
    std::string open;
    try {
        if (request.tls.on) sealed = make_transport(request.tls);
        options.transport = sealed;
        serving = start_server(options, request.what, *told);
    } catch (const error& cause) {
        told->close();
        if (is_of_tls_files(cause, request.tls)) return tell(explain_tls_files(cause));
        return tell(explain_listen(cause, options.host, options.port));
    }
    try {
        open = confined.enter();
    } catch (const error& cause) {
        serving.reset();
        told->close();
        return tell(explain_other(cause));
    }
    const signal_watch watch(signals, [&](int signal) {
        if (signal == SIGINT || signal == SIGTERM)
            serving->stop();
        else if (signal == SIGHUP && sealed)
            reload(*sealed, *told);
        else
            told->noted(signal);
    });
    told->started(*serving);
    if (!open.empty()) told->unconfined(open);
    if (sealed) told->certificate_read(sealed->expires());
    serving->wait();
    told->stopped();
    return exit_done;
}

void ignore_signals_of_writes() {
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
}

}  // namespace aperto::cli
