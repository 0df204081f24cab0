// SPDX-License-Identifier: MIT
#include "cli/lab/play.hpp"

#include "aperto/choice.hpp"
#include "aperto/loop.hpp"
#include "aperto/semaphore.hpp"
#include "cli/failure.hpp"
#include "cli/http_request.hpp"
#include "cli/lab/play_child.hpp"
#include "cli/lab/play_files.hpp"
#include "cli/lab/play_state.hpp"
#include "cli/serve/serve.hpp"
#include "cli/serve/start_server.hpp"
#include "core/sentence.hpp"
#include "core/signal_set.hpp"
#include "core/signal_watch.hpp"
#include "lab/analysis/quantity.hpp"
#include "lab/view/json_lines.hpp"
#include "lab/view/page.hpp"

#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace aperto::cli {

// The files of lab/page/, put into the program by aperto_embed (apps/CMakeLists.txt).
extern const std::string_view play_style;
extern const std::string_view play_script;

namespace {

using namespace std::chrono_literals;

/// How long a request may take to arrive.
constexpr duration request_deadline = 10s;
constexpr std::size_t body_size_max = std::size_t{256} * 1024;
/// How long a run waits for the end of the one that its page has just given up.
constexpr duration patience = 10s;

struct page_answer {
    int code = 200;
    std::string_view reason = "OK";
    std::string_view type = "text/plain; charset=utf-8";
    std::string body;
};

/// No other page may show this one in a frame, take its answers, or hear where its reader came from.
constexpr std::string_view common_head =
    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\nContent-Security-Policy: frame-ancestors 'none'\r\n"
    "Connection: close\r\n\r\n";

std::string written(const page_answer& what) {
    return fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}{}", what.code,
                       what.reason, what.type, what.body.size(), common_head, what.body);
}

/// In a time that says nothing of where they differ.
bool same_secret(std::string_view one, std::string_view other) noexcept {
    if (one.size() != other.size()) return false;
    volatile unsigned char differs = 0;
    for (std::size_t i = 0; i < one.size(); ++i)
        differs = static_cast<unsigned char>(differs | (static_cast<unsigned char>(one[i] ^ other[i])));
    return differs == 0;
}

constexpr auto words =
    std::to_array<lab::page_word>({{"run", N_("Run")},
                                   {"stop", N_("Stop")},
                                   {"server", N_("server's command")},
                                   {"client", N_("client's command")},
                                   {"seed", N_("seed")},
                                   {"loss", N_("loss")},
                                   {"delay", N_("delay")},
                                   {"rate", N_("rate")},
                                   {"queue", N_("queue")},
                                   {"no_limit", N_("no limit")},
                                   {"packets", N_("packets")},
                                   {"virtual", N_("in virtual time")},
                                   {"drop", N_("lose it")},
                                   {"hold", N_("hold it 50 ms")},
                                   {"corrupt", N_("damage it")},
                                   {"duplicate", N_("send it twice")},
                                   {"mark", N_("mark it (ECN)")},
                                   {"remove", N_("remove")},
                                   {"faults", N_("What befalls single packets")},
                                   {"none_yet", N_("Click a packet below, and say what is to befall it.")},
                                   {"press", N_("Nothing has run yet: press Run.")},
                                   {"running", N_("it runs …")},
                                   {"ended", N_("it ended")},
                                   {"failed", N_("it did not run to its end")},
                                   {"changed", N_("changed: run it again")},
                                   {"keep", N_("Save as a scenario")},
                                   {"compare", N_("The last two runs side by side")},
                                   {"before", N_("the run before")},
                                   {"now", N_("this run")},
                                   {"same", N_("They are the same, packet for packet.")},
                                   {"differences", N_("rows that differ")},
                                   {"cut", N_("only the first packets are compared")},
                                   {"lost", N_("lost")}});

/// The first request of a connection, which has no other; without a method where there is none.
task<http_request> read_request(stream& peer) {
    http_reader reader(body_size_max);
    for (;;) {
        const std::optional<std::string_view> some = co_await peer.read_some();
        const bool well_formed = some && reader.feed(*some);
        std::optional<http_request> request = reader.next();
        if (request && !request->repeats) co_return std::move(*request);
        if (request || !well_formed) co_return http_request{};
    }
}

class player {
public:
    explicit player(const lab_request& request)
        : base_(play_base_of(request)), title_(base_.title), token_(make_token()) {
        static_cast<void>(play_scenario(base_, "{}"));  // what was typed is told of before anything is opened
        for (const auto& file : base_.lesson)
            folder_.take(file);
    }

