// SPDX-License-Identifier: MIT
// A conversation with a web server: requests, one after the other, and what each is answered with.
#pragma once

#include "files.hpp"
#include "live.hpp"

namespace web {

struct site {
    int root;    ///< the folder
    guests all;  ///< who is connected
};

/// Answers one request whose body, of `sent` bytes, has been taken.
inline aperto::task<> answer_one(aperto::stream& peer, const request& asked, site& here, std::uint64_t sent) {
    std::string out;
    const bool takes_body = asked.path == "/hello";
    if (asked.is("OPTIONS")) {
        out = whole(
            {.status = 204,
             .more = takes_body ? "Allow: GET, HEAD, POST, OPTIONS\r\n" : "Allow: GET, HEAD, OPTIONS\r\n"},
            asked, "");
    } else if (!asked.is("GET", "HEAD") && !(takes_body && asked.is("POST"))) {
        out = failure(405, asked,
                      takes_body ? "Allow: GET, HEAD, POST, OPTIONS\r\n" : "Allow: GET, HEAD, OPTIONS\r\n");
    } else if (asked.path == "/hello") {
        out = sent > 0 ? whole({}, asked, "hello, thank you for " + std::to_string(sent) + " bytes\n")
                       : whole({}, asked, "hello, world\n");
    } else if (asked.path == "/live") {
        out = whole({.type = html}, asked, live_page);
    }
    if (!out.empty()) {
        co_await peer.write(out);
        co_return;
    }
    co_await give(peer, asked, here.root);
}

/// Of a body that did not come, which may have been a line too long; anything else is thrown.
inline int status_of(const aperto::error& failed) {
    if (failed.code() == aperto::errc::deadline) return 408;
    if (failed.code() == aperto::errc::message_too_large) return 413;
    throw aperto::error(failed);
}

inline aperto::task<> serve(aperto::stream peer, site& here) {
    reader in;
    for (;;) {
        int status = co_await in.next(peer);
        if (status < 0) co_return;
        if (status == 0 && in.now.has_body) {
            constexpr text go_on = "HTTP/1.1 100 Continue\r\n\r\n";
            if (in.now.minor > 0 && !in.now.field("Expect").empty()) co_await peer.write(go_on);
            auto body = co_await aperto::as_result(aperto::with_timeout(body_deadline, in.drain(peer)));
            status = body ? *body : status_of(body.error());
        }
        if (status != 0 || peer.stopping()) in.now.keeps_alive = false;
        if (status == 0 && in.now.path == "/live/socket") {
            in.now.keeps_alive = false;
            co_await show(peer, in.now, here.all);
            co_return;
        }
        if (status != 0) {
            const std::string refusal = failure(status, in.now);
            co_await peer.write(refusal);
        } else {
            co_await answer_one(peer, in.now, here, in.body_size());
        }
        if (!in.now.keeps_alive) co_return;
    }
}

}  // namespace web
