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

char capital(char letter) noexcept {
    return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
}

}  // namespace

tape::tape(framing how, std::uint64_t size, expectation expect) {
    message_size_ = size + (how == framing::line ? 1 : 0) + (how == framing::length ? length_of_header : 0);
    // A stream has no borders to keep, so a message may be longer than the tape.
    const std::size_t unit = how == framing::stream && message_size_ > length_min
                                 ? length_min
                                 : static_cast<std::size_t>(message_size_);
    message_count_ = std::max<std::size_t>(1, (length_min + unit - 1) / unit);
    length_ = message_count_ * unit;

    letters text;
    const std::size_t payload = how == framing::stream ? unit : static_cast<std::size_t>(size);
    requests_.reserve(2 * length_);
    for (std::size_t i = 0; i < message_count_; ++i) {
        if (how == framing::length) append_header(requests_, size);
        const std::size_t begin = requests_.size();
        for (std::size_t k = 0; k < payload; ++k) {
            requests_ += text.next();
        }
        replies_.append(requests_, replies_.size(), begin - replies_.size());
        for (std::size_t k = begin; k < requests_.size(); ++k) {
            replies_ += expect == expectation::upper ? capital(requests_[k]) : requests_[k];
        }
        if (how == framing::line) requests_ += '\n';
        if (how == framing::line) replies_ += '\n';
    }
    requests_ += requests_;
    replies_ += replies_;
}

std::size_t tape::place_of(std::uint64_t number) const noexcept {
    return static_cast<std::size_t>(number % message_count_) * (length_ / message_count_);
}

}  // namespace aperto::load
