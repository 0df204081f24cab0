// SPDX-License-Identifier: MIT
// The far end: sessions that outlive their connections, each bound to the certificate that began it.
#pragma once

#include "command.hpp"

#include <sys/random.h>

#include <cstdio>
#include <map>

namespace remote {

inline constexpr std::size_t token_size = 32;

/// What a server allows.
struct allowance {
    aperto::duration keep = 1h;  ///< a session without a connection
    std::size_t sessions = 16;   ///< of one certificate
    std::size_t sessions_of_all = 256;
};

/// A command and the conversation with it.
struct session {
    explicit session(const wish& what) : running(what), is_terminal(what.terminal) {}

    lasting link;
    command running;
    bool is_terminal;
    std::string token, owner;  ///< the secret by which it is asked for again, and by whose certificate
    bool given_up = false;     ///< nobody comes back, or the client has said so

    void give_up() noexcept {
        given_up = true;
        link.wake();
    }
    void urgent(bytes message) {
        bytes rest = message.substr(1);
        if (message[0] == 'W') return running.resize(wish::read_size(rest));
        if (message[0] == 'Q') return give_up();
        const auto signal = static_cast<int>(take(rest, 1));
        for (const int each : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2})
            if (each == signal) running.kill(signal);
    }
};
using session_pointer = std::shared_ptr<session>;

// [pumps]
/// What the command says, to its end, as messages that begin with `kind`.
inline aperto::task<> pump_out(session& here, const descriptor& from, char kind) {
    std::array<char, lasting::message_max / 2> piece{};
    while (from) {
        co_await aperto::loop::current().readable(from.get());
        const ssize_t size = ::read(from.get(), piece.data(), piece.size());
        if (size < 0 && errno == EAGAIN) continue;
        if (size <= 0) break;  // a terminal whose last process is gone says EIO
        std::string message(1, kind);
        message.append(piece.data(), static_cast<std::size_t>(size));
        co_await here.link.send(std::move(
            message));  // waits while the client has no room: then nothing is read, and the command waits as well
    }
}

/// What the client says, to the command.
inline aperto::task<> pump_in(session& here) {
    for (;;) {
        const std::string message = co_await here.link.receive();
        if (message.starts_with('f')) here.running.end_input();
        if (message.starts_with('f') && here.is_terminal) {
            const char end_of_file = 'D' - '@';
            static_cast<void>(::write(here.running.input().get(), &end_of_file, 1));
        }
        if (!message.starts_with('i')) continue;
        for (bytes rest = bytes(message).substr(1); !rest.empty() && here.running.input();) {
            const ssize_t size = ::write(here.running.input().get(), rest.data(), rest.size());
            if (size >= 0)
                rest.remove_prefix(static_cast<std::size_t>(size));
            else if (errno == EAGAIN)
                co_await aperto::loop::current().writable(here.running.input().get());
            else
                here.running.end_input(), rest = {};  // it reads no more: what comes is taken and thrown away
        }
    }
}
// [/pumps]

/// All sessions of a server. One loop's thread.
class house {
public:
    explicit house(allowance allowed) : allowed_(allowed) {}

    /// The session that `greeting` asks for, new or the one before, and how much the client has of it.
    std::pair<session_pointer, place> admit(bytes greeting, const std::string& owner) {
        const char kind = greeting.empty() ? '\0' : greeting[0];
        if (kind != 'N' && kind != 'R') throw aperto::error(aperto::errc::malformed, "read a greeting");
        greeting.remove_prefix(1);
        return kind == 'N' ? std::pair(begin(wish::read(greeting), owner), place{}) : find(greeting, owner);
    }
    aperto::task<> run(aperto::background& here);
    aperto::duration keep() const noexcept { return allowed_.keep; }

private:
    session_pointer begin(const wish& what, const std::string& owner);
    std::pair<session_pointer, place> find(bytes asked, const std::string& owner) const;
    void make_room(const std::string& owner);
    aperto::task<> live(session_pointer here);

    allowance allowed_;
    std::vector<session_pointer> sessions_;
    aperto::task_group* group_ = nullptr;
};

// [admit]
inline session_pointer house::begin(const wish& what, const std::string& owner) {
    if (!group_)
        throw aperto::error(aperto::errc::refused_by_policy, "begin a session", {}, "The server stops.");
    make_room(owner);
    auto made = std::make_shared<session>(what);
    made->owner = owner;
    made->token.resize(token_size);
    check(::getrandom(made->token.data(), token_size, 0) == static_cast<ssize_t>(token_size),
          "draw a number");
    made->link.on_urgent = [here = made.get()](bytes message) { here->urgent(message); };
    sessions_.push_back(made);
    group_->spawn(live(made));
    return made;
}

