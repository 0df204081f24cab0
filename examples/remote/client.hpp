// SPDX-License-Identifier: MIT
// This end: the terminal or the three streams of this process, and a connection that is made again when it breaks.
#pragma once

#include "lasting.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>

namespace remote {

// [raw]
/// The terminal gives every key as it is, until this goes. A process beside us gives it back where ours cannot: it notices our
/// death, also by SIGKILL, by the end of a pipe.
class raw_terminal {
public:
    explicit raw_terminal(bool wanted) {
        std::array<int, 2> pipe{};
        if (!wanted || ::tcgetattr(0, &before_) != 0 || ::pipe2(pipe.data(), O_CLOEXEC) != 0) return;
        const pid_t guard = ::fork();
        if (guard == 0) watch(pipe);
        ::close(pipe[0]);
        ours_ = pipe[1];
        termios raw = before_;
        ::cfmakeraw(&raw);
        ::tcsetattr(0, TCSADRAIN, &raw);
    }
    ~raw_terminal() {
        if (ours_ < 0) return;
        ::tcsetattr(0, TCSADRAIN, &before_);
        static_cast<void>(::write(ours_, "", 1));  // no need to
        ::close(ours_);
    }
    raw_terminal(const raw_terminal&) = delete;
    raw_terminal& operator=(const raw_terminal&) = delete;

private:
    [[noreturn]] void watch(std::array<int, 2> pipe) const {
        sigset_t all{};
        ::sigfillset(&all);
        ::sigprocmask(SIG_BLOCK, &all, nullptr);  // SIGTTOU too: we may be in the background by then
        ::close(pipe[1]);
        ::close(1);
        ::close(2);
        char word = 0;
        if (::read(pipe[0], &word, 1) == 0) ::tcsetattr(0, TCSADRAIN, &before_);
        ::_exit(0);
    }
    termios before_{};
    int ours_ = -1;
};
// [/raw]

/// What the user wants.
struct order {
    std::string where;  ///< host and port
    bool terminal = false;
    std::string command;
    aperto::client_options options;
};

class client {
public:
    explicit client(order what) : order_(std::move(what)), shows_keys_(order_.terminal && ::isatty(0)) {}

    /// The exit status: the command's, 128 and a signal's number, or 255 where the connection is not to be had.
    aperto::task<int> run() {
        try {
            co_await aperto::first(stay_connected(), aperto::all(type(), pass_signals(), show()));
        } catch (const left&) {
        }
        co_return status_;
    }
    /// Whether keys go over as they are.
    bool shows_keys() const noexcept { return shows_keys_; }

private:
    struct left {};  ///< the user, or whoever sent us a signal, wants to go
    struct refusal : std::runtime_error {
        using std::runtime_error::runtime_error;
    };
    void say(const char* what) const {
        std::fprintf(stderr, "aperto-remote: %s%s", what, shows_keys_ ? "\r\n" : "\n");
    }

    std::string size_message() const {
        winsize size{24, 80, 0, 0};
        ::ioctl(0, TIOCGWINSZ, &size);
        std::string made;
        put(made, size.ws_row, 2);
        put(made, size.ws_col, 2);
        return made;
    }

    std::string greeting() const {
        std::string made = token_.empty() ? "N" : "R" + token_;
        if (!token_.empty()) {
            put(made, link_.received());
            return made;
        }
        put(made, order_.terminal, 1);
        const char* const term = std::getenv("TERM");
        return made + size_message() + (term ? term : "dumb") + '\0' + order_.command;
    }

    // [connect]
    aperto::task<> connect_once() {
        aperto::stream peer = co_await aperto::connect(order_.where, order_.options);
        co_await peer.write_message(greeting());
        const auto answer = co_await peer.read_message();
        if (!answer) throw aperto::error(aperto::errc::cut_short, "begin a session");
        if (answer->starts_with('!')) throw refusal(std::string(answer->substr(1)));
        if (answer->size() != 1 + 32 + 12 + 4)
            throw aperto::error(aperto::errc::malformed, "begin a session");
        token_ = answer->substr(1, 32);
        bytes rest = answer->substr(33);
        const place theirs = take_place(rest);
        keep_ = std::chrono::seconds(take(rest, 4));
        if (since_ != aperto::time_point() && shows_keys_) say("connected again");
        since_ = {};
        const std::uint64_t claim = co_await link_.claim();
        co_await link_.carry(peer, theirs, claim);
        if (link_.finishing()) co_await peer.close();
    }

