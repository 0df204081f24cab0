// SPDX-License-Identifier: MIT
// A client, from its greeting to QUIT: what needs the connection.
#pragma once

#include "dialogue.hpp"

namespace mail {

class session {
public:
    session(aperto::stream peer, const rules& by, box& into)
        : peer_(std::move(peer)), by_(by), into_(into), said_(by) {}

    // [run]
    aperto::task<> run() {
        reply_ = "220 " + by_.name + " ESMTP";
        for (;;) {
            if (reply_.starts_with('5') && ++mistakes_ > by_.mistakes_max) end("421 4.7.0 too many mistakes");
            if (!reply_.empty()) reply_ += "\r\n";
            co_await peer_.write(reply_);
            if (over_) co_return;
            reply_.clear();
            co_await one_command();
        }
    }
    // [/run]

private:
    struct incoming {
        std::unique_ptr<letter> paper;
        letter_text words;
        std::error_code failed{};  ///< to be written
    };

    void end(text reply) {
        over_ = true;
        reply_ = reply;
    }
    /// The client is slow, or has gone, or we are about to.
    void end_for(const aperto::error& why) {
        if (why.code() != aperto::errc::deadline) throw aperto::error(why);
        end("421 4.4.2 too slow");
    }

    // [command]
    aperto::task<> one_command() {
        auto line = co_await aperto::as_result(peer_.read_line(aperto::line_end::crlf));
        if (!line && line.error().code() == aperto::errc::message_too_large)
            co_return end("500 5.5.2 line too long");
        if (!line) co_return end_for(line.error());
        if (!*line) co_return end(peer_.stopping() ? "421 4.3.2 closing down" : "");
        text rest = **line;
        const auto is_control = [](char each) { return (each >= 0 && each < ' ') || each == 0x7F; };
        if (std::any_of(rest.begin(), rest.end(), is_control)) {
            reply_ = "500 5.5.2 a line is text, and ends in CR LF";
            co_return;
        }
        if (++words_ > by_.words_max) co_return end("421 4.7.0 that is enough");
        const bool is_one_word = rest.find(' ') == text::npos;
        const std::string verb = upper(take_word(rest));
        if (!is_one_word && (verb == "QUIT" || verb == "DATA" || verb == "STARTTLS")) {
            reply_ = "501 5.5.4 " + verb + " stands alone";
        } else if (verb == "QUIT") {
            end("221 2.0.0 bye");
        } else if (verb == "DATA" || verb == "BDAT" || verb == "STARTTLS") {
            aperto::task<> doing = verb == "DATA" ? data() : verb == "BDAT" ? chunk(rest) : start_tls();
            co_await doing;
        } else if (verb == "RCPT" && parts_) {
            reply_ = "503 5.5.1 the letter has begun";
        } else {
            reply_ = said_.answer(verb, rest);
            if (!said_.has_begun()) parts_.reset();
        }
    }
    // [/command]

    // [tls]
    aperto::task<> start_tls() {
        if (!by_.tls || peer_.transport()) {
            reply_ = peer_.transport() ? "503 5.5.1 it has begun" : "502 5.5.1 not here";
            co_return;
        }
        // Whoever put something behind it, it is not known to come from the one who will speak TLS (CVE-2011-0411).
        if (peer_.unread() > 0) co_return end("554 5.5.1 nothing may stand behind STARTTLS");
        co_await peer_.write("220 2.0.0 go ahead\r\n");
        co_await peer_.start_tls(by_.tls);
        said_.begin_tls();
        parts_.reset();
    }
    // [/tls]

