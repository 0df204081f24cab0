// SPDX-License-Identifier: MIT
#include "tls/record_watch.hpp"

#include <openssl/ssl.h>

namespace aperto::tls {
namespace {

/// Of the short form of SSL 2: no type of a record has it.
constexpr unsigned char ssl_2_bit = 0x80;

/// Adds the first of `bytes` to a header; whether it is whole by that.
template <std::size_t size>
bool add(std::array<unsigned char, size>& header, std::uint8_t& have, std::string_view& bytes) noexcept {
    header[have++] = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    if (have < size) return false;
    have = 0;
    return true;
}

void skip(std::string_view& bytes, std::uint32_t& left) noexcept {
    const std::size_t size = bytes.substr(0, left).size();
    bytes.remove_prefix(size);
    left -= static_cast<std::uint32_t>(size);
}

}  // namespace

record_watch::verdict record_watch::take(std::string_view arrived, bool for_hellos) noexcept {
    while (!arrived.empty()) {
        if (left_ > 0) {
            const bool looks = for_hellos && header_[0] == SSL3_RT_HANDSHAKE;
            if (looks && !look_for_hello(arrived.substr(0, left_))) return verdict::oversized;
            skip(arrived, left_);
            continue;
        }
        const auto first = static_cast<unsigned char>(arrived.front());
        if (for_hellos && header_size_ == 0 && (first & ssl_2_bit) != 0) return verdict::no_records;
        if (add(header_, header_size_, arrived))
            left_ = static_cast<std::uint32_t>(header_[3] << 8 | header_[4]);
    }
    return verdict::fine;
}

bool record_watch::look_for_hello(std::string_view part) noexcept {
    while (!part.empty()) {
        if (message_left_ > 0) {
            skip(part, message_left_);
            continue;
        }
        if (!add(message_, message_size_, part)) continue;
        message_left_ = static_cast<std::uint32_t>(message_[1] << 16 | message_[2] << 8 | message_[3]);
        if (message_[0] == SSL3_MT_CLIENT_HELLO && message_left_ > hello_max) return false;
    }
    return true;
}

}  // namespace aperto::tls
