// SPDX-License-Identifier: MIT
#include "cli/watch/watch.hpp"

#include "aperto/descriptor.hpp"
#include "aperto/error.hpp"
#include "cli/failure.hpp"
#include "cli/options/description.hpp"
#include "cli/watch/open_source.hpp"
#include "cli/watch/views.hpp"
#include "core/display.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <optional>

namespace aperto::cli {

namespace {

using clock = watched_connections::clock;
using std::chrono::milliseconds;

/// What this process has used of a processor.
duration processor_time() {
    timespec used{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

/// Signals that arrive by a descriptor as long as this lives.
class signal_source {
public:
    signal_source() {
        ::sigemptyset(&wanted_);
        for (const int each : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT})
            ::sigaddset(&wanted_, each);
        ::sigprocmask(SIG_BLOCK, &wanted_, &before_);
        from_ = aperto::descriptor(::signalfd(-1, &wanted_, SFD_CLOEXEC | SFD_NONBLOCK));
    }
    ~signal_source() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
    signal_source(const signal_source&) = delete;
    signal_source& operator=(const signal_source&) = delete;

    int descriptor() const noexcept { return from_.get(); }
    /// 0: none is there.
    int next() const {
        signalfd_siginfo told{};
        return ::read(from_.get(), &told, sizeof told) == sizeof told ? static_cast<int>(told.ssi_signo) : 0;
    }

private:
    sigset_t wanted_{};
    sigset_t before_{};
    aperto::descriptor from_;
};

class watching {
public:
    explicit watching(const watch_request& request)
        : request_(request), source_(open_source(request.target)), colours_(takes_colour(STDOUT_FILENO)) {
        state_.sorted = request.sort.empty() ? 0 : column_named(request.sort);
        state_.filter = request.filter;
    }

    int run() {
        if (!request_.json && !request_.once && screen::is_possible()) screen_.emplace();
        next_look_ = clock::now();
        while (!code_)
            turn();
        screen_.reset();
        return *code_;
    }

private:
    void turn() {
        begin_look();
        std::array<pollfd, 3> waits{{{signals_.descriptor(), POLLIN, 0},
                                     {screen_ && screen_->has_keys() ? STDIN_FILENO : -1, POLLIN, 0},
                                     {looking_ ? source_->descriptor() : -1, source_->events(), 0}}};
        ::poll(waits.data(), waits.size(), waiting_ms());
        while (const int signal = signals_.next())
            take_signal(signal);
        if (waits[1].revents != 0)
            take_keys();
        else if (keys_.is_waiting())
            press(keys_.give_up());
        if (looking_ && source_->go_on()) end_look();
        if (screen_ && !screen_->is_there()) code_ = exit_by_signal + SIGHUP;
        if (screen_ && changed_ && !code_) draw();
    }

    int waiting_ms() const {
        constexpr int escape_ms = 50;  // so long after an ESC, it was the key of that name
        if (changed_ || code_ || (looking_ && source_->descriptor() < 0)) return 0;
        if (keys_.is_waiting()) return escape_ms;
        if (looking_) return 250;
        const auto left = std::chrono::ceil<milliseconds>(next_look_ - clock::now());
        return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
    }

    void begin_look() {
        if (looking_ || clock::now() < next_look_) return;
        source_->want_messages(state_.opened ? state_.chosen : 0);
        used_before_ = processor_time();
        began_ = clock::now();
        source_->begin();
        looking_ = true;
    }

    void end_look() {
        looking_ = false;
        look seen = source_->take();
        // Whoever has paused sees what was there then; what is kept goes on.
        watched_.take(std::move(seen), began_);
        if (!screen_) follow();
        if (!state_.paused) changed_ = true;
        if (screen_ && changed_) draw();
        // Ten thousand connections are to cost no more than a twentieth of a processor, whatever it costs to look; and
        // a server that needs long to answer is left alone for as long again.
        constexpr int share = 20;
        const auto now = clock::now();
        next_look_ = std::max({began_ + request_.refresh, now + (processor_time() - used_before_) * share,
                               now + (now - began_)});
    }

    /// Without a screen: what was seen goes out row after row.
    void follow() {
        // What a look alone does not tell, how fast and whose fault, the second does.
        const bool failed = watched_.latest().failed;
        if (request_.once && !failed && watched_.looks() < 2) return;
        if (failed && request_.once) code_ = tell({exit_no_connection, watched_.latest().trouble, {}});
        if (code_) return;
        const auto keys = choose_rows(watched_, state_.sorted, false, state_.filter);
        if (request_.json) {
            std::puts(watch_json(watched_, keys, source_->name(), source_->kind()).c_str());
        } else {
            constexpr std::size_t unbounded = 220;  // every column
            const std::size_t columns = terminal_columns(STDOUT_FILENO);
            std::puts(headline(watched_, source_->name(), keys.size()).c_str());
            if (!watched_.latest().trouble.empty()) std::puts(watched_.latest().trouble.c_str());
            for (const std::string& row :
                 whole_table(watched_, keys, state_.sorted, columns ? columns : unbounded))
                std::puts(row.c_str());
            if (!request_.once) std::puts("");
        }
        if (std::fflush(stdout) != 0) code_ = exit_failed;
        if (request_.once) code_ = exit_done;
    }

    void draw() {
        changed_ = false;
        const screen::extent size = screen_->size();
        if (size.rows < 4 || size.columns < 20) return screen_->draw({});
        if (!state_.paused || shown_.empty() || retaken_) {
            shown_ = choose_rows(watched_, state_.sorted, state_.reversed, state_.filter);
            retaken_ = false;
        }
        const paint look(colours_);
        const watched_connection* const one = state_.opened ? watched_.find(state_.chosen) : nullptr;
        if (one) return screen_->draw(connection_rows(*one, watched_, size, look));
        screen_->draw(table_rows(watched_, shown_, source_->name(), state_, size, look));
    }

    void take_signal(int signal) {
        switch (signal) {
        case SIGWINCH:
            changed_ = true;
            return;
        case SIGTSTP:
            if (screen_) screen_->leave();
            ::raise(SIGSTOP);
            [[fallthrough]];
        case SIGCONT:
            if (screen_) screen_->leave();
            if (screen_) screen_->enter();
            changed_ = true;
            return;
        default:
            code_ = exit_by_signal + signal;
        }
    }

    void take_keys() {
        std::array<char, 512> typed;
        const ssize_t got = ::read(STDIN_FILENO, typed.data(), typed.size());
        if (got > 0)
            press(keys_.take({typed.data(), static_cast<std::size_t>(got)}));
        else if (got == 0 || errno != EINTR)
            code_ = exit_by_signal + SIGHUP;
    }

    void press(const std::vector<key_press>& pressed) {
        for (const key_press& each : pressed)
            state_.typing ? type(each) : choose(each);
        changed_ = changed_ || !pressed.empty();
    }

    void type(const key_press& pressed) {
        if (pressed.what == key::text && static_cast<unsigned char>(pressed.letter) >= ' ')
            state_.filter += pressed.letter;
        if (pressed.what == key::erase && !state_.filter.empty()) {
            // A character of several bytes goes whole.
            while (state_.filter.size() > 1 &&
                   (static_cast<unsigned char>(state_.filter.back()) & 0xC0U) == 0x80U)
                state_.filter.pop_back();
            state_.filter.pop_back();
        }
        if (pressed.what == key::escape) state_.filter.clear();
        if (pressed.what == key::escape || pressed.what == key::enter) state_.typing = false;
        retaken_ = true;
    }

    void choose(const key_press& pressed) {
        const std::size_t count = columns().size();
        const auto page = static_cast<std::ptrdiff_t>(screen_->size().rows) - 4;
        switch (pressed.what) {
        case key::up:
            return move(-1);
        case key::down:
            return move(1);
        case key::page_up:
            return move(-page);
        case key::page_down:
            return move(page);
        case key::home:
            return move(-static_cast<std::ptrdiff_t>(shown_.size()));
        case key::end:
            return move(static_cast<std::ptrdiff_t>(shown_.size()));
        case key::left:
            return sort_by((state_.sorted + count - 1) % count);
        case key::right:
            return sort_by((state_.sorted + 1) % count);
        case key::enter:
            state_.opened = true;
            next_look_ = std::min(next_look_, clock::now() + milliseconds(200));
            return;
        case key::escape:
        case key::erase:
            state_.opened = false;
            return;
        case key::text:
            return command(pressed.letter);
        case key::none:
            return;
        }
    }

    void command(char letter) {
        switch (letter) {
        case 'q':
            code_ = exit_done;
            return;
        case 'p':
        case ' ':
            state_.paused = !state_.paused;
            return;
        case 'r':
            state_.reversed = !state_.reversed;
            retaken_ = true;
            return;
        case 's':
            return sort_by((state_.sorted + 1) % columns().size());
        case '/':
            state_.typing = true;
            state_.opened = false;
            return;
        case 'j':
            return move(1);
        case 'k':
            return move(-1);
        default:
            return;
        }
    }

    void sort_by(std::size_t which) {
        state_.sorted = which;
        retaken_ = true;
    }

    void move(std::ptrdiff_t by) {
        if (shown_.empty()) return;
        const auto found = std::find(shown_.begin(), shown_.end(), state_.chosen);
        const auto from = found == shown_.end() ? 0 : found - shown_.begin();
        const auto last = static_cast<std::ptrdiff_t>(shown_.size()) - 1;
        state_.chosen = shown_[static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(from + by, 0, last))];
    }

    const watch_request request_;
    signal_source signals_;
    std::unique_ptr<connection_source> source_;
    const bool colours_;
    watched_connections watched_;
    view_state state_;
    std::vector<std::uint64_t> shown_;  ///< the table's rows
    bool retaken_ = false;              ///< they are to be chosen again, though it is paused
    std::optional<screen> screen_;
    key_reader keys_;
    bool looking_ = false;
    bool changed_ = false;
    duration used_before_{};
    clock::time_point began_{};
    clock::time_point next_look_{};
    std::optional<int> code_;
};

}  // namespace

int run_watch(const watch_request& request) {
    ::signal(SIGPIPE, SIG_IGN);
    try {
        return watching(request).run();
    } catch (const watch_trouble& why) {
        return tell({exit_no_connection,
                     sentence(_("nothing to watch at {}: {}"), log_safe(request.target), why.what()),
                     {}});
    } catch (const error& cause) {
        return tell(explain_other(cause));
    }
}

}  // namespace aperto::cli
