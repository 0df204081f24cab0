// SPDX-License-Identifier: MIT
#include "core/log_safe.hpp"

#include "core/utf8.hpp"

#include <algorithm>
#include <cstdint>

namespace aperto {
namespace {

constexpr std::string_view hex_digits = "0123456789ABCDEF";

struct range {
    char32_t first;
    char32_t last;
};

// U+206A to U+206F are the deprecated formatting characters beside the direction isolates. The two
// noncharacters that end each plane are tested apart.
constexpr range hidden_ranges[] = {
    {0x0080, 0x009F}, {0x061C, 0x061C}, {0x200E, 0x200F}, {0x2028, 0x202E},   {0x2066, 0x206F},
    {0xFDD0, 0xFDEF}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xE0000, 0xE007F},
};

bool is_hidden(char32_t code_point) {
    if ((code_point & 0xFFFE) == 0xFFFE) return true;
    return std::any_of(std::begin(hidden_ranges), std::end(hidden_ranges), [code_point](const range& r) {
        return code_point >= r.first && code_point <= r.last;
    });
}

void append_byte(unsigned char byte, std::string& out) {
    out += "\\x";
    out += hex_digits[byte >> 4];
    out += hex_digits[byte & 0xF];
}

void append_code_point(char32_t code_point, std::string& out) {
    out += "\\u{";
    int shift = 20;
    while (shift > 0 && (code_point >> shift) == 0)
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        out += hex_digits[(code_point >> shift) & 0xF];
    out += '}';
}

void append_ascii(char character, std::string& out) {
    const auto byte = static_cast<unsigned char>(character);
    if (character == '\\') {
        out += "\\\\";
    } else if (byte >= 0x20 && byte != 0x7F) {
        out += character;
    } else if (character == '\n') {
        out += "\\n";
    } else if (character == '\r') {
        out += "\\r";
    } else if (character == '\t') {
        out += "\\t";
    } else {
        append_byte(byte, out);
    }
}

}  // namespace

void log_safe(std::string_view bytes, std::string& out, std::size_t size_max) {
    const char* at = bytes.data();
    const char* const last = at + bytes.size();
    const char* const shown_last = at + std::min(size_max, bytes.size());
    while (at != shown_last) {
        const utf8::step found = utf8::decode(at, last);
        if (found.size > shown_last - at) break;
        if (found.kind != utf8::kind::character) {
            append_byte(static_cast<unsigned char>(*at), out);
            ++at;
            continue;
        }
        if (found.size == 1) {
            append_ascii(*at, out);
        } else if (is_hidden(found.code_point)) {
            append_code_point(found.code_point, out);
        } else {
            out.append(at, found.size);
        }
        at += found.size;
    }
    if (at != last) out += "…(+" + std::to_string(last - at) + " B)";
}

std::string log_safe(std::string_view bytes, std::size_t size_max) {
    std::string out;
    out.reserve(std::min(size_max, bytes.size()));
    log_safe(bytes, out, size_max);
    return out;
}

}  // namespace aperto
