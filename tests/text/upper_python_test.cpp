// SPDX-License-Identifier: MIT
//
// Python's str.upper() is the second opinion, made without ICU: the lesson's server is a Python script, and
// ours answers what it would.
#include "core/utf8.hpp"

#include <aperto/text.hpp>

#include <gtest/gtest.h>
#include <unicode/uchar.h>
#include <unicode/uversion.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>

namespace {

using namespace aperto;

struct close_pipe {
    void operator()(std::FILE* pipe) const { pclose(pipe); }
};

// All that the script beside this file writes.
std::string ask_python() {
    const std::filesystem::path script = std::filesystem::path(__FILE__).replace_filename("python_upper.py");
    const std::string command = "python3 -B '" + script.string() + "'";
    const std::unique_ptr<std::FILE, close_pipe> pipe(popen(command.c_str(), "r"));
    std::string out;
    std::array<char, 65536> buffer;
    while (const std::size_t size = pipe ? std::fread(buffer.data(), 1, buffer.size(), pipe.get()) : 0) {
        out.append(buffer.data(), size);
    }
    return out;
}

const std::string& python() {
    static const std::string answer = ask_python();
    return answer;
}

// Takes the answer apart, from its beginning.
class reader {
public:
    explicit reader(std::string_view rest) : rest_(rest) {}

    bool at_end() const { return rest_.empty(); }

    std::string_view take(std::size_t size) {
        const std::string_view taken = rest_.substr(0, size);
        rest_.remove_prefix(taken.size());
        return taken;
    }

    unsigned take_byte() { return static_cast<unsigned char>(take(1).at(0)); }

    std::string_view take_line() {
        const std::string_view line = take(rest_.find('\n'));
        take(1);
        return line;
    }

    std::string_view take_string() {
        const unsigned low = take_byte();
        return take(low | take_byte() << 8);
    }

private:
    std::string_view rest_;
};

constexpr char32_t after(char32_t code_point) { return code_point == 0xD7FF ? 0xE000 : code_point + 1; }

bool known_to_icu(char32_t code_point) { return u_isdefined(static_cast<UChar32>(code_point)); }

void skip_table(reader& answer) {
    answer.take_line();
    for (char32_t code_point = 0; code_point <= 0x10FFFF; code_point = after(code_point)) {
        answer.take(answer.take_byte() & 0x7F);
    }
}

bool all_known_to_icu(std::string_view text) {
    for (const char* at = text.data(); at != text.data() + text.size();) {
        const utf8::step found = utf8::decode(at, text.data() + text.size());
        if (!known_to_icu(found.code_point)) return false;
        at += found.size;
    }
    return true;
}

TEST(upper_python, agrees_about_every_code_point_that_both_know) {
    ASSERT_FALSE(python().empty()) << "python3 did not run; this test needs it";
    reader answer(python());
    const std::string version(answer.take_line());
    std::size_t known = 0;
    std::size_t changed = 0;
    std::size_t unknown_to_one = 0;
    std::size_t tolerated = 0;
    for (char32_t code_point = 0; code_point <= 0x10FFFF; code_point = after(code_point)) {
        const unsigned head = answer.take_byte();
        const std::string_view expected = answer.take(head & 0x7F);
        const std::string character(utf8::encode(code_point).view());
        const std::string upper = to_upper(character);
        const bool known_to_python = (head & 0x80) != 0;
        unknown_to_one += known_to_python != known_to_icu(code_point);
        if (known_to_python != known_to_icu(code_point)) {
            tolerated += upper != expected;
            continue;
        }
        known += known_to_python;
        changed += upper != character;
        EXPECT_EQ(upper, expected) << "U+" << std::hex << std::uint32_t{code_point};
    }
    std::cout << "Python knows Unicode " << version << ", ICU " << U_UNICODE_VERSION << ": " << known
              << " code points are assigned in both, " << changed << " have capitals; " << unknown_to_one
              << " are assigned in one only, and " << tolerated << " of those differ\n";
    EXPECT_GT(known, 280'000u);
    EXPECT_GT(changed, 1'400u);
}

TEST(upper_python, agrees_about_strings) {
    ASSERT_FALSE(python().empty()) << "python3 did not run; this test needs it";
    reader answer(python());
    skip_table(answer);
    std::size_t compared = 0;
    while (!answer.at_end()) {
        const std::string_view text = answer.take_string();
        const std::string_view expected = answer.take_string();
        if (!all_known_to_icu(text)) continue;
        ASSERT_EQ(to_upper(text), expected) << text;
        ++compared;
    }
    std::cout << compared << " strings compared\n";
    EXPECT_GT(compared, 15'000u);
}

}  // namespace
