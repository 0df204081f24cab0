// SPDX-License-Identifier: MIT
#include "core/display.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <sstream>

namespace aperto {
namespace {

class display : public testing::Test {
protected:
    void SetUp() override { ASSERT_NE(std::setlocale(LC_CTYPE, "C.UTF-8"), nullptr); }
};

struct pseudo_terminal {
    pseudo_terminal() { EXPECT_GE(descriptor, 0); }
    ~pseudo_terminal() { ::close(descriptor); }
    pseudo_terminal(const pseudo_terminal&) = delete;
    pseudo_terminal& operator=(const pseudo_terminal&) = delete;

    int descriptor = ::posix_openpt(O_RDWR | O_NOCTTY);
};

TEST_F(display, width_counts_columns_not_bytes) {
    EXPECT_EQ(display_width("olá"), 3u);
    EXPECT_EQ(display_width("日本"), 4u);
    EXPECT_EQ(display_width("e\u0301"), 1u);
    EXPECT_EQ(display_width("├──▶┤"), 5u);
    EXPECT_EQ(display_width("a\xff"), 2u) << "what is no character takes a column";
}

TEST_F(display, lines_break_between_words_alone) {
    EXPECT_EQ(wrap("one two three", 7), "one two\nthree");
    EXPECT_EQ(wrap("one two three", 13), "one two three");
    EXPECT_EQ(wrap("one two three", 0), "one two three") << "no width is known";
    EXPECT_EQ(wrap("- one two", 6, 2), "- one\n  two");
    EXPECT_EQ(wrap("one two", 10, 3, 5), "one\n   two") << "the line has begun at column 5";
    EXPECT_EQ(wrap("one\ntwo three\n", 8), "one\ntwo\nthree\n");
    EXPECT_EQ(wrap("a   b", 10), "a   b") << "blanks within a line are kept";
    EXPECT_EQ(wrap("  a b", 3), "  a\nb") << "and before its first word";
}

TEST_F(display, wide_characters_count_for_what_they_take) {
    EXPECT_EQ(wrap("日本 日本", 8), "日本\n日本");
    EXPECT_EQ(wrap("日本 日本", 9), "日本 日本");
    EXPECT_EQ(wrap("日本日本", 5), "日本\n日本") << "a word wider than a line is cut between characters";
    EXPECT_EQ(wrap("ááááá", 3), "ááá\náá");
}

TEST_F(display, a_quotation_stays_in_one_line_where_one_is_long_enough) {
    EXPECT_EQ(wrap("says \"texto original\"", 17), "says\n\"texto original\"");
    EXPECT_EQ(wrap("a \"b \" c", 5), "a\n\"b \"\nc") << "no quotation mark stands alone";
    EXPECT_EQ(wrap("\"one two three\"", 8), "\"one two\nthree\"");
}

TEST_F(display, no_line_begins_with_a_unit_or_a_separator) {
    EXPECT_EQ(wrap("window 64,240 B here", 14), "window\n64,240 B here");
    EXPECT_EQ(wrap("took 9.5 ms, more", 9), "took\n9.5 ms,\nmore");
    EXPECT_EQ(wrap("one two · three", 8), "one\ntwo ·\nthree");
    EXPECT_EQ(wrap("plan B", 4), "plan\nB") << "no number before it";
    EXPECT_EQ(wrap("123456 B", 6), "123456\nB") << "no line is long enough";
}

TEST_F(display, no_line_is_wider_than_the_terminal) {
    const std::string text =
        "olá, \"texto original\" 日本日本日本日本日本日本 · supercalifragilisticexpialidocious 1–1,460 "
        "ááá\n- b";
    for (std::size_t columns = 4; columns < 120; ++columns) {
        std::istringstream lines(wrap(text, columns, 2));
        std::string whole;
        for (std::string line; std::getline(lines, line);) {
            EXPECT_LE(display_width(line), columns) << line;
            whole += line;
        }
        std::string before = text;
        for (std::string* each : {&whole, &before})
            std::erase_if(*each, [](char c) { return c == ' ' || c == '\n'; });
        EXPECT_EQ(whole, before) << "at " << columns;
    }
}

TEST_F(display, columns_said_in_the_environment_win) {
    const pseudo_terminal terminal;
    winsize size{};
    size.ws_col = 71;
    ASSERT_EQ(::ioctl(terminal.descriptor, TIOCSWINSZ, &size), 0);
    ASSERT_EQ(::setenv("COLUMNS", "93", 1), 0);
    EXPECT_EQ(terminal_columns(terminal.descriptor), 93u);
    EXPECT_EQ(terminal_columns(-1), 0u) << "what is no terminal has no edge";
    for (const char* wrong : {"", "wide", "0", "-4", "80x"}) {
        ASSERT_EQ(::setenv("COLUMNS", wrong, 1), 0);
        EXPECT_EQ(asked_columns(), 0u) << wrong;
        EXPECT_EQ(terminal_columns(terminal.descriptor), 71u) << wrong;
    }
    ASSERT_EQ(::unsetenv("COLUMNS"), 0);
    EXPECT_EQ(terminal_columns(terminal.descriptor), 71u);
}

TEST_F(display, no_color_counts_when_it_says_something) {
    const pseudo_terminal pair;
    const int terminal = pair.descriptor;
    ASSERT_EQ(::setenv("TERM", "xterm", 1), 0);
    ASSERT_EQ(::unsetenv("NO_COLOR"), 0);
    EXPECT_TRUE(takes_colour(terminal));
    ASSERT_EQ(::setenv("NO_COLOR", "", 1), 0);
    EXPECT_TRUE(takes_colour(terminal)) << "set but empty is not set";
    ASSERT_EQ(::setenv("NO_COLOR", "1", 1), 0);
    EXPECT_FALSE(takes_colour(terminal));
    ASSERT_EQ(::unsetenv("NO_COLOR"), 0);
    ASSERT_EQ(::setenv("TERM", "dumb", 1), 0);
    EXPECT_FALSE(takes_colour(terminal));
}

}  // namespace
}  // namespace aperto
