// SPDX-License-Identifier: MIT
#include "cli/admin/admin.hpp"

#include <fmt/format.h>

#include <utility>

namespace aperto::cli {

namespace {

using namespace std::chrono_literals;

struct http_answer {
    int code = 200;
    std::string_view reason = "OK";
    std::string_view type = "text/plain; charset=utf-8";
    std::string body;
};

std::string write(const http_answer& what, bool has_body, bool keeps_alive) {
    std::string text = fmt::format(
        "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\nConnection: "
        "{}\r\n\r\n",
        what.code, what.reason, what.type, what.body.size(), keeps_alive ? "keep-alive" : "close");
    if (has_body) text += what.body;
    return text;
}

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

void admin::start(const std::string& where, const server& watched, const journal* book,
                  const confining& confined) {
    watched_ = &watched;
    book_ = book;
    options chosen = endpoint_options(where);
    chosen.background = confined.on_workers();
    chosen.handed_over = handed_over_;
    auto made = std::make_unique<server>(chosen, [this](stream peer) { return talk(std::move(peer)); });
    made->start();
    serving_ = std::move(made);
}

task<> admin::talk(stream peer) const {
    http_reader reader;
    while (auto some = co_await peer.read_some()) {
        const bool well_formed = reader.feed(*some);
        while (auto request = reader.next()) {
            const std::string reply = answer(*request);
            co_await peer.write(reply);
            if (!request->keeps_alive) co_return;
        }
        if (well_formed) continue;
        const std::string refusal = bad_request();
        co_await peer.write(refusal);
        co_return;
    }
}

std::string admin::answer(const http_request& request) const {
    http_answer what;
    if (request.method != "GET" && request.method != "HEAD") {
        what = {405, "Method Not Allowed", "text/plain", "only GET and HEAD\n"};
    } else if (request.path == "/metrics") {
        const auto format =
            request.accepts_openmetrics ? metrics_format::openmetrics : metrics_format::prometheus;
        what.type = content_type(format);
        what.body = write_metrics(format, {seen_, *watched_, book_, process_, !draining_, told_});
    } else if (request.path == "/livez") {
        what.body = "alive\n";
    } else if (request.path == "/readyz") {
        if (draining_)
            what = {503, "Service Unavailable", "text/plain", "draining\n"};
        else
            what.body = "ready\n";
    } else {
        what = {404, "Not Found", "text/plain", "there are /metrics, /livez and /readyz\n"};
    }
    return write(what, request.method != "HEAD", request.keeps_alive);
}

}  // namespace aperto::cli
