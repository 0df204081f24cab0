// SPDX-License-Identifier: MIT
#include "aperto/framing.hpp"

#include "aperto/error.hpp"
#include "core/utf8.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <ostream>
#include <vector>

namespace aperto {

void PrintTo(frame::state what, std::ostream* out) {
    *out << (what == frame::state::complete     ? "complete"
             : what == frame::state::incomplete ? "incomplete"
                                                : "too large");
}

namespace {

constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

/// Feeds `bytes` in pieces of `piece` bytes, as a connection does, and gives the messages found.
std::vector<std::string> messages(framing which, std::string_view bytes, std::size_t piece,
                                  std::size_t message_max = unlimited) {
    std::vector<std::string> found;
    std::string held;
    for (std::size_t at = 0; at <= bytes.size(); at += piece) {
        const bool ended = at + piece > bytes.size();
        const std::size_t scanned = held.size();
        held += bytes.substr(at, piece);
        std::size_t known = scanned;
        for (;;) {
            const frame next =
                find_frame(which, held, message_max, ended, which == framing::line ? known : 0);
            if (next.what != frame::state::complete) break;
            found.emplace_back(next.message);
            held.erase(0, next.consumed);
            known = 0;
        }
    }
    return found;
}

TEST(FramingStream, GivesWhatHasArrived) {
    const frame found = find_frame(framing::stream, "texto original", unlimited, false);
    EXPECT_EQ(found.what, frame::state::complete);
    EXPECT_EQ(found.message, "texto original");
    EXPECT_EQ(found.consumed, 14u);
    EXPECT_EQ(find_frame(framing::stream, "", unlimited, false).what, frame::state::incomplete);
    EXPECT_EQ(find_frame(framing::stream, "", unlimited, true).what, frame::state::incomplete);
}

TEST(FramingStream, NeverCutsACharacter) {
    const std::string text = "aé€😀z";
    for (std::size_t size = 1; size <= text.size(); ++size) {
        const frame found =
            find_frame(framing::stream, std::string_view(text).substr(0, size), unlimited, false);
        EXPECT_TRUE(utf8::is_valid(found.message)) << size;
        EXPECT_LT(size - found.consumed, 4u);
    }
    for (std::size_t piece = 1; piece <= text.size(); ++piece) {
        std::string joined;
        for (const std::string& each : messages(framing::stream, text, piece)) {
            EXPECT_TRUE(utf8::is_valid(each)) << piece;
            joined += each;
        }
        EXPECT_EQ(joined, text) << piece;
    }
}

TEST(FramingStream, SaysHowManyBytesACharacterNeeds) {
    EXPECT_EQ(find_frame(framing::stream, "\xC3", unlimited, false).needed, 2u);
    EXPECT_EQ(find_frame(framing::stream, "\xE2\x82", unlimited, false).needed, 3u);
    EXPECT_EQ(find_frame(framing::stream, "\xF0\x9F\x98", unlimited, false).needed, 4u);
}

TEST(FramingStream, GivesACutCharacterAtTheEnd) {
    const frame found = find_frame(framing::stream, "\xE2\x82", unlimited, true);
    EXPECT_EQ(found.what, frame::state::complete);
    EXPECT_EQ(found.message, "\xE2\x82");
}

TEST(FramingStream, KeepsToTheLimitAndToCharacters) {
    const frame found = find_frame(framing::stream, "aé€😀", 5, true);
    EXPECT_EQ(found.message, "aé");
    // No character of four bytes fits in three; the limit holds all the same, and the stream goes on.
    const frame tight = find_frame(framing::stream, "😀😀", 3, false);
    EXPECT_EQ(tight.what, frame::state::complete);
    EXPECT_EQ(tight.consumed, 3u);
    EXPECT_EQ(find_frame(framing::stream, "\xF0\x9F\x98", 3, false).what, frame::state::complete);
    EXPECT_EQ(find_frame(framing::stream, "a", 0, false).what, frame::state::too_large);
}

TEST(FramingLine, EndsAtTheLineFeed) {
    for (std::size_t piece = 1; piece < 20; ++piece)
        EXPECT_EQ(messages(framing::line, "one\r\n\ntwo\nthree", piece),
                  (std::vector<std::string>{"one", "", "two", "three"}))
            << piece;
    EXPECT_TRUE(find_frame(framing::line, "a\r\n", unlimited, false).carriage_return);
    EXPECT_FALSE(find_frame(framing::line, "a\n", unlimited, false).carriage_return);
    EXPECT_EQ(find_frame(framing::line, "a\r\r\n", unlimited, false).message, "a\r");
    EXPECT_EQ(find_frame(framing::line, std::string_view("\0\n", 2), 1, false).message,
              std::string_view("\0", 1));
}

TEST(FramingLine, DoesNotLookAgainAtWhatWasScanned) {
    // Were the line feed there looked at, it would end the line.
    EXPECT_EQ(find_frame(framing::line, "a\nb\n", unlimited, false, 2).message, "a\nb");
    EXPECT_EQ(find_frame(framing::line, "abc", unlimited, false, 3).what, frame::state::incomplete);
    EXPECT_EQ(find_frame(framing::line, "abc", unlimited, false, 99).what, frame::state::incomplete);
}

TEST(FramingLine, AtItsLimitIsWholeAndPastItTooLarge) {
    EXPECT_EQ(find_frame(framing::line, "abc\n", 3, false).message, "abc");
    EXPECT_EQ(find_frame(framing::line, "abc\r\n", 3, false).message, "abc");
    EXPECT_EQ(find_frame(framing::line, "abc", 3, false).what, frame::state::incomplete);
    EXPECT_EQ(find_frame(framing::line, "abc\r", 3, false).what, frame::state::incomplete);
    EXPECT_EQ(find_frame(framing::line, "abcd", 3, false).what, frame::state::too_large);
    EXPECT_EQ(find_frame(framing::line, "abc\rd", 3, false).what, frame::state::too_large);
    EXPECT_EQ(find_frame(framing::line, "abcd\n", 3, false).what, frame::state::too_large);
    EXPECT_EQ(find_frame(framing::line, "abcdefgh\n", 3, false).what, frame::state::too_large);
    EXPECT_EQ(find_frame(framing::line, "abcd\n", 3, false).needed, 4U) << "what was there of it";
    EXPECT_EQ(find_frame(framing::line, "abcd", 3, true).what, frame::state::too_large);
    EXPECT_EQ(find_frame(framing::line, "abc", 3, true).message, "abc");
    EXPECT_EQ(find_frame(framing::line, "\n", 0, false).message, "");
}

TEST(FramingLength, TakesWhatIsAnnounced) {
    const std::string_view bytes("\0\0\0\3abcd", 8);
    const frame found = find_frame(framing::length, bytes, 3, false);
    EXPECT_EQ(found.message, "abc");
    EXPECT_EQ(found.consumed, 7u);
    for (std::size_t size = 0; size < 7; ++size) {
        const frame part = find_frame(framing::length, bytes.substr(0, size), 3, true);
        EXPECT_EQ(part.what, frame::state::incomplete) << size;
        EXPECT_EQ(part.needed, size < 4 ? 4u : 7u);
    }
    EXPECT_EQ(find_frame(framing::length, std::string_view("\0\0\0\0", 4), 0, false).what,
              frame::state::complete);
}

TEST(FramingLength, RefusesTooMuchBeforeAByteOfItCame) {
    const frame found = find_frame(framing::length, "\xFF\xFF\xFF\xFF", 1024, false);
    EXPECT_EQ(found.what, frame::state::too_large);
    EXPECT_EQ(found.needed, length_max);
}

TEST(Framing, IsReadBackAsItWasWritten) {
    const std::string_view nuls("a\0b", 3);
    for (const framing which : {framing::line, framing::length}) {
        std::string bytes;
        append_frame(which, "texto original", bytes);
        append_frame(which, "", bytes);
        append_frame(which, nuls, bytes);
        for (std::size_t piece = 1; piece <= bytes.size(); ++piece)
            EXPECT_EQ(messages(which, bytes, piece),
                      (std::vector<std::string>{"texto original", "", std::string(nuls)}))
                << to_string(which) << " in pieces of " << piece;
    }
    std::string line;
    append_frame(framing::line, "a", line, true);
    EXPECT_EQ(line, "a\r\n");
}

TEST(Framing, HasNames) {
    for (const framing which : {framing::stream, framing::line, framing::length, framing::raw})
        EXPECT_EQ(framing_from_string(to_string(which)), which);
    EXPECT_EQ(framing_from_string("lines"), std::nullopt);
}

}  // namespace
}  // namespace aperto