    aperto::task<> stay_connected() {
        for (aperto::duration pause = 100ms; !link_.finishing();) {
            std::exception_ptr why;
            bool final = false;
            try {
                co_await connect_once();
            } catch (const refusal&) {
                why = std::current_exception();
                final = true;
            } catch (const aperto::error&) {
                why = std::current_exception();
            }
            if (link_.finishing()) break;
            const aperto::time_point now = aperto::loop::current().now();
            if (since_ == aperto::time_point()) {
                since_ = now;
                pause = 100ms;
                if (!final && !token_.empty()) say("the connection is lost; trying again");
            }
            if (why && (final || token_.empty() || now - since_ >= keep_)) std::rethrow_exception(why);
            co_await aperto::sleep(pause);
            pause = std::min<aperto::duration>(2 * pause, 5s);
        }
    }
    // [/connect]

    // [type]
    /// Takes `~.` and `~~` at the begin of a line out of what was typed. True for `~.`: the end.
    bool escapes(std::string& typed) {
        std::string rest;
        for (const char each : typed) {
            if (tilde_ && each == '.') return true;
            if (tilde_ && each != '~') rest += '~';
            const bool begins = line_begins_ && each == '~';
            line_begins_ = each == '\r' || each == '\n';
            if (begins)
                tilde_ = true;
            else
                tilde_ = false, rest += each;
        }
        typed = std::move(rest);
        return false;
    }

    aperto::task<> type() {
        std::array<char, lasting::message_max / 2> piece{};
        for (;;) {
            co_await aperto::loop::current().readable(0);
            const ssize_t size = ::read(0, piece.data(), piece.size());
            if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
            if (size <= 0) break;
            std::string typed(piece.data(), static_cast<std::size_t>(size));
            if (shows_keys_ && escapes(typed)) {
                co_await leave(255);
            }
            if (typed.empty()) continue;
            co_await link_.send("i" + typed);
        }
        co_await link_.send("f");
        while (!link_.finishing())
            co_await link_.changed();
    }
    // [/type]

    // [show]
    /// On a helper thread: whoever reads our output may be slow, and it is not ours to set it non-blocking, as others have it too.
    aperto::task<> write_out(int to, std::string what) {
        aperto::task<bool> writing = aperto::aside([to, what = std::move(what)] {
            for (bytes rest = what; !rest.empty();) {
                const ssize_t size = ::write(to, rest.data(), rest.size());
                if (size < 0 && errno != EINTR && errno != EAGAIN) return false;
                rest.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
            }
            return true;
        });
        const bool written = co_await writing;
        if (written) co_return;
        aperto::task<> leaving = leave(128 + SIGPIPE);  // nobody reads it any more
        co_await leaving;
    }

    aperto::task<> show() {
        for (;;) {
            std::string message = co_await link_.receive();
            if (message.starts_with('x')) {
                bytes rest = bytes(message).substr(1);
                status_ = static_cast<int>(take(rest, 1));
                const auto signal = static_cast<int>(take(rest, 1));
                if (signal != 0) status_ = 128 + signal;
                break;
            }
            aperto::task<> writing = write_out(message.starts_with('e') ? 2 : 1, message.substr(1));
            co_await writing;
        }
        link_.used();
        link_.finish();
    }
    // [/show]

    // [signals]
    /// Says so over there where that can be said at once; else the session waits there in vain, for as long as it may.
    aperto::task<> leave(int status) {
        status_ = status;
        link_.send_urgent("Q");
        link_.finish();
        for (int patience = 10; patience > 0 && link_.carried(); --patience)
            co_await aperto::sleep(100ms);
        throw left();
    }

    aperto::task<> pass_signals() {
        aperto::signals wanted({SIGWINCH, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2});
        for (;;) {
            const int signal = co_await wanted.next();
            if (signal == SIGWINCH) {
                if (order_.terminal) link_.send_urgent("W" + size_message());
                continue;
            }
            const bool ends = signal != SIGUSR1 && signal != SIGUSR2;
            if (ends && (order_.terminal || !link_.carried())) {
                co_await leave(128 + signal);
            }
            link_.send_urgent(std::string("S") + static_cast<char>(signal));
        }
    }
    // [/signals]

    order order_;
    bool shows_keys_;
    lasting link_;
    std::string token_;           ///< none: never connected
    aperto::duration keep_{};     ///< how long the other side waits for us
    aperto::time_point since_{};  ///< the connection is lost
    bool line_begins_ = true;     ///< `~` is ours there
    bool tilde_ = false;
    int status_ = 255;
};

/// The exit status of what is ordered. The terminal is given back before anything is said of a failure.
inline aperto::task<int> talk(order what) {
    client mine(std::move(what));
    const raw_terminal raw(mine.shows_keys());
    co_return co_await mine.run();
}

}  // namespace remote