/// Which of the sessions it is must not be told by how long it takes, nor whether there is one with another certificate.
inline std::pair<session_pointer, place> house::find(bytes asked, const std::string& owner) const {
    if (asked.size() != token_size + 12) throw aperto::error(aperto::errc::malformed, "read a greeting");
    const bytes token = asked.substr(0, token_size);
    session_pointer found;
    for (const session_pointer& each : sessions_) {
        int differs = each->owner != owner;
        for (std::size_t at = 0; at < token_size; ++at)
            differs |= each->token[at] ^ token[at];
        if (!differs && !each->given_up) found = each;
    }
    if (!found)
        throw aperto::error(aperto::errc::refused_by_policy, "go on", {},
                            "There is no such session any more.");
    bytes rest = asked.substr(token_size);
    return {found, take_place(rest)};
}

/// Where a certificate has as many as it may, its session that has waited longest for somebody is given up.
inline void house::make_room(const std::string& owner) {
    std::size_t own = 0, all = 0;
    session* oldest = nullptr;
    for (const session_pointer& each : sessions_) {
        if (each->given_up) continue;
        ++all;
        if (each->owner != owner) continue;
        ++own;
        if (!each->link.carried() && (!oldest || each->link.carried_until() < oldest->link.carried_until()))
            oldest = each.get();
    }
    if (own < allowed_.sessions && all < allowed_.sessions_of_all) return;
    if (!oldest)
        throw aperto::error(aperto::errc::refused_by_policy, "begin a session", {}, "There are too many.");
    oldest->give_up();
}
// [/admit]

// [live]
inline aperto::task<> work(session& here) {
    const auto [none, nothing, how] =
        co_await aperto::all(pump_out(here, here.running.output(), 'o'),
                             pump_out(here, here.running.errors(), 'e'), here.running.ended());
    std::string message = "x";
    put(message, static_cast<std::uint64_t>(how.first), 1);
    put(message, static_cast<std::uint64_t>(how.second), 1);
    co_await here.link.send(std::move(message));
    while (!here.link.settled())
        co_await here.link.changed();
}

/// Ends when nobody will come for it any more.
inline aperto::task<> abandoned(session& here, aperto::duration keep) {
    for (;;) {
        const aperto::time_point now = aperto::loop::current().now();
        const aperto::time_point due =
            here.link.carried() ? aperto::time_point::max() : here.link.carried_until() + keep;
        if (here.given_up || now >= due) break;
        co_await here.link.changed(due - now);
    }
}

inline aperto::task<> house::live(session_pointer here) {
    try {
        co_await aperto::first(work(*here), pump_in(*here), abandoned(*here, allowed_.keep));
    } catch (const aperto::error& failed) {
        std::fprintf(stderr, "aperto-remote: %s\n", failed.what());
    }
    here->given_up = true;
    std::erase(sessions_, here);
    here->link.finish();
    here->running.kill(SIGHUP);
    try {
        co_await aperto::with_timeout(1s, here->running.ended());
    } catch (const aperto::error&) {
        here->running.kill(SIGKILL);
    }
}

/// Beside the conversations, from the first to the last.
inline aperto::task<> house::run(aperto::background& here) {
    aperto::task_group group;
    group_ = &group;
    co_await here.stopping();
    group_ = nullptr;
    for (const session_pointer& each : sessions_)
        each->running.kill(SIGHUP);
    for (int patience = 10; patience > 0 && !sessions_.empty(); --patience)
        co_await aperto::sleep(100ms);
    while (!sessions_.empty()) {
        for (const session_pointer& each : sessions_)
            each->give_up();
        co_await aperto::sleep(100ms);
    }
    co_await group.join();
}
// [/live]

// [attend]
/// One connection, for as long as it lasts. The latest that a session's owner makes is the one that counts.
inline aperto::task<> attend(aperto::stream peer, house& all) {
    const std::string owner = peer.transport().value_or(aperto::transport_facts()).peer_fingerprint;
    std::pair<session_pointer, place> found;
    std::string answer;
    std::exception_ptr why;
    try {
        const auto greeting = co_await peer.read_message();
        if (!greeting) co_return;
        found = all.admit(*greeting, owner);
    } catch (const aperto::error& refused) {
        answer = "!" + std::string(refused.what()) + ". " + refused.advice();
        why = std::current_exception();
    }
    if (why) {
        co_await peer.write_message(answer);
        std::rethrow_exception(why);  // for the log
    }
    session& here = *found.first;  // kept by `found`
    const std::uint64_t claim = co_await here.link.claim();
    answer = "K" + here.token;
    put(answer, here.link.received());
    put(answer,
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(all.keep()).count()), 4);
    co_await peer.write_message(answer);
    co_await here.link.carry(peer, found.second, claim);
}
// [/attend]

}  // namespace remote
