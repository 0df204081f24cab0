// SPDX-License-Identifier: MIT
#include "text/upper_text.hpp"

#include "core/utf8.hpp"
#include "text/ascii.hpp"
#include "text/case_table.hpp"
#include "text/upper_blocks.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace aperto::text {
namespace {

// Output gathers here and is appended at once: it stays in the first-level cache, and the string is never
// filled with zeros only to be overwritten.
constexpr std::size_t window_size = 4096;

// Characters are taken one at a time until the text has been plain for this long: a block kernel that meets
// one foreign character in each block would only start and stop.
constexpr std::size_t plain_run = 16;

// First bytes of characters that the block kernels take, by and large.
constexpr std::array<bool, 256> make_plain_leads() {
    std::array<bool, 256> plain{};
    for (unsigned byte = 0; byte < 0x80; ++byte)
        plain[byte] = true;
    for (unsigned byte = 0xC2; byte <= 0xC5; ++byte)
        plain[byte] = true;
    for (unsigned byte = 0xCE; byte <= 0xD1; ++byte)
        plain[byte] = true;
    for (unsigned byte = 0xD7; byte <= 0xEC; ++byte)
        plain[byte] = byte != 0xE1 && byte != 0xEA;
    plain[0xEF] = true;
    plain[0xF0] = true;
    return plain;
}
constexpr std::array<bool, 256> plain_leads = make_plain_leads();

// Two to four bytes by two copies of fixed size, which may overlap and need no call.
inline void copy_character(const char* source, std::size_t size, char* target) {
    std::memcpy(target, source, 2);
    std::memcpy(target + size - 2, source + size - 2, 2);
}

class converter {
public:
    converter(std::string_view text, std::string& out)
        : text_(text), at_(text.data()), last_(at_ + text.size()), out_(out) {}

    invalid_tally run() {
        while (at_ != last_) {
            blocks();
            if (at_ != last_) characters();
            if (used_ >= window_size || at_ == last_) flush();
        }
        return tally_;
    }

private:
    void flush() {
        out_.append(window_.data(), used_);
        used_ = 0;
    }

    std::size_t room() const { return used_ < window_size ? window_size - used_ : 0; }

    void blocks() {
        const std::size_t size = std::min(static_cast<std::size_t>(last_ - at_), room());
        const std::size_t done = upper_blocks(at_, size, window_.data() + used_);
        at_ += done;
        used_ += done;
    }

    void characters() {
        std::size_t plain = 0;
        while (plain < plain_run && at_ != last_ && room() != 0) {
            const auto byte = static_cast<unsigned char>(*at_);
            const std::size_t size = byte < 0x80 ? ascii(*at_) : character();
            plain = plain_leads[byte] ? plain + size : 0;
        }
    }

    std::size_t ascii(char character) {
        window_[used_++] = ascii_upper(character);
        ++at_;
        return 1;
    }

    // One character that is not ASCII, or one byte that is none. Returns the bytes read.
    std::size_t character() {
        const utf8::step found = utf8::decode(at_, last_);
        char* const target = window_.data() + used_;
        if (found.kind != utf8::kind::character) {
            invalid(found.size);
        } else if (const upper_page* const page = upper_page_of(found.code_point); !page) {
            copy_character(at_, found.size, target);
            used_ += found.size;
        } else {
            const upper_form& form = (*page)[found.code_point % page_size];
            std::memcpy(target, &form, sizeof form);
            used_ += form.size;
        }
        at_ += found.size;
        return found.size;
    }

    void invalid(std::size_t size) {
        if (tally_.bytes == 0) tally_.first = static_cast<std::size_t>(at_ - text_.data());
        tally_.bytes += size;
        std::memcpy(window_.data() + used_, at_, size);
        used_ += size;
    }

    std::string_view text_;
    const char* at_;
    const char* last_;
    std::string& out_;
    invalid_tally tally_;
    std::size_t used_ = 0;
    std::array<char, window_size + block_slack> window_;  // used_ bytes of it are output not yet appended
};

// What the block kernels take of a long text goes straight into the string: a copy less than by the window.
// Returns the bytes done. 0 where the standard library cannot leave new bytes of a string unset (before
// C++23).
std::size_t upper_directly([[maybe_unused]] std::string_view text, [[maybe_unused]] std::string& out) {
    std::size_t done = 0;
#ifdef __cpp_lib_string_resize_and_overwrite
    const std::size_t before = out.size();
    out.resize_and_overwrite(before + text.size() + block_slack, [&](char* all, std::size_t) {
        done = upper_blocks(text.data(), text.size(), all + before);
        return before + done;
    });
#endif
    return done;
}

}  // namespace

invalid_tally upper_text(std::string_view text, std::string& out) {
    if (!text.empty() && text.size() <= medium_size_max) {
        std::array<char, medium_size_max> upper;
        const bool is_ascii = text.size() <= short_size_max
                                  ? ascii_upper_short(text.data(), text.size(), upper.data())
                                  : ascii_upper_medium(text.data(), text.size(), upper.data());
        if (is_ascii) {
            out.append(upper.data(), text.size());
            return {};
        }
    }
    if (text.size() <= window_size) return converter(text, out).run();
    out.reserve(out.size() + text.size() + block_slack);
    const std::size_t done = upper_directly(text, out);
    invalid_tally tally = converter(text.substr(done), out).run();
    tally.first += done;
    return tally;
}

}  // namespace aperto::text