    int run() {
        ignore_signals_of_writes();
        signal_set signals({.ending = {SIGINT, SIGTERM, SIGHUP}});
        options chosen{.host = "127.0.0.1",
                       .port = 0,
                       .workers = 1,
                       .framing = framing::raw,
                       .idle_timeout = 24h,
                       .handshake_deadline = request_deadline,
                       .max_connections = 64,
                       .max_connections_per_address = no_limit,
                       .drain_spread = 0s,
                       .drain_deadline = 100ms};
        serving_ = start_server(chosen, [this](stream peer) { return talk(std::move(peer)); });
        place_ = fmt::format("127.0.0.1:{}", serving_->endpoints().front().port());
        const auto url = fmt::format("http://{}/{}/", place_, token_);
        std::fputs((sentence(_("Open this page; only who has its address may use it. Ctrl-C ends it:")) +
                    "\n  " + url + "\n")
                       .c_str(),
                   stdout);
        std::fflush(stdout);
        open_browser(folder_, url);
        const signal_watch watch(signals, [this](int) { serving_->stop(); });
        serving_->wait();
        return exit_done;
    }

private:
    task<> talk(stream peer) {
        task<http_request> asking = read_request(peer);
        task<http_request> limited = with_timeout(request_deadline, std::move(asking));
        const http_request asked = co_await limited;
        task<> replying = reply(peer, asked);
        co_await replying;
    }

    /// Who asks, and by what name, before what is asked. A name that is not this machine's own is that of a page
    /// elsewhere which has its name point here (DNS rebinding).
    std::optional<page_answer> refuse(const http_request& asked) const {
        if (asked.method.empty()) return page_answer{400, "Bad Request", "text/plain", "no request\n"};
        const auto port = place_.substr(place_.find(':'));
        if (asked.host != place_ && asked.host != "localhost" + port)
            return page_answer{403, "Forbidden", "text/plain", "not by this name\n"};
        if (!same_secret(std::string_view(asked.path).substr(0, token_.size() + 2), "/" + token_ + "/"))
            return page_answer{403, "Forbidden", "text/plain",
                               "only by the address that aperto has printed\n"};
        if (asked.method == "GET") return {};
        if (asked.method != "POST")
            return page_answer{405, "Method Not Allowed", "text/plain", "GET or POST\n"};
        if (asked.origin != "http://" + asked.host || asked.content_type != "application/json")
            return page_answer{403, "Forbidden", "text/plain", "only from its own page\n"};
        return {};
    }

    task<> reply(stream& peer, const http_request& asked) {
        page_answer what;
        if (auto refused = refuse(asked)) {
            what = std::move(*refused);
        } else {
            const auto rest = asked.path.substr(token_.size() + 2);
            if (asked.method == "POST" && rest == "run") {
                task<std::optional<std::string>> running = show_run(peer, asked.body);
                const std::optional<std::string> wrong = co_await running;
                if (!wrong) co_return;
                what = {400, "Bad Request", "text/plain; charset=utf-8", *wrong};
            } else if (asked.method == "POST" && rest == "scenario") {
                what = scenario_answer(asked.body);
            } else if (asked.method == "GET" && rest.empty()) {
                what = {200, "OK", "text/html; charset=utf-8", page()};
            } else {
                what = {404, "Not Found", "text/plain", "not here\n"};
            }
        }
        const std::string text = written(what);
        co_await peer.write(text);
    }

    std::string page() const {
        const auto script = "const play_words = " + lab::for_script(lab::words_json(words)) +
                            ";\nconst play_start = " + lab::for_script(play_state_json(base_)) + ";\n" +
                            std::string(play_script);
        return lab::page_text(title_, "null", {play_style, script, true});
    }

    page_answer scenario_answer(const std::string& state) const {
        try {
            return {200, "OK", "text/plain; charset=utf-8", play_scenario(base_, state)};
        } catch (const lab::bad_input& wrong) {
            return {400, "Bad Request", "text/plain; charset=utf-8", wrong.what()};
        }
    }

    /// The state's scenario in a file. What is wrong with it is given, in words.
    std::optional<std::string> write_scenario(const std::string& state) const {
        try {
            folder_.write(base_.name + ".toml", play_scenario(base_, state));
            return {};
        } catch (const lab::bad_input& wrong) {
            return wrong.what();
        }
    }

    /// The run's events as they come, to its end or until the page goes. Nothing is sent where it gives what is wrong.
    task<std::optional<std::string>> show_run(stream& peer, const std::string& state) {
        semaphore::permit alone = co_await running_.acquire(patience);
        if (auto wrong = write_scenario(state)) co_return wrong;
        play_child child(folder_.path(base_.name + ".toml"));
        const std::string head =
            "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n" + std::string(common_head);
        co_await peer.write(head);
        std::string piece;
        for (bool open = true; open;) {
            auto either = first(loop::current().readable(child.output()), peer.read_some());
            const auto which = co_await either;
            if (std::get<1>(which)) co_return std::optional<std::string>{};
            open = child.read(piece);
            if (!piece.empty()) co_await peer.write(piece);
        }
        co_await loop::current().readable(child.ended());
        const int code = child.wait();
        const std::string last = fmt::format("{{\"event\":\"end\",\"code\":{},\"said\":{}}}\n", code,
                                             lab::json_string(child.complaints()));
        co_await peer.write(last);
        co_return std::optional<std::string>{};
    }

    play_base base_;
    std::string title_;
    std::string token_;
    std::string place_;  ///< "127.0.0.1:PORT"
    play_folder folder_;
    semaphore running_{1};
    std::unique_ptr<server> serving_;  ///< the last member: it ends before what it reads
};

}  // namespace

int run_play(const lab_request& request) {
    if (request.what != lab_request::verb::once && request.what != lab_request::verb::run)
        throw lab::bad_input(_("--open takes a run"));
    return player(request).run();
}

}  // namespace aperto::cli
