// SPDX-License-Identifier: MIT
// aperto-remote serve OPTIONS; aperto-remote OPTIONS HOST[:PORT] [COMMAND …]: a terminal on another machine.
#include "client.hpp"
#include "server.hpp"

#include <aperto/tls.hpp>

#include <sys/prctl.h>

#include <charconv>

namespace {

using namespace std::chrono_literals;
using remote::bytes;

constexpr const char* usage =
    "usage: aperto-remote serve --cert FILE --key FILE --client-ca FILE [--host ADDRESS] [--port PORT] "
    "[--keep SECONDS]\n"
    "                           [--sessions N] [--engine auto|uring|epoll]\n"
    "       aperto-remote --cert FILE --key FILE --ca FILE [-t] [--engine auto|uring|epoll] HOST[:PORT] "
    "[COMMAND …]\n"
    "A terminal on another machine, or COMMAND there with our standard input and outputs. It goes on after a "
    "break of the\n"
    "network. ~. at the begin of a line ends it. The port is 7022 unless another is named.\n";
constexpr std::uint16_t usual_port = 7022;
constexpr const char* protocol = "aperto-remote/1";

struct mistake {};

struct words {
    std::string cert, key, authority, host;
    std::uint32_t port = usual_port, keep = 3600, sessions = 16;
    bool terminal = false;
    aperto::engine engine = aperto::engine::automatic;
    std::vector<std::string> rest;
};

std::uint32_t number(bytes text, std::uint32_t most) {
    std::uint32_t value = 0;
    const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (wrong != std::errc() || end != text.data() + text.size() || value > most) throw mistake();
    return value;
}

words read(int count, char** given, bool serves) {
    words made;
    int at = serves ? 2 : 1;
    for (; at < count && (serves || given[at][0] == '-'); ++at) {
        const bytes word = given[at];
        if (word == "-t" && !serves) {
            made.terminal = true;
            continue;
        }
        if (++at == count) throw mistake();
        const bytes value = given[at];
        if (word == "--cert")
            made.cert = value;
        else if (word == "--key")
            made.key = value;
        else if (word == (serves ? "--client-ca" : "--ca"))
            made.authority = value;
        else if (word == "--host" && serves)
            made.host = value;
        else if (word == "--port" && serves)
            made.port = number(value, 65535);
        else if (word == "--keep" && serves)
            made.keep = number(value, 30 * 24 * 3600);
        else if (word == "--sessions" && serves)
            made.sessions = std::max(number(value, 256), 1U);
        else if (word == "--engine" && (value == "auto" || value == "uring" || value == "epoll"))
            made.engine = value == "uring"   ? aperto::engine::uring
                          : value == "epoll" ? aperto::engine::epoll
                                             : aperto::engine::automatic;
        else
            throw mistake();
    }
    for (; at < count; ++at)
        made.rest.emplace_back(given[at]);
    return made;
}

// [log]
/// Who comes, and who is not let in, and why: one line each.
struct log final : aperto::server_events {
    void listening(const aperto::endpoint& where) override {
        std::fprintf(stderr, "aperto-remote: listening on %s\n", where.to_string().c_str());
    }
    void closed(const aperto::connection_view& who, const aperto::closing& how) override {
        const std::string why = how.thrown.empty() ? how.error.message() : std::string(how.thrown);
        const auto facts = who.transport();
        if (how.error || !how.thrown.empty())
            std::fprintf(stderr, "aperto-remote: %s %s: %s\n", who.remote().to_string().c_str(),
                         facts ? facts->peer_subject.c_str() : "not let in", why.c_str());
    }
};
// [/log]

// [serve]
/// The account that it runs as is all that anybody gets: no program of a session gains a right by its file (set-user-ID).
int serve(const words& given) {
    if (given.authority.empty())
        return std::fputs(
                   "aperto-remote: whose clients are let in? --client-ca names their authority; without it "
                   "nobody is served\n",
                   stderr),
               2;
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return std::perror("aperto-remote"), 1;
    log events;
    const aperto::stream_options usual = remote::stream_options();
    remote::allowance allowed;
    allowed.keep = std::chrono::seconds(given.keep);
    allowed.sessions = given.sessions;
    remote::house all(allowed);
    aperto::options options;
    options.host = given.host;
    options.port = static_cast<std::uint16_t>(given.port);
    options.workers = 1;  // a session is found by its connection's loop
    options.engine = given.engine;
    options.framing = usual.framing;
    options.max_message = usual.max_message;
    options.idle_timeout = usual.idle_timeout;
    options.message_deadline = usual.message_deadline;
    options.write_deadline = usual.write_deadline;
    options.high_water = usual.high_water;
    options.handshake_deadline = usual.handshake_deadline;
    options.drain_grace = 2s;  // a command that ends now has its end told
    options.transport = aperto::tls::server({.certificate = given.cert,
                                             .key = given.key,
                                             .client_ca = given.authority,
                                             .alpn = {protocol},
                                             .oldest = aperto::tls::version::tls_1_3});
    options.background = [&all](aperto::background& here) { return all.run(here); };
    options.events = &events;
    return aperto::serve(options,
                         [&all](aperto::stream peer) { return remote::attend(std::move(peer), all); });
}
// [/serve]

int call(const words& given) {
    if (given.rest.empty() || given.cert.empty() || given.key.empty()) throw mistake();
    remote::order what;
    what.where = aperto::host_port::parse(given.rest[0], usual_port).to_string();
    for (std::size_t at = 1; at < given.rest.size(); ++at)
        what.command += (at > 1 ? " " : "") + given.rest[at];
    if (what.command.size() > 16 * 1024) throw mistake();
    what.terminal = given.terminal || (what.command.empty() && ::isatty(0));
    what.options.stream = remote::stream_options();
    what.options.stream.transport = aperto::tls::client({.ca = given.authority,
                                                         .certificate = given.cert,
                                                         .key = given.key,
                                                         .alpn = {protocol},
                                                         .oldest = aperto::tls::version::tls_1_3});
    const auto loop = aperto::loop::create({.which = given.engine});
    aperto::task<int> talking = remote::talk(std::move(what));
    return loop->run(std::move(talking));
}

int run(int count, char** given) {
    while (true) {  // 0, 1 and 2 are somebody's: nothing of ours is to be taken for them
        const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null < 0 || null > 2) {
            ::close(null);
            break;
        }
    }
    ::signal(SIGPIPE, SIG_IGN);
    const bool serves = count > 1 && given[1] == bytes("serve");
    const words all = read(count, given, serves);
    return serves ? serve(all) : call(all);
}

}  // namespace

int main(int count, char** given) try { return run(count, given); } catch (const mistake&) {
    return std::fputs(usage, stderr), 2;
} catch (const aperto::error& wrong) {
    return std::fprintf(stderr, "aperto-remote: %s%s%s\n", wrong.what(), wrong.advice().empty() ? "" : ". ",
                        wrong.advice().c_str()),
           255;
} catch (const std::exception& wrong) {
    return std::fprintf(stderr, "aperto-remote: %s\n", wrong.what()), 255;
}
