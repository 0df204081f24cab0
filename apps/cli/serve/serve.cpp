// SPDX-License-Identifier: MIT
#include "cli/serve/serve.hpp"

#include "aperto/error.hpp"
#include "aperto/tls.hpp"
#include "cli/admin/admin.hpp"
#include "cli/failure.hpp"
#include "cli/serve/beside.hpp"
#include "cli/serve/report.hpp"
#include "cli/serve/service_manager.hpp"
#include "cli/serve/start_server.hpp"
#include "cli/serve/survey.hpp"
#include "cli/serve/upgrade.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"
#include "core/signal_watch.hpp"
#include "io/host_text.hpp"
#include "text/upper_text.hpp"

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
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

/// With a journal, so many messages of a client that does not wait for its replies share a commit.
constexpr unsigned recorded_at_once = 64;

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

std::shared_ptr<tls::context> make_transport(const tls_of_server& wanted) {
    return tls::server({.certificate = wanted.certificate, .key = wanted.key, .client_ca = wanted.client_ca});
}

/// What cannot be read again leaves what was read before. False then.
bool reload_certificate(tls::context& sealed, report& told) {
    try {
        sealed.reload();
        told.certificate_read(sealed.expires());
        return true;
    } catch (const error& cause) {
        told.certificate_refused(cause);
        return false;
    }
}

/// Nobody asks about the server, or for it, when it goes, however it ends: `wait` throws what a worker threw.
class end_of_watching {
public:
    end_of_watching(upgrade& next, admin* of) noexcept : next_(next), of_(of) {}
    ~end_of_watching() {
        next_.close();
        if (of_) of_->stop();
    }
    end_of_watching(const end_of_watching&) = delete;
    end_of_watching& operator=(const end_of_watching&) = delete;

private:
    upgrade& next_;
    admin* of_;
};

/// A server of the program and all that it stands on: what is made later uses what was made before.
class service_run {
public:
    explicit service_run(const serve_request& request)
        : request_(request),
          confined_(request.sandbox, needed_by(request)),
          told_(report::create(
              {.format = request.log,
               .messages = request.messages,
               .level = request.level,
               .descriptor = STDOUT_FILENO,
               .file = request.log_file,
               .for_journal = service_manager::keeps_log(STDOUT_FILENO),
               .steps = request.options.once && request.log_file.empty() && ::isatty(STDOUT_FILENO) == 1,
               .first = [this] { confined_.enter_quietly(); }})),
          at_last_(*told_) {}

    /// To its end. Gives the exit code.
    int run(signal_set& signals) {
        for (const auto part : {&service_run::take_sockets, &service_run::follow, &service_run::make_context,
                                &service_run::open_journal, &service_run::start, &service_run::start_admin,
                                &service_run::confine_rest, &service_run::take_over}) {
            if (const std::optional<failure> failed = (this->*part)()) {
                if (watched_) watched_->stop();
                serving_.reset();
                told_->close();
                return tell(*failed);
            }
        }
        const signal_watch watch(signals, [this](int signal) { on_signal(signal); });
        told_->started(*serving_);
        if (watched_) told_->watched_at(watched_->where());
        if (sealed_) told_->certificate_read(sealed_->expires());
        manager_.tell(upgrade_.ready_words());
        const end_of_watching last(upgrade_, watched_.get());
        serving_->wait();
        told_->stopped();
        return exit_done;
    }

private:
    std::optional<failure> take_sockets() {
        try {
            options_.listen_fds = manager_.listening(request_.inherited);
            return {};
        } catch (const error& cause) {
            return failure{exit_no_listen, cause.what(), {}};
        }
    }

    std::optional<failure> follow() {
        std::optional<failure> failed = upgrade_.follow();
        options_.handed_over = upgrade_.service_sockets();
        manager_.follow_watchdog(upgrade_.watchdog());
        if (watched_) watched_->follow(upgrade_.admin_sockets());
        return failed;
    }

    std::optional<failure> take_over() {
        return upgrade_.take_over({serving_.get(), watched_.get(), told_.get(), &manager_});
    }

    std::optional<failure> make_context() {
        if (!request_.tls.on) return {};
        try {
            sealed_ = make_transport(request_.tls);
            options_.transport = sealed_;
            return {};
        } catch (const error& cause) {
            return explain_tls_files(cause);
        }
    }

    std::optional<failure> open_journal() {
        if (request_.journal.file.empty()) return {};
        journal_options wanted = request_.journal;
        wanted.note = [this](const journal_news& news) { told_->journal(news); };
        wanted.first = [this] { confined_.enter_quietly(); };
        try {
            book_ = std::make_unique<journal>(std::move(wanted));
        } catch (const error& cause) {
            return explain_journal(cause, request_.journal.file);
        }
        options_.max_in_flight = recorded_at_once;
        service_ = book_->record(std::move(service_));
        return {};
    }

    std::optional<failure> start() {
        options_.events = watched_ ? &watched_->events() : static_cast<server_events*>(told_.get());
        options_.framing =
            request_.framing.value_or(request_.what == service::upper ? framing::stream : framing::raw);
        options_.background = survey_.from_workers(confined_.on_workers(all_of(tasks_beside())));
        try {
            serving_ = start_server(options_, service_);
            return {};
        } catch (const error& cause) {
            // Which of several it was, the error itself says.
            if (!options_.also_listen.empty() || !options_.listen_fds.empty())
                return failure{exit_no_listen, cause.what(), {}};
            return explain_listen(cause, options_.host, options_.port);
        }
    }

