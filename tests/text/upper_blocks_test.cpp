// SPDX-License-Identifier: MIT
#include "text/upper_blocks.hpp"

#include "core/utf8.hpp"
#include "text/icu_reference.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace aperto;
using namespace std::string_view_literals;

struct named_kernel {
    const char* name;
    text::block_kernel run;
};

void PrintTo(const named_kernel& kernel, std::ostream* out) { *out << kernel.name; }

// Every kernel that this processor can run, not only the one it would choose.
std::vector<named_kernel> kernels() {
    std::vector<named_kernel> found{{"portable", text::upper_blocks_portable}};
#if defined(__x86_64__)
    found.push_back({"sse2", text::upper_blocks_sse2});
    if (text::upper_blocks_name() == "avx2"sv) found.push_back({"avx2", text::upper_blocks_avx2});
#endif
    return found;
}

class upper_blocks : public testing::TestWithParam<named_kernel> {
protected:
    // What the kernel did of a text. Text and output stand in memory of exact size, so that the address
    // sanitizer sees a byte too many; the output may be written a little further than reported, as promised.
    std::string converted(std::string_view source) {
        const std::vector<char> text(source.begin(), source.end());
        std::vector<char> target(text.size() + text::block_slack);
        const std::size_t done = GetParam().run(text.data(), text.size(), target.data());
        EXPECT_LE(done, text.size());
        return {target.data(), done};
    }

    // The portable kernel promises ASCII only.
    bool promises_scripts() const { return GetParam().run != text::upper_blocks_portable; }
};

INSTANTIATE_TEST_SUITE_P(every_kernel, upper_blocks, testing::ValuesIn(kernels()),
                         [](const auto& kernel) { return kernel.param.name; });

std::string utf8_of(char32_t code_point) { return std::string(utf8::encode(code_point).view()); }

std::size_t ascii_prefix(std::string_view text) {
    const auto ascii = [](char byte) { return static_cast<unsigned char>(byte) < 0x80; };
    return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), ascii) - text.begin());
}

bool is_scalar(char32_t code_point) { return code_point < 0xD800 || code_point > 0xDFFF; }

TEST_P(upper_blocks, converts_plain_text_of_every_length_to_its_end) {
    std::string text;
    for (std::size_t size = 0; size <= 400; ++size) {
        ASSERT_EQ(converted(text), reference::upper(text));
        text += static_cast<char>(size * 37 % 128);
    }
}

// The rule of a kernel: it may do less than the whole, but what it did is right and ends between characters.
// Each code point stands at each place of a block of ASCII.
TEST_P(upper_blocks, is_right_about_every_code_point) {
    const std::string before(37, 'q');
    const std::string after(70, 'z');
    for (char32_t code_point = 0x80; code_point <= 0x10FFFF; ++code_point) {
        if (!is_scalar(code_point)) continue;
        const std::size_t shift = code_point % 37;  // so that neighbours stand at different places
        const std::string text = before.substr(shift) + utf8_of(code_point) + after;
        const std::string upper = converted(text);
        const std::size_t done = upper.size();
        ASSERT_TRUE(done == text.size() || done == before.size() - shift)
            << std::hex << std::uint32_t{code_point};
        ASSERT_EQ(upper, reference::upper(text.substr(0, done))) << std::hex << std::uint32_t{code_point};
    }
}

TEST_P(upper_blocks, is_right_about_every_two_byte_character_at_every_place) {
    for (char32_t code_point = 0x80; code_point <= 0x7FF; ++code_point) {
        const std::string character = utf8_of(code_point);
        for (std::size_t place = 0; place <= 66; ++place) {
            const std::string text =
                std::string(place, 'a') + character + character + std::string(place % 5 * 8, 'b');
            const std::string upper = converted(text);
            ASSERT_EQ(upper, reference::upper(text.substr(0, upper.size())))
                << std::hex << std::uint32_t{code_point};
            ASSERT_EQ(upper.size() % 2, upper.size() <= place ? place % 2 : text.size() % 2)
                << "cut a character";
        }
    }
}

TEST_P(upper_blocks, takes_the_scripts_it_promises) {
    for (const std::string_view script :
         {"a conexão é estabelecida: ÁÉÍÓÚ àèìòù ãõ ç ÿ ß µ ª º ÷ × ñ åäö æø ðþ"sv,
          "zażółć gęślą jaźń, příliš žluťoučký, őű"sv,
          "η σύνδεση εγκαθίσταται με τρία τμήματα, ώ ό ύ ϊ ϋ ς"sv,
          "соединение устанавливается ёжик ђљњћџ їєі ѡѣѿ"sv, "שלום עולם مرحبا بالعالم"sv,
          "नमस्ते สวัสดี ສະບາຍດີ བཀྲ་ཤིས"sv, "“quotes” – dashes — … € †"sv,
          "连接由三个报文段建立，こんにちは、안녕"sv, "😀👍🏽❤️"sv.substr(0, 12)}) {
        std::string text;
        while (text.size() < 500)
            text += script;
        const std::size_t promised = promises_scripts() ? text.size() : ascii_prefix(text);
        ASSERT_EQ(converted(text), reference::upper(text.substr(0, promised)));
    }
}

TEST_P(upper_blocks, stops_before_what_is_not_utf8_at_every_place) {
    for (const std::string_view bad :
         {"\x80"sv, "\xBF"sv, "\xC0\x80"sv, "\xC1\xBF"sv, "\xC3"sv, "\xC3\xC3\xA9"sv, "\xC3\xA9\xA9"sv,
          "\xE0\x9F\xBF"sv, "\xE2\x82"sv, "\xE4\xBD"sv, "\xED\xA0\x80"sv, "\xED\xBF\xBF"sv, "\xF0\x9F\x98"sv,
          "\xF0\x8F\x9F\x80"sv, "\xF4\x90\x80\x80"sv, "\xF5"sv, "\xFF"sv}) {
        const std::size_t valid = utf8::valid_prefix(bad);
        for (const std::string_view filler : {"a"sv, "é"sv, "中"sv}) {
            for (std::size_t place = 0; place <= 70; ++place) {
                std::string text;
                for (std::size_t i = 0; i < place; ++i)
                    text += filler;
                const std::size_t limit = text.size() + valid;
                text += bad;
                for (const std::string_view rest :
                     {""sv, "b"sv, "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"sv}) {
                    const std::string upper = converted(text + std::string(rest));
                    ASSERT_LE(upper.size(), limit);
                    ASSERT_EQ(upper, reference::upper(text.substr(0, upper.size())));
                }
            }
        }
    }
}

TEST(upper_blocks_choice, is_a_vector_kernel_where_there_is_one) {
    std::cout << "this processor uses the kernel " << text::upper_blocks_name() << '\n';
#if defined(__x86_64__)
    EXPECT_NE(text::upper_blocks_name(), "portable"sv);
#endif
}

}  // namespace
