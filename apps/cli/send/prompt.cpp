// SPDX-License-Identifier: MIT
#include "aperto/event.hpp"
#include "aperto/group.hpp"
#include "cli/send/line_editor.hpp"
#include "cli/send/send.hpp"
#include "cli/serve/serve.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"
#include "core/signal_watch.hpp"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>

namespace aperto::cli {

namespace {

/// A reply that has been quiet for so long is taken for whole, and the prompt comes back.
constexpr duration reply_quiet = std::chrono::milliseconds(100);

/// Signals at the prompt. Those that end the program leave the terminal as it was found, and the exit code
/// that a shell would give (128 and the signal). Stopped by Ctrl-Z, the program gives the terminal back;
/// going on, it takes it again and shows the line as it was.
class terminal_signals {
public:
    explicit terminal_signals(std::shared_ptr<line_editor> editor)
        : editor_(std::move(editor)), on_(loop::current()) {
        ignore_signals_of_writes();
        watch_.emplace(signals_, [this](int signal) { take(signal); });
    }

private:
    void take(int signal) {
        if (signal == SIGTSTP) {
            editor_->release();
            stop();
        } else if (signal != SIGCONT && signal != SIGWINCH) {
            leave(signal);
        }
        editor_->seize();
        on_.post([editor = std::weak_ptr(editor_)] {
            if (const auto there = editor.lock()) there->show_again();
        });
    }

    /// What the signal does by itself: a shell sees it, and the kernel does nothing where no shell could go
    /// on.
    static void stop() {
        struct sigaction usual{};
        struct sigaction ours{};
        usual.sa_handler = SIG_DFL;
        ::sigaction(SIGTSTP, &usual, &ours);
        ::raise(SIGTSTP);
        ::sigaction(SIGTSTP, &ours, nullptr);
    }

    void leave(int signal) const {
        editor_->release();
        [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, "\n", 1);
        ::_exit(128 + signal);
    }

    signal_set signals_{
        {.ending = {SIGINT, SIGTERM, SIGHUP, SIGQUIT}, .noted = {SIGTSTP, SIGCONT, SIGWINCH}}};
    const std::shared_ptr<line_editor> editor_;
    loop& on_;
    std::optional<signal_watch> watch_;
};

class prompt_session {
public:
    prompt_session(const send_request& request, const stream_options& options)
        : request_(request), options_(options), output_(request.framing) {}

    task<int> run();

private:
    task<> connect_now();
    task<> edit();
    task<> send_line(const std::string& line);
    task<> await_reply(std::uint64_t before);
    task<> receive();
    task<> show(std::string_view piece);
    void fail(const failure& why);
    void note(const std::string& text);
    /// What has come ends as the framing says that a reply does.
    bool is_whole() const noexcept { return request_.framing != framing::line || last_byte_ == '\n'; }

