// SPDX-License-Identifier: MIT
// aperto-web [OPTIONS] FOLDER: a web server for the files of a folder.
#include "web.hpp"

#include <aperto/tls.hpp>

#include <cstdio>
#include <cstdlib>

namespace {

using namespace std::chrono_literals;

constexpr const char* usage =
    "usage: aperto-web [--host ADDRESS] [--port PORT] [--tls CERTIFICATE KEY] [--workers N] [--engine "
    "auto|uring|epoll] FOLDER\n"
    "Gives the files of FOLDER to web browsers, at http://localhost:8080/; /hello greets, /live shows who is "
    "connected.\n";

/// Limits are on by default; these are what a web server tightens.
aperto::options web_options(web::site& here) {
    return {.port = 8080,
            .max_message = 64 * 1024,
            .idle_timeout = 60s,
            .message_deadline = 10s,  // of a head
            .write_deadline = 30s,
            .handshake_deadline = 10s,
            .events = &here.all};
}

std::uint64_t number_of(const char* digits, std::uint64_t most) {
    const auto value = web::number(digits);
    if (value.value_or(UINT64_MAX) > most)
        throw aperto::error(aperto::errc::malformed, "read a number", digits);
    return *value;
}

int run(int count, char** words) {
    web::site here{};
    aperto::options options = web_options(here);
    const char* folder = nullptr;
    for (int at = 1; at < count; ++at) {
        const web::text word = words[at];
        const int left = count - at - 1;
        if (word == "--host" && left > 0)
            options.host = words[++at];
        else if (word == "--port" && left > 0)
            options.port = static_cast<std::uint16_t>(number_of(words[++at], 65'535));
        else if (word == "--workers" && left > 0)
            options.workers = static_cast<unsigned>(number_of(words[++at], 1024));
        else if (word == "--engine" && left > 0)
            options.engine = words[++at] == web::text("epoll") ? aperto::engine::epoll
                             : words[at] == web::text("uring") ? aperto::engine::uring
                                                               : aperto::engine::automatic;
        else if (word == "--tls" && left > 1) {
            options.transport = aperto::tls::server({.certificate = words[at + 1], .key = words[at + 2]});
            at += 2;
        } else if (!word.starts_with('-') && !folder)
            folder = words[at];
        else
            return std::fputs(usage, stderr), 2;
    }
    if (!folder) return std::fputs(usage, stderr), 2;
    const aperto::descriptor root(::open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root) return std::perror(folder), 1;
    here.root = root.get();
    return aperto::serve(options, [&here](aperto::stream peer) { return web::serve(std::move(peer), here); });
}

}  // namespace

int main(int count, char** words) try { return run(count, words); } catch (const aperto::error& wrong) {
    return std::fprintf(stderr, "aperto-web: %s. %s\n", wrong.what(), wrong.advice().c_str()), 1;
}
