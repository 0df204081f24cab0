// SPDX-License-Identifier: MIT
#include "load/tape.hpp"

#include <algorithm>

namespace aperto::load {
namespace {

// Long enough that neighbouring messages differ and one system call can take much; short enough for the
// cache.
constexpr std::size_t length_min = 64 * 1024;
constexpr std::size_t length_of_header = 4;

// xorshift64 (Marsaglia, 2003): the same text each time.
class letters {
public:
    char next() noexcept {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        const auto pick = static_cast<unsigned>(state_ >> 33) % 32;
        return pick < 26 ? static_cast<char>('a' + pick) : ' ';
    }

private:
    std::uint64_t state_ = 0x9E3779B97F4A7C15;
};

void append_header(std::string& out, std::uint64_t size) {
    for (int shift = 24; shift >= 0; shift -= 8) {
        out += static_cast<char>(static_cast<unsigned char>(size >> shift));
    }
}

char answer_to(char letter, expectation expect) noexcept {
    const bool raise = expect == expectation::upper && letter >= 'a' && letter <= 'z';
    return raise ? static_cast<char>(letter - 'a' + 'A') : letter;
}

/// How many messages of so many bytes make a round.
std::size_t messages_a_round(std::size_t size) noexcept {
    return std::max<std::size_t>(1, (length_min + size - 1) / size);
}

message_loop repeat(const std::string& text) {
    std::string round;
    const std::size_t count = messages_a_round(text.size());
    round.reserve(count * text.size());
    for (std::size_t i = 0; i < count; ++i) {
        round += text;
    }
    return {round, text.size()};
}

std::string answer_to(std::string text, expectation expect) {
    for (char& each : text) {
        each = answer_to(each, expect);
    }
    return text;
}

}  // namespace

message_loop::message_loop(const std::string& round, std::size_t unit)
    : twice_(round + round), length_(round.size()), unit_(unit) {}

tape::tape(const plan& what) {
    byte_for_byte_ = what.expect == expectation::upper || what.expect == expectation::echo;
    if (what.request_text.empty()) {
        make_messages(what.framing, what.size, what.expect);
    } else {
        request_size_ = what.request_text.size();
        requests_ = repeat(what.request_text);
        if (byte_for_byte_) replies_ = repeat(answer_to(what.request_text, what.expect));
    }
    if (byte_for_byte_) reply_size_ = request_size_;
    if (what.expect == expectation::bytes) reply_size_ = what.reply_bytes;
    if (what.expect != expectation::text) return;
    reply_size_ = what.reply_text.size();
    replies_ = repeat(what.reply_text);
}

void tape::make_messages(framing how, std::size_t size, expectation expect) {
    const std::size_t frame = how == framing::line ? 1 : how == framing::length ? length_of_header : 0;
    request_size_ = size + frame;
    // A stream has no borders to keep, so a message may be longer than the tape.
    const std::size_t unit = how == framing::stream ? std::min(size, length_min) : size + frame;
    const std::size_t count = messages_a_round(unit);
    const std::size_t payload = how == framing::stream ? unit : size;
    letters text;
    std::string requests;
    std::string replies;
    requests.reserve(count * unit);
    replies.reserve(count * unit);
    for (std::size_t i = 0; i < count; ++i) {
        if (how == framing::length) append_header(requests, size);
        const std::size_t begin = requests.size();
        for (std::size_t k = 0; k < payload; ++k) {
            requests += text.next();
        }
        // The header is bytes and no letters: it comes back as it is.
        replies.append(requests, replies.size(), begin - replies.size());
        for (std::size_t k = begin; k < requests.size(); ++k) {
            replies += answer_to(requests[k], expect);
        }
        if (how == framing::line) requests += '\n';
        if (how == framing::line) replies += '\n';
    }
    requests_ = message_loop(requests, unit);
    replies_ = message_loop(replies, unit);
}

}  // namespace aperto::load