    // [data]
    incoming begin(bool dotted) {
        incoming made{into_.begin(), letter_text(dotted)};
        made.words.out = said_.trace(peer_.remote(), made.paper->id());
        return made;
    }
    aperto::task<> data() {
        reply_ = parts_ ? "503 5.5.1 BDAT has begun" : said_.refusal();
        if (!reply_.empty()) co_return;
        incoming all = begin(true);
        co_await peer_.write("354 go on, and end it with a dot\r\n");
        auto taken = co_await aperto::as_result(aperto::with_timeout(by_.letter_deadline, take(all, {})));
        if (!taken) co_return end_for(taken.error());
        if (!*taken) co_return end(peer_.stopping() ? "421 4.3.2 closing down" : "");
        co_await judge(all, true);
        said_.forget();
    }
    /// Takes all of it, or so many bytes. False where the client has gone. Of what is not kept anyway nothing is written.
    aperto::task<bool> take(incoming& in, std::optional<std::uint64_t> left) {
        constexpr std::size_t part_max = 256 * 1024;
        while (left ? *left > 0 : !in.words.has_ended()) {
            const auto some = co_await peer_.peek();
            if (!some) co_return false;
            const std::size_t taken = in.words.take(left ? some->substr(0, *left) : *some);
            peer_.consume(taken);
            if (left) *left -= taken;
            if (in.words.out.size() < part_max) continue;
            std::string part = std::exchange(in.words.out, {});
            if (!in.paper || in.failed || in.words.is_broken() || in.words.size() > by_.size_max) continue;
            in.failed = co_await in.paper->write(std::move(part));
        }
        co_return true;
    }
    aperto::task<> judge(incoming& in, bool is_last) {
        if (is_last) in.words.finish();
        const bool is_well = !in.failed && !in.words.is_broken() && in.words.size() <= by_.size_max;
        if (is_well && is_last) {
            in.failed = co_await in.paper->keep(std::move(in.words.out));
        }
        if (in.words.is_broken())
            reply_ = "554 5.6.0 a CR or an LF by itself is refused";
        else if (in.words.size() > by_.size_max)
            reply_ = "552 5.3.4 too large";
        else if (in.failed == std::errc::no_space_on_device ||
                 in.failed == std::make_error_code(std::errc(EDQUOT)))
            reply_ = "452 4.3.1 no room on the disk";
        else if (in.failed)
            reply_ = "451 4.3.0 the disk: " + in.failed.message();
        else
            reply_ = is_last ? "250 2.0.0 kept as " + in.paper->id() : "250 2.0.0 go on";
        if (is_well && is_last && !in.failed) words_ = mistakes_ = 0;
    }
    // [/data]

    // [bdat]
    /// "BDAT 1000", "BDAT 0 LAST" (RFC 3030): its bytes come whether they are wanted or not.
    aperto::task<> chunk(text rest) {
        const auto size = number(take_word(rest));
        const bool is_last = upper(rest) == "LAST";
        if (!size || !(is_last || rest.empty())) co_return end("501 5.5.4 BDAT size [LAST]");
        const std::string refused = said_.refusal();
        if (refused.empty() && !parts_) parts_.emplace(begin(false));
        incoming unwanted{{}, letter_text(false)};
        incoming& in = parts_ ? *parts_ : unwanted;
        auto taken = co_await aperto::as_result(aperto::with_timeout(by_.letter_deadline, take(in, *size)));
        if (!taken) co_return end_for(taken.error());
        if (!*taken) co_return end(peer_.stopping() ? "421 4.3.2 closing down" : "");
        if (!parts_) {
            reply_ = refused;
            co_return;
        }
        co_await judge(in, is_last);
        if (!is_last && reply_.starts_with('2')) co_return;
        parts_.reset();
        said_.forget();
    }
    // [/bdat]

    aperto::stream peer_;
    const rules& by_;
    box& into_;
    dialogue said_;
    std::string reply_;              ///< what is to be said next
    std::optional<incoming> parts_;  ///< of BDAT
    unsigned mistakes_ = 0;
    unsigned words_ = 0;
    bool over_ = false;
};

// [serve]
inline aperto::task<> serve(aperto::stream peer, const rules& by, box& into) {
    session one(std::move(peer), by, into);
    co_await one.run();
}
// [/serve]

}  // namespace mail
