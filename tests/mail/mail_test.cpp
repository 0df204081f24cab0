// SPDX-License-Identifier: MIT
// examples/mail: the end of a letter against a plain reading of the RFC, and the dialogue in simulated time, where
// letters come in any pieces and any break: what was said to be kept is kept, whole and once.
#include "../examples/mail/session.hpp"
#include "aperto/sim.hpp"
#include "aperto/sleep.hpp"

#include <gtest/gtest.h>

namespace aperto {
namespace {

using namespace std::chrono_literals;
using mischief = sim::check_options::mischief;

// ---- the text

struct taken {
    std::size_t size = 0;
    bool ended = false;
    bool broken = false;
    std::string out{};
    bool operator==(const taken&) const = default;
};

taken take_in_pieces(std::string_view wire, std::size_t piece) {
    mail::letter_text words(true);
    taken all;
    while (all.size < wire.size() && !words.has_ended())
        all.size += words.take(wire.substr(all.size, piece));
    all.ended = words.has_ended();
    all.broken = words.is_broken();
    all.out = words.out;
    return all;
}

/// RFC 5321, 4.1.1.4 and 4.5.2, word for word: the text is what stands before CR LF "." CR LF.
taken take_as_it_is_written(std::string_view wire) {
    const std::string from_line_end = "\r\n" + std::string(wire);
    const std::size_t end = from_line_end.find("\r\n.\r\n");
    taken all;
    all.ended = end != std::string::npos;
    if (!all.ended) return all;
    all.size = end + 5 - 2;
    std::string rest = from_line_end.substr(0, end + 2);
    for (std::size_t at = rest.find("\r\n"); at != std::string::npos; at = rest.find("\r\n", at + 1)) {
        rest.replace(at, 2, "\n");
        if (rest[at + 1] == '.') rest.erase(at + 1, 1);
    }
    // What is left of CR stands by itself; an LF does where there are more of them than there were line ends.
    all.out = rest.substr(1);
    const std::string_view text(wire.substr(0, all.size - 3));
    for (std::size_t at = 0; at < text.size(); ++at) {
        const bool bare_lf = text[at] == '\n' && (at == 0 || text[at - 1] != '\r');
        const bool bare_cr = text[at] == '\r' && (at + 1 == text.size() || text[at + 1] != '\n');
        all.broken = all.broken || bare_lf || bare_cr;
    }
    return all;
}

TEST(LetterText, EndsWhereTheRfcSaysAndNowhereElse) {
    constexpr std::string_view letters(".\r\nx", 4);
    constexpr std::size_t length = 8;
    std::size_t ends = 0;
    for (std::size_t number = 0; number < 1U << (2 * length); ++number) {
        std::string wire;
        for (std::size_t at = 0; at < length; ++at)
            wire += letters[number >> (2 * at) & 3];
        wire += "\r\n.\r\nQUIT\r\n";
        taken expected = take_as_it_is_written(wire);
        taken whole = take_in_pieces(wire, wire.size());
        taken bytes = take_in_pieces(wire, 1);
        ASSERT_TRUE(whole == bytes) << testing::PrintToString(wire);
        // Of what is refused anyway the text is nobody's.
        if (expected.broken) whole.out = expected.out;
        ASSERT_TRUE(whole == expected) << testing::PrintToString(wire);
        ends += expected.ended && !expected.broken ? 1 : 0;
    }
    EXPECT_GT(ends, 1000U);
}

// ---- the dialogue

struct post_office {
    sim::world& world;
    bool may_break;
    std::vector<std::string> kept{};          ///< as they are on the disk
    std::vector<std::string> acknowledged{};  ///< as clients were told
    std::vector<std::string> sent{};
    int talking = 0;
};

/// Keeps a letter a while after it was asked to; now and then the disk is full.
class slow_letter final : public mail::letter {
public:
    explicit slow_letter(post_office& in) : in_(in) {}
    std::string id() const override { return "one"; }
    task<std::error_code> write(std::string part) override {
        co_await sleep(1ms);
        all_ += part;
        co_return std::error_code();
    }
    task<std::error_code> keep(std::string part) override {
        all_ += part;
        co_await sleep(std::chrono::milliseconds(in_.world.random() % 50));
        if (in_.world.random() % 10 == 0) co_return std::make_error_code(std::errc::no_space_on_device);
        in_.kept.push_back(all_.substr(all_.find("+0000\n") + 6));
        co_return std::error_code();
    }

private:
    post_office& in_;
    std::string all_;
};

class slow_box final : public mail::box {
public:
    explicit slow_box(post_office& in) : in_(in) {}
    std::unique_ptr<mail::letter> begin() override { return std::make_unique<slow_letter>(in_); }

private:
    post_office& in_;
};

/// The text of a letter, with lines of dots in it.
std::string make_letter(post_office& at, const std::string& name) {
    std::string text = "Subject: " + name + "\r\n";
    for (std::uint64_t lines = at.world.random() % 60; lines > 0; --lines) {
        text += std::string(at.world.random() % 4,
                            '.');  // one after the other: a seed is the same with each compiler
        text += std::string(at.world.random() % 300, 'x') + "\r\n";
    }
    return text;
}

std::string as_data(std::string text) {
    for (std::size_t at = text.find("\n."); at != std::string::npos; at = text.find("\n.", at + 2))
        text.insert(at + 1, ".");
    return "DATA\r\n" + text + ".\r\n";
}

std::string as_chunks(post_office& at, const std::string& text) {
    std::string out;
    for (std::size_t from = 0; from < text.size();) {
        const std::string part = text.substr(from, 1 + at.world.random() % text.size());
        from += part.size();
        out += "BDAT " + std::to_string(part.size()) + (from == text.size() ? " LAST\r\n" : "\r\n") + part;
    }
    return out;
}

/// The last line of each of `count` answers; throws where there is none.
task<std::string> answers(stream& peer, std::size_t count) {
    std::string last;
    while (count > 0) {
        const auto line = co_await peer.read_line(line_end::crlf);
        if (!line) throw error(errc::cut_short, "hear an answer");
        last = *line;
        if (last.size() > 3 && last[3] == ' ') --count;
    }
    co_return last;
}

task<> send(post_office& at, std::string name) {
    task<stream> connecting = connect("office:2525");
    stream peer = co_await connecting;
    co_await peer.write("EHLO laptop\r\n");
    co_await peer.flush();  // whose sending has failed hears no answer
    task<std::string> greeting = answers(peer, 2);
    co_await greeting;
    for (std::uint64_t letters = 1 + at.world.random() % 3; letters > 0; --letters) {
        const std::string text = make_letter(at, name + std::to_string(letters));
        const bool chunks = at.world.random() % 2 == 0;
        const std::string body = chunks ? as_chunks(at, text) : as_data(text);
        std::string kept = text;
        for (std::size_t cr = kept.find('\r'); cr != std::string::npos; cr = kept.find('\r'))
            kept.erase(cr, 1);
        at.sent.push_back(kept);
        const std::string all = "MAIL FROM:<a@laptop>\r\nRCPT TO:<b@office>\r\n" + body;
        for (std::size_t from = 0; from < all.size();) {
            const std::string piece = all.substr(from, 1 + at.world.random() % 4000);
            from += piece.size();
            co_await peer.write(piece);
            co_await peer.flush();
        }
        std::size_t parts = 1;
        for (std::size_t bdat = all.find("BDAT "); chunks && bdat != std::string::npos;
             bdat = all.find("BDAT ", bdat + 1))
            ++parts;
        task<std::string> heard = answers(peer, 2 + (chunks ? parts - 1 : 2));
        const std::string verdict = co_await heard;
        at.world.expect(verdict == "250 2.0.0 kept as one" || verdict == "452 4.3.1 no room on the disk",
                        verdict);
        if (verdict.starts_with("250")) at.acknowledged.push_back(kept);
    }
    co_await peer.write("QUIT\r\n");
    co_await peer.flush();
    task<std::string> leaving = answers(peer, 1);
    const std::string bye = co_await leaving;
    at.world.expect(bye == "221 2.0.0 bye", bye);
}

task<> client(post_office& at, server& office, std::string name) {
    try {
        task<> sending = send(at, std::move(name));
        co_await sending;
    } catch (const error& broken) {
        at.world.expect(at.may_break, broken.what());
    }
    if (--at.talking == 0) office.stop();
}

bool is_part_of(std::vector<std::string> few, std::vector<std::string> many) {
    std::sort(few.begin(), few.end());
    std::sort(many.begin(), many.end());
    return std::includes(many.begin(), many.end(), few.begin(), few.end());
}

void post(sim::world& world, engine which, bool may_break) {
    sim::host& office = world.add_host("office", {.engine = which});
    sim::host& laptop = world.add_host("laptop", {.engine = which});
    post_office here{.world = world, .may_break = may_break};
    slow_box into(here);
    mail::rules by;
    by.name = "office";
    server receiver({.host = "office", .port = 2525, .max_message = 4096, .idle_timeout = 300s},
                    [&](stream peer) { return mail::serve(std::move(peer), by, into); });
    office.spawn(receiver.run_on(office.loop()));
    here.talking = 4;
    for (const char* name : {"a", "b", "c", "d"})
        laptop.spawn(client(here, receiver, name));
    world.run();
    world.expect(is_part_of(here.acknowledged, here.kept), "what was said to be kept is kept");
    world.expect(is_part_of(here.kept, here.sent), "what is kept was sent, whole and once");
    world.expect(may_break || here.kept.size() == here.acknowledged.size(), "what is kept is told");
}

TEST(Mail, KeepsWhatItSaysAndNothingElseInEveryWeather) {
    for (const engine which : {engine::uring, engine::epoll}) {
        for (const mischief chance : {mischief::harmless, mischief::breaking}) {
            EXPECT_TRUE(sim::check({.seeds = 150, .chance = chance}, [&](sim::world& world) {
                post(world, which, chance == mischief::breaking);
            }));
        }
    }
}

}  // namespace
}  // namespace aperto
