// SPDX-License-Identifier: MIT
#include "cli/admin/admin.hpp"

#include "aperto/choice.hpp"
#include "aperto/loop.hpp"
#include "cli/admin/connection_json.hpp"
#include "cli/serve/start_server.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>
#include <vector>

namespace aperto::cli {

/// page/, put into the program by apps/CMakeLists.txt.
extern const std::string_view admin_page;

namespace {

using namespace std::chrono_literals;

struct http_answer {
    int code = 200;
    std::string_view reason = "OK";
    std::string_view type = "text/plain; charset=utf-8";
    std::string body;
    bool is_page = false;
};

/// The page loads nothing from elsewhere, asks its own server alone, and stands in nobody's frame.
constexpr std::string_view page_policy =
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n";

std::string write(const http_answer& what, bool has_body, bool keeps_alive) {
    std::string text = fmt::format(
        "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\nConnection: "
        "{}\r\n{}\r\n",
        what.code, what.reason, what.type, what.body.size(), keeps_alive ? "keep-alive" : "close",
        what.is_page ? page_policy : "");
    if (has_body) text += what.body;
    return text;
}

constexpr std::string_view connections_path = "/connections";
/// How long a request may take to arrive, from its first byte.
constexpr duration head_deadline = 10s;
/// How long all connections may take to be told of, with the time that the reader needs.
constexpr duration telling_deadline = 30s;

bool is_read(const http_request& request) { return request.method == "GET" || request.method == "HEAD"; }

std::string bad_request() { return write({400, "Bad Request", "text/plain", "bad request\n"}, true, false); }

/// For a few programs that watch, all of them the operator's.
options endpoint_options(const std::string& where) {
    const host_port at = host_port::parse(where);
    return {.host = at.host,
            .port = at.port,
            .workers = 1,
            .framing = framing::raw,
            .idle_timeout = 120s,
            .handshake_deadline = 10s,
            .max_connections = 64,
            .max_connections_per_address = no_limit,
            .drain_grace = 200ms,  // who has connected has yet to ask
            .drain_spread = 0s,
            .drain_deadline = 1s};
}

}  // namespace

void admin::start(const std::string& where, const watched_parts& watched, const confining& confined) {
    watched_ = watched;
    options chosen = endpoint_options(where);
    chosen.background = confined.on_workers();
    chosen.handed_over = handed_over_;
    serving_ = start_server(chosen, [this](stream peer) { return talk(std::move(peer)); });
}

task<> admin::talk(stream peer) {
    http_reader reader;
    time_point head_ends = time_point::max();
    for (;;) {
        // Within a head against its deadline, however it drips in; between requests against the idle time-out.
        const duration left = detail::time_left(head_ends, loop::current().now());
        task<std::optional<std::string_view>> limited = with_timeout(left, peer.read_some());
        const std::optional<std::string_view> some = co_await limited;
        if (!some) co_return;
        const bool well_formed = reader.feed(*some);
        if (head_ends == time_point::max()) head_ends = loop::current().now() + head_deadline;
        while (auto request = reader.next()) {
            head_ends = time_point::max();
            task<> replying = reply(peer, *request);
            co_await replying;
            if (!request->keeps_alive || request->path == connections_path) co_return;
        }
        if (well_formed) continue;
        const std::string refusal = bad_request();
        co_await peer.write(refusal);
        co_return;
    }
}

task<> admin::reply(stream& peer, const http_request& request) {
    if (request.path == connections_path && is_read(request)) {
        task<> telling = tell_connections(peer, request.method == "GET");
        task<> limited = with_timeout(telling_deadline, std::move(telling));
        co_await limited;
        co_return;
    }
    std::vector<worker_load> loads;
    if (request.path == "/metrics" && is_read(request)) {
        task<std::vector<worker_load>> asking = watched_.serving->loads();
        loads = co_await asking;
    }
    const std::string text = answer(request, loads);
    co_await peer.write(text);
}

std::string admin::answer(const http_request& request, const std::vector<worker_load>& loads) const {
    http_answer what;
    if (!is_read(request)) {
        what = {405, "Method Not Allowed", "text/plain", "only GET and HEAD\n"};
    } else if (request.path == "/metrics") {
        const auto format =
            request.accepts_openmetrics ? metrics_format::openmetrics : metrics_format::prometheus;
        what.type = content_type(format);
        what.body = write_metrics(format, {seen_, *watched_.serving, loads, watched_.book, watched_.sealed,
                                           process_, !draining_, told_});
    } else if (request.path == "/") {
        what.type = "text/html; charset=utf-8";
        what.body = admin_page;
        what.is_page = true;
    } else if (request.path == "/messages") {
        what.type = "application/json";
        what.body = seen_.times.json();
    } else if (request.path == "/livez") {
        what.body = "alive\n";
    } else if (request.path == "/readyz") {
        if (draining_)
            what = {503, "Service Unavailable", "text/plain", "draining\n"};
        else
            what.body = "ready\n";
    } else {
        what = {404, "Not Found", "text/plain",
                "there are /, /metrics, /connections, /messages, /livez and /readyz\n"};
    }
    return write(what, request.method != "HEAD", request.keeps_alive);
}

task<> admin::tell_connections(stream& peer, bool has_body) {
    // One reply as large as that at a time, and nobody waits behind a reader that is slow.
    const semaphore::permit alone = looking_.try_acquire();
    if (!alone) {
        const std::string busy = write(
            {503, "Service Unavailable", "text/plain", "somebody else is being told\n"}, has_body, false);
        co_await peer.write(busy);
        co_return;
    }
    const std::string_view head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nConnection: "
        "close\r\n\r\n";
    co_await peer.write(head);
    if (!has_body) co_return;
    connections_mark mark;
    std::string text = "{\"connections\": [";
    bool first = true;
    for (;;) {
        task<std::vector<open_connection>> asking = watched_.serving->next_connections(mark);
        const std::vector<open_connection> some = co_await asking;
        if (some.empty()) break;
        for (const open_connection& each : some) {
            text += std::exchange(first, false) ? "\n" : ",\n";
            text += connection_json(each);
        }
        co_await peer.write(text);
        text.clear();
    }
    text += look_json(mark);
    co_await peer.write(text);
}

}  // namespace aperto::cli
