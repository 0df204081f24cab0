// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/error.hpp"

#include <cstddef>
#include <string_view>
#include <system_error>

namespace aperto::tls {

/// How TLS fails, as `std::error_code`s of `tls_category()`. Here, apart from tls.hpp, so that who compares
/// with them needs no OpenSSL.
enum class errc {
    not_tls = 1,          ///< The other side sends something else than TLS.
    no_agreement,         ///< No version, cipher, group or application protocol in common.
    expired,              ///< The certificate's time is over.
    not_yet_valid,        ///< The certificate's time has not begun.
    name_mismatch,        ///< The certificate is for other names.
    unknown_authority,    ///< Nobody who is trusted here vouches for the certificate.
    invalid_certificate,  ///< The certificate is not good for this, or cannot be read.
    certificate_missing,  ///< A certificate is required, and the other side has shown none.
    refused_by_peer,      ///< The other side ended it with an alert.
    broken,               ///< What arrived is not as TLS has it: damaged, forged, out of order or oversized.
    flood,                ///< The other side asks for new keys too often.
    plaintext_behind,     ///< Bytes that are not sealed stand where TLS was to begin (`stream::start_tls`).
    unusable_files,       ///< A certificate or key file of this side cannot be used.
    failed,               ///< TLS failed otherwise.
};
/// How many there are.
inline constexpr std::size_t errc_count = static_cast<std::size_t>(errc::failed);
/// "expired", "name_mismatch": the name.
std::string_view to_string(errc code) noexcept;

/// The category of `errc`, "aperto.tls". One object a process.
const std::error_category& tls_category() noexcept;
/// So that an `errc` is a std::error_code where one is wanted.
std::error_code make_error_code(errc code) noexcept;

}  // namespace aperto::tls

template <>
struct std::is_error_code_enum<aperto::tls::errc> : std::true_type {};