    const send_request& request_;
    const stream_options options_;
    reply_output output_;
    standard_input input_;
    const std::shared_ptr<line_editor> editor_ = std::make_shared<line_editor>("> ");
    terminal_signals signals_{editor_};
    task_group readers_;
    event changed_;  // a piece came, or the end
    stream peer_;
    bool open_ = false;
    bool told_of_closing_ = false;
    std::uint64_t pieces_ = 0;  // of replies, since the connection began
    time_point last_piece_{};
    char last_byte_ = '\n';  // of what came
    int code_ = exit_done;
};

task<int> prompt_session::run() {
    auto connecting = connect_now();
    co_await std::move(connecting);
    std::printf("%s\n", sentence(_("Connected to {}. Each line is a message; Ctrl-D ends."),
                                 name_of_server(request_, peer_))
                            .c_str());
    std::fflush(stdout);
    auto editing = edit();
    co_await std::move(editing);
    readers_.cancel();
    auto joined = readers_.join();
    co_await std::move(joined);
    co_return code_;
}

task<> prompt_session::connect_now() {
    auto connecting = connect_patiently(request_, options_);
    connected there = co_await std::move(connecting);
    if (request_.facts) print_handshake(request_, there);
    peer_ = std::move(there.peer);
    open_ = true;
    last_byte_ = '\n';
    code_ = exit_done;
    readers_.spawn(receive());
}

task<> prompt_session::edit() {
    editor_->begin();
    while (true) {
        if (const std::optional<std::string> line = editor_->take_line()) {
            auto sending = send_line(*line);
            co_await std::move(sending);
            output_.finish();
            editor_->begin();
            continue;
        }
        if (editor_->ended()) {
            std::puts("");
            co_return;
        }
        auto waiting = input_.readable();
        co_await std::move(waiting);
        editor_->read();
    }
}

task<> prompt_session::send_line(const std::string& line) {
    try {
        if (!open_) {
            auto connecting = connect_now();
            co_await std::move(connecting);
        }
        const std::uint64_t before = pieces_;
        if (request_.framing == framing::length) {
            auto writing = peer_.write_message(line);
            co_await std::move(writing);
        } else {
            const std::string bytes = line + "\n";
            auto writing = peer_.write(bytes);
            co_await writing;
        }
        auto waiting = await_reply(before);
        co_await std::move(waiting);
        if (pieces_ == before && open_) note(_("(no answer yet)"));
        if (pieces_ == before && !open_ && code_ == exit_done) {
            note(_("(the server closed without an answer)"));
            code_ = exit_cut_short;
        }
        if (request_.facts) print_conversation(peer_);
    } catch (const command_failed& failed) {
        code_ = tell(failed.told);
    } catch (const error& cause) {
        open_ = false;
        code_ = tell(explain_broken(cause));
    }
}

/// Until a reply after the first `before` pieces has come and gone quiet, or the server has closed, or the
/// time is up.
task<> prompt_session::await_reply(std::uint64_t before) {
    const loop& on = loop::current();
    const time_point give_up = request_.timeout == forever ? time_point::max() : on.now() + request_.timeout;
    while (open_) {
        const time_point until = pieces_ != before && is_whole() ? last_piece_ + reply_quiet : give_up;
        if (on.now() >= until) co_return;
        auto waiting = changed_.wait_until(until);
        co_await waiting;
    }
}

task<> prompt_session::receive() {
    try {
        while (true) {
            // Of lines too what has come is shown: their ends are read off the bytes.
            auto reading = request_.framing == framing::length ? peer_.read_message() : peer_.read_some();
            const std::optional<std::string_view> piece = co_await reading;
            if (!piece) break;
            ++pieces_;
            if (!piece->empty()) last_byte_ = piece->back();
            last_piece_ = loop::current().now();
            auto showing = show(*piece);
            co_await std::move(showing);
            changed_.notify_all();
        }
        open_ = false;
        if (!is_whole()) fail(last_line_cut_short());
        if (!std::exchange(told_of_closing_, true))
            note(_("(the server closed the connection; the next line opens a new one)"));
    } catch (const cancellation&) {
        co_return;
    } catch (const error& cause) {
        open_ = false;
        fail(explain_broken(cause));
    }
    changed_.notify_all();
}

task<> prompt_session::show(std::string_view piece) {
    editor_->hide();
    auto writing = output_.write(piece);
    co_await std::move(writing);
    // The prompt takes a row of its own, and would wipe out a line that stands there without its end.
    if (editor_->is_shown()) output_.finish();
    editor_->show_again();
}

void prompt_session::fail(const failure& why) {
    editor_->hide();
    output_.finish();
    code_ = tell(why);
    editor_->show_again();
}

void prompt_session::note(const std::string& text) {
    editor_->hide();
    output_.finish();
    std::printf("%s\n", text.c_str());
    std::fflush(stdout);
    editor_->show_again();
}

}  // namespace

task<int> run_prompt(const send_request& request, stream_options options) {
    prompt_session session(request, options);
    auto running = session.run();
    co_return co_await std::move(running);
}

}  // namespace aperto::cli
