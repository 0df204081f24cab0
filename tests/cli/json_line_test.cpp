// SPDX-License-Identifier: MIT
#include "cli/serve/log.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace aperto::cli {
namespace {

/// What another program reads.
nlohmann::json read_back(json_line& line) {
    const std::string text = line.finish();
    EXPECT_EQ(text.back(), '\n');
    EXPECT_EQ(text.find('\n'), text.size() - 1) << "one line";
    return nlohmann::json::parse(text);
}

TEST(json_line, begins_with_the_event_and_the_time) {
    json_line line("listening");
    const std::string text = line.add("port", 9999).finish();
    EXPECT_EQ(text.find(R"({"event":"listening","time":"20)"), 0u) << text;
    const auto object = nlohmann::json::parse(text);
    EXPECT_EQ(object["port"], 9999);
    EXPECT_EQ(object["time"].get<std::string>().size(), std::string("2026-11-22T13:45:02.123Z").size());
}

TEST(json_line, every_kind_of_value) {
    json_line line("x");
    line.add("t", true).add("n", std::int64_t{-5}).add("d", 1.5).add("s", "olá");
    line.add("some", std::optional<int>(7)).add("none", std::optional<int>());
    const auto object = read_back(line);
    EXPECT_EQ(object["t"], true);
    EXPECT_EQ(object["n"], -5);
    EXPECT_EQ(object["d"], 1.5);
    EXPECT_EQ(object["s"], "olá");
    EXPECT_EQ(object["some"], 7);
    EXPECT_FALSE(object.contains("none"));
}

TEST(json_line, any_bytes_make_a_valid_line) {
    for (int first = 0; first < 256; ++first) {
        const std::string bytes{static_cast<char>(first), 'x', static_cast<char>(first), '"', '\\'};
        json_line line("message");
        line.add("text", bytes);
        const std::string back = read_back(line)["text"];
        if (first < 0x80)
            EXPECT_EQ(back, bytes);
        else
            EXPECT_EQ(back, "\uFFFDx\uFFFD\"\\") << first;
    }
}

TEST(json_line, what_a_terminal_would_obey_is_escaped_and_read_back) {
    const std::string hostile = "\033[2J\u009b31m\u202e\U000E0041";
    json_line line("message");
    line.add("text", hostile);
    const std::string text = line.finish();
    for (const char c : text.substr(0, text.size() - 1))
        EXPECT_TRUE(c >= 0x20 && c < 0x7F) << text;
    EXPECT_EQ(nlohmann::json::parse(text)["text"], hostile);
}

TEST(json_line, a_cut_never_splits_a_character) {
    json_line line("message");
    line.add_cut("text", "aéé", 4);
    EXPECT_EQ(read_back(line)["text"], "aé");
}

}  // namespace
}  // namespace aperto::cli
