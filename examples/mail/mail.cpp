// SPDX-License-Identifier: MIT
// aperto-mail [OPTIONS] MAILDIR: takes letters by SMTP into a Maildir.
#include "maildir.hpp"
#include "session.hpp"

#include <aperto/tls.hpp>

#include <csignal>
#include <cstdlib>

namespace {

using mail::text;

constexpr const char* usage =
    "usage: aperto-mail [--host ADDRESS] [--port PORT] [--name NAME] [--domain DOMAIN]... [--size BYTES] "
    "[--patience SECONDS]\n"
    "                   [--tls CERTIFICATE KEY] [--workers N] [--engine auto|uring|epoll] MAILDIR\n"
    "Takes letters by SMTP into MAILDIR; a 250 is said when one is on the disk.\n";

struct settings {
    mail::rules by{};
    aperto::options net{};
    std::string folder{};
};

// [options]
void set_limits(aperto::options& net, mail::rules& by, std::uint64_t patience) {
    net.port = 2525;
    net.max_message = 4096;                             // of a line: 512 and what extensions add (4.5.3.1.4)
    net.idle_timeout = std::chrono::seconds(patience);  // five minutes for the next command (4.5.3.2.7)
    net.message_deadline = std::chrono::seconds(patience);  // for the rest of a line
    net.handshake_deadline = net.idle_timeout;              // the client waits for us, not we for it
    by.letter_deadline = 2 * net.idle_timeout;              // ten minutes for all of a letter (4.5.3.2.6)
}
// [/options]

/// False for a mistake.
bool read_words(settings& into, int count, char** words) {
    mail::rules& by = into.by;
    aperto::options& net = into.net;
    std::uint64_t patience = 300;
    set_limits(net, by, patience);
    for (int at = 1; at < count; ++at) {
        const text word = words[at];
        if (!word.starts_with("--")) {
            if (!into.folder.empty()) return false;
            into.folder = word;
            continue;
        }
        if (++at == count) return false;
        const text value = words[at];
        const auto size = mail::number(value);
        if (word == "--host")
            net.host = value;
        else if (word == "--name" && mail::is_domain(value))
            by.name = value;
        else if (word == "--domain" && mail::is_domain(value))
            by.domains.emplace_back(value);
        else if (word == "--size" && size)
            by.size_max = static_cast<std::size_t>(*size);
        else if (word == "--patience" && size && *size > 0 && *size < 100'000) {
            const std::uint16_t port = net.port;
            set_limits(net, by, *size);
            net.port = port;
        } else if (word == "--port" && size && *size < 65'536)
            net.port = static_cast<std::uint16_t>(*size);
        else if (word == "--workers" && size)
            net.workers = static_cast<unsigned>(*size);
        else if (word == "--engine" && (value == "auto" || value == "uring" || value == "epoll"))
            net.engine = value == "uring"   ? aperto::engine::uring
                         : value == "epoll" ? aperto::engine::epoll
                                            : aperto::engine::automatic;
        else if (word == "--tls" && ++at < count)
            by.tls = aperto::tls::server({.certificate = std::string(value), .key = words[at]});
        else
            return false;
    }
    return !into.folder.empty();
}

std::string this_host() {
    char name[256] = "";
    ::gethostname(name, sizeof name - 1);
    return mail::is_domain(name) ? name : "localhost";
}

}  // namespace

// [main]
int main(int count, char** words) try {
    settings set;
    set.by.name = this_host();
    if (!read_words(set, count, words)) return std::fputs(usage, stderr), 2;
    std::signal(SIGXFSZ, SIG_IGN);  // a limit on files is then an error of a write, as a full disk is
    mail::maildir into(set.folder, set.by.name);
    return aperto::serve(set.net,
                         [&](aperto::stream peer) { return mail::serve(std::move(peer), set.by, into); });
} catch (const aperto::error& wrong) {
    return std::fprintf(stderr, "aperto-mail: %s. %s\n", wrong.what(), wrong.advice().c_str()), 1;
} catch (const std::exception& wrong) {
    return std::fprintf(stderr, "aperto-mail: %s\n", wrong.what()), 1;
}
// [/main]