    std::optional<failure> start_admin() {
        if (!watched_) return {};
        try {
            watched_->start(request_.admin, {serving_.get(), book_.get(), sealed_.get()}, confined_);
            return {};
        } catch (const error& cause) {
            return failure{exit_no_listen, cause.what(), {}};
        }
    }

    std::vector<beside> tasks_beside() {
        std::vector<beside> all;
        if (beside watching = manager_.watchdog()) all.push_back(std::move(watching));
        if (watched_)
            all.push_back(lag_watch([seen = &watched_->events()](duration by) { seen->lagged(by); }));
        if (sealed_)
            all.push_back(expiry_watch([of = sealed_.get()] { return of->expires(); },
                                       [told = told_.get()](auto when) { told->certificate_read(when); }));
        return all;
    }

    /// This thread, and those that it starts from now on.
    std::optional<failure> confine_rest() {
        try {
            told_->leaves_open(confined_.enter());
            return {};
        } catch (const error& cause) {
            return explain_other(cause);
        }
    }

    /// On the thread that takes the signals, as all that follows.
    void reload() {
        manager_.tell_reloading();
        const bool options_right = request_.config.empty() || reload_config();
        const bool certificate_right = !sealed_ || reload_certificate(*sealed_, *told_);
        told_->count_reload(options_right && certificate_right);
        manager_.tell("READY=1");
    }

    bool reload_config() {
        try {
            const serve_request again = request_.read_again();
            serving_->renew(again.options);
            told_->show(again.messages, again.level);
            const said::differences found = words_.to(again.words);
            words_.take(again.words);
            told_->reloaded(found);
            return true;
        } catch (const std::exception& wrong) {
            told_->reload_refused(wrong.what());
            return false;
        }
    }

    void on_signal(int signal) {
        const bool has_what_to_reload = sealed_ || !request_.config.empty();
        if (signal == SIGHUP && has_what_to_reload) return is_ending_ ? void() : reload();
        if (signal == SIGUSR1 && told_->has_file()) return told_->reopen();
        if (signal == SIGUSR2) return survey_.begin(*serving_, watched_ ? &watched_->events() : nullptr);
        if (signal != SIGINT && signal != SIGTERM) return told_->noted(signal);
        is_ending_ = true;
        upgrade_.close();
        if (!upgrade_.is_followed()) manager_.tell("STOPPING=1");
        if (watched_) watched_->set_draining();
        serving_->stop();
    }

    const serve_request& request_;
    const confining confined_;
    const std::unique_ptr<report> told_;
    const report::closer at_last_;
    service_manager manager_;
    bool is_ending_ = false;       ///< nothing is read again then; the signals' thread alone
    said words_ = request_.words;  ///< of what holds now
    aperto::options options_ = request_.options;
    std::shared_ptr<tls::context> sealed_;
    std::unique_ptr<journal> book_;
    handler service_ = make_service(request_.what, *told_);
    std::unique_ptr<admin> watched_ = request_.admin.empty() ? nullptr : std::make_unique<admin>(*told_);
    survey survey_{*told_};
    std::unique_ptr<server> serving_;
    upgrade upgrade_{request_.handover};  ///< the last member: it asks the others
};

}  // namespace

confinement needed_by(const serve_request& request) {
    confinement needed;
    const auto folder_of = [](const std::string& path) {
        const std::size_t slash = path.rfind('/');
        return slash == std::string::npos ? std::string(".") : path.substr(0, slash + 1);
    };
    std::vector<std::string> places{request.options.host};
    for (const listen_place& each : request.options.also_listen)
        places.push_back(each.where);
    places.push_back(request.admin);
    if (!request.handover.empty()) places.push_back(std::string(io::unix_scheme) + request.handover);
    needed.relistens = !request.handover.empty();
    for (const std::string& each : places) {
        if (!io::names_unix_socket(each)) continue;
        const std::string path = each.substr(io::unix_scheme.size());
        if (!path.starts_with('@')) needed.emptied.push_back(folder_of(path));
    }
    // Who changes one of these puts a new file in the old one's place.
    std::vector<std::string> read_again{request.config};
    if (request.tls.on)
        read_again.insert(read_again.end(),
                          {request.tls.certificate, request.tls.key, request.tls.client_ca});
    for (const std::string& each : read_again) {
        if (each.empty()) continue;
        needed.readable.push_back(folder_of(each));
        std::error_code is_not_there;
        const std::string behind_links = std::filesystem::canonical(each, is_not_there).string();
        if (!is_not_there) needed.readable.push_back(folder_of(behind_links));
    }
    if (!request.log_file.empty()) needed.writable.push_back(folder_of(request.log_file));
    if (!request.journal.file.empty()) needed.writable.push_back(folder_of(request.journal.file));
    return needed;
}

int run_serve(const serve_request& request) {
    ignore_signals_of_writes();
    if (const auto refused = become_user(request.user)) return tell(*refused);
    read_files_ahead();
    // Before anything is said: who reads "listening" may send one.
    signal_set signals(
        {.ending = {SIGINT, SIGTERM}, .noted = {SIGHUP, SIGUSR1, SIGUSR2}, .exit_code = exit_interrupted});
    return service_run(request).run(signals);
}

void ignore_signals_of_writes() {
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
}

}  // namespace aperto::cli
