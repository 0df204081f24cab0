// SPDX-License-Identifier: MIT
#include "cli/serve/upgrade.hpp"

#include "aperto/error.hpp"
#include "aperto/server.hpp"
#include "cli/admin/admin.hpp"
#include "cli/serve/report.hpp"
#include "cli/serve/service_manager.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"

#include <unistd.h>

#include <utility>

namespace aperto::cli {

failure upgrade::explain(const error& cause) const {
    if (cause.code() != errc::refused_by_policy && cause.code() != errc::deadline)
        return {exit_no_listen,
                sentence(_("could not hand over at {}: {}"), log_safe(path_), system_reason(cause.code())),
                {}};
    const char* advice = cause.advice().c_str();
    if (cause.code() == errc::deadline)
        advice = N_("The server that runs does not answer; it goes on as before.");
    return {exit_no_listen, sentence(_("could not take over from the server at {}"), log_safe(path_)),
            _(advice)};
}

std::optional<failure> upgrade::follow() {
    if (path_.empty()) return {};
    try {
        before_ = predecessor::ask(path_);
        after_ = std::make_unique<handover_door>(path_,
                                                 before_ ? std::move(before_->sockets().door) : descriptor());
        return {};
    } catch (const error& cause) {
        return explain(cause);
    }
}

std::vector<int> upgrade::service_sockets() const {
    return before_ ? numbers_of(before_->sockets().service) : std::vector<int>();
}

std::vector<int> upgrade::admin_sockets() const {
    return before_ ? numbers_of(before_->sockets().admin) : std::vector<int>();
}

std::optional<failure> upgrade::take_over(const parts& all) {
    if (!after_) return {};
    all_ = all;
    try {
        if (before_) before_->ready();
        all_.serving->take_over();
        if (all_.watched) all_.watched->take_over();
        if (before_) before_->serving();
        after_->open({.sockets = [this] { return sockets(); },
                      .followed = [this](int by) { leave_to(by); },
                      .not_followed = [this](int by) { note_not_followed(by); }});
    } catch (const error& cause) {
        return explain(cause);
    }
    if (before_) all_.told->handover({.what = handover_news::kind::follows, .process = before_->process()});
    before_.reset();  // what is for no address of this server is closed
    return {};
}

handed_over upgrade::sockets() const {
    handed_over all;
    all.watchdog = all_.manager->watchdog_limit();
    for (const int each : all_.serving->listeners())
        all.service.emplace_back(each);
    if (!all_.watched) return all;
    for (const int each : all_.watched->listeners())
        all.admin.emplace_back(each);
    return all;
}

void upgrade::leave_to(int process) {
    is_followed_ = true;
    all_.told->handover({.what = handover_news::kind::followed, .process = process});
    all_.manager->tell("MAINPID=" + std::to_string(process));
    if (all_.watched) all_.watched->leave();
    all_.serving->leave();
}

void upgrade::note_not_followed(int process) const {
    all_.told->handover({.what = handover_news::kind::not_followed, .process = process});
}

/// A process that follows another was not started as the unit's main one.
std::string upgrade::ready_words() const {
    return path_.empty() ? "READY=1" : "READY=1\nMAINPID=" + std::to_string(::getpid());
}

}  // namespace aperto::cli
