// SPDX-License-Identifier: MIT
// Writes the table of text/case_table.hpp as C++: run when the library is built, with the ICU of where that is.
#include "text/case_table.hpp"

#include <unicode/uchar.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using aperto::text::page_count;
using aperto::text::page_size;

std::string utf8_of(const UChar* text, std::int32_t size) {
    std::array<char, 16> bytes{};
    std::int32_t count = 0;
    UErrorCode status = U_ZERO_ERROR;
    u_strToUTF8(bytes.data(), bytes.size(), &count, text, size, &status);
    if (U_FAILURE(status)) std::exit(1);
    return {bytes.data(), static_cast<std::size_t>(count)};
}

struct forms {
    std::string own;
    std::string upper;
};

forms forms_of(std::size_t code_point) {
    std::array<UChar, 2> source{};
    std::int32_t source_size = 0;
    U16_APPEND_UNSAFE(source.data(), source_size, static_cast<std::uint32_t>(code_point));
    std::array<UChar, 8> upper{};
    UErrorCode status = U_ZERO_ERROR;
    // Of the root locale, by its empty name: no language's own rules (Turkish, Lithuanian).
    const std::int32_t size =
        u_strToUpper(upper.data(), upper.size(), source.data(), source_size, "", &status);
    if (U_FAILURE(status)) std::exit(1);
    return {utf8_of(source.data(), source_size), utf8_of(upper.data(), size)};
}

bool is_surrogate(std::size_t code_point) { return code_point >= 0xD800 && code_point <= 0xDFFF; }

/// Each form as its bytes and their count.
void write_page(const std::vector<forms>& page) {
    std::puts("    {{");
    for (const forms& each : page) {
        std::fputs("        {{", stdout);
        for (const char byte : each.upper)
            std::printf("'\\x%02X', ", static_cast<unsigned>(static_cast<unsigned char>(byte)));
        std::printf("}, %zu},\n", each.upper.size());
    }
    std::puts("    }},");
}

}  // namespace

int main() {
    std::vector<unsigned> numbers;
    unsigned changed = 0;
    std::printf("// Unicode %s, as ICU %s has it.\n", U_UNICODE_VERSION, U_ICU_VERSION);
    std::puts(
        "#include \"text/case_table.hpp\"\n\nnamespace aperto::text {\nnamespace {\n\nconstexpr upper_page "
        "pages[] = {");
    for (std::size_t index = 0; index < page_count; ++index) {
        std::vector<forms> page(page_size);
        bool changes = false;
        for (std::size_t at = 0; at < page_size; ++at) {
            const std::size_t code_point = index * page_size + at;
            if (is_surrogate(code_point)) continue;
            page[at] = forms_of(code_point);
            changes = changes || page[at].own != page[at].upper;
        }
        numbers.push_back(changes ? ++changed : 0);
        if (changes) write_page(page);
    }
    if (changed > UINT8_MAX) return 1;
    std::puts(
        "};\n\n}  // namespace\n\nconst upper_page* const upper_pages = pages;\n"
        "const std::array<std::uint8_t, page_count> upper_page_numbers = {");
    for (std::size_t index = 0; index < numbers.size(); ++index)
        std::printf("%u,%c", numbers[index], index % 32 == 31 ? '\n' : ' ');
    std::puts("};\n\n}  // namespace aperto::text");
    return std::fflush(stdout) == 0 ? 0 : 1;
}
