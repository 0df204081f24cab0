// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace aperto::tls {

/// Follows the records of TLS in what arrives (RFC 8446, 5.1), before OpenSSL sees it: whether the last one is incomplete;
/// and, where hellos are looked for, how long a ClientHello says that it is, since OpenSSL makes room for all of a
/// message, up to 128 KB, once its first four bytes have come.
class record_watch {
public:
    enum class verdict : std::uint8_t {
        fine,
        oversized,   ///< a ClientHello of more than `hello_max`
        no_records,  ///< a hello of SSL 2, which is not in records
    };
    /// The largest that are seen hold keys of post-quantum groups and a ticket, some 4 KB.
    static constexpr std::size_t hello_max = 16 * 1024;

    verdict take(std::string_view arrived, bool for_hellos) noexcept;
    bool is_in_record() const noexcept { return header_size_ > 0 || left_ > 0; }

private:
    bool look_for_hello(std::string_view part) noexcept;

    std::array<unsigned char, 5> header_{};   ///< of the record: type, version, size
    std::array<unsigned char, 4> message_{};  ///< of the handshake message: type, size
    std::uint8_t header_size_ = 0;            ///< bytes that have come of the next one; 0 once it is whole
    std::uint8_t message_size_ = 0;           ///< the same
    std::uint32_t left_ = 0;                  ///< bytes of the record that have not come
    std::uint32_t message_left_ = 0;          ///< of the message
};

}  // namespace aperto::tls
