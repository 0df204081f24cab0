// SPDX-License-Identifier: MIT
#include "cli/watch/admin_source.hpp"

#include "cli/watch/admin_json.hpp"
#include "core/sentence.hpp"

#include <poll.h>

namespace aperto::cli {

namespace {

constexpr auto answer_limit = std::chrono::seconds(35);  // the server cuts off after half a minute itself
constexpr auto first_limit = std::chrono::seconds(2);
constexpr int http_ok = 200;

}  // namespace

std::unique_ptr<admin_source> admin_source::find(const endpoint& where, const std::string& name,
                                                 std::string& trouble) {
    http_fetch asking;
    asking.begin(where, "/livez", first_limit);
    while (!asking.go_on()) {
        pollfd ready{asking.socket(), asking.events(), 0};
        ::poll(&ready, 1, 100);
    }
    trouble = asking.trouble();
    if (asking.status() == http_ok && asking.body() == "alive\n")
        return std::make_unique<admin_source>(where, name);
    if (asking.status() != 0) trouble = _("what answers there is no  aperto serve --admin");
    return {};
}

void admin_source::begin() {
    found_ = {};
    now_ = step::connections;
    ask("/connections");
}

void admin_source::ask(const char* path) { fetch_.begin(where_, path, answer_limit); }

bool admin_source::go_on() {
    if (!fetch_.go_on()) return false;
    take_answer();
    return now_ == step::over;
}

void admin_source::take_answer() {
    if (now_ == step::connections) {
        std::size_t passed_over = 0;
        auto read = fetch_.status() == http_ok ? read_connections(fetch_.body(), passed_over) : std::nullopt;
        now_ = read ? step::metrics : step::over;
        if (read) {
            found_.connections = std::move(*read);
            if (passed_over != 0)
                found_.trouble =
                    counted("{} worker does not answer: its connections are missing",
                            "{} workers do not answer: their connections are missing", passed_over);
            return ask("/metrics");
        }
        found_.failed = true;
        found_.trouble = fetch_.status() == 0
                             ? sentence(_("the server does not answer: {}"), fetch_.trouble())
                             : std::string(_("the server tells somebody else at the moment"));
        return;
    }
    if (now_ == step::metrics) {
        if (fetch_.status() == http_ok) found_.server = read_metrics(fetch_.body());
        const bool goes_on = wanted_ != 0 && has_messages_;
        now_ = goes_on ? step::messages : step::over;
        if (goes_on) ask("/messages");
        return;
    }
    if (fetch_.status() == http_ok)
        found_.messages = read_messages(fetch_.body(), wanted_);
    else if (fetch_.status() != 0)
        has_messages_ = false;
    now_ = step::over;
}

}  // namespace aperto::cli
