// SPDX-License-Identifier: MIT
#pragma once

#include "tls/handles.hpp"

#include <string>
#include <system_error>

namespace aperto::tls {

/// What a failure means, and a sentence on what to do about it.
struct verdict {
    std::error_code code;
    std::string advice;
};

/// Of a connection whose last call failed; takes OpenSSL's errors away. `name`: for whom the certificate had to be;
/// `refused`: the one that was not good, null where there is none.
verdict explain(const SSL* of, const std::string& name, const X509* refused);

/// "2026-11-27 05:30 UTC".
std::string date_text(const ASN1_TIME* when);
/// Whom it is for, as RFC 2253 writes it.
std::string subject_of(const X509* certificate);
/// The names it is for: "DNS:sala-3, IP:192.0.2.7", or its subject where it has none.
std::string names_of(const X509* certificate);
/// SHA-256 in hexadecimal.
std::string fingerprint_of(const X509* certificate);
/// OpenSSL's last reason, in its own words; takes its errors away.
std::string last_reason();

}  // namespace aperto::tls
