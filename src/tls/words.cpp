// SPDX-License-Identifier: MIT
#include "tls/words.hpp"

#include "aperto/tls.hpp"
#include "aperto/tls_error.hpp"
#include "core/log_safe.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <array>
#include <ctime>

namespace aperto::tls {
namespace {

std::string quoted(const std::string& name) { return name.empty() ? "this name" : log_safe(name); }

/// What checking the other side's certificate has come to.
verdict explain_certificate(long result, const X509* shown, const std::string& name) {
    switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return {errc::expired,
                fmt::format("It was good until {}. It has to be renewed there, unless the clock of "
                            "this machine is wrong.",
                            shown ? date_text(X509_get0_notAfter(shown)) : "some day")};
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return {errc::not_yet_valid, fmt::format("It is good from {}. Is the clock of this machine right?",
                                                 shown ? date_text(X509_get0_notBefore(shown)) : "some day")};
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return {
            errc::name_mismatch,
            fmt::format("It is not for {}, but for {}. Connect by a name that it has, or give the server a "
                        "certificate for this one.",
                        quoted(name), shown ? names_of(shown) : "others")};
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return {
            errc::unknown_authority,
            "Name the authority's own certificate as trusted, if it is the right one; a chain that the other "
            "side does not send whole looks the same."};
    default:
        return {errc::invalid_certificate,
                fmt::format("OpenSSL says: {}.", X509_verify_cert_error_string(result))};
    }
}

/// An alert that the other side has sent (RFC 8446, 6).
std::string advice_on_alert(int reason) {
    switch (reason) {
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
        return "It does not trust the authority of the certificate that it was shown.";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
        return "It says that the certificate it was shown has expired.";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
        return "It does not take the certificate that it was shown; is that for the name it asked for?";
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        return "It lets nobody in without a certificate.";
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
        return "The two sides have no cipher in common, or it wants a certificate.";
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        return "It speaks other versions of TLS.";
    default:
        return {};
    }
}

bool is_plain_text(int reason) {
    return reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
           reason == SSL_R_HTTPS_PROXY_REQUEST || reason == SSL_R_UNKNOWN_PROTOCOL;
}

bool is_no_agreement(int reason) {
    return reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_NO_SHARED_CIPHER ||
           reason == SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS || reason == SSL_R_NO_SUITABLE_KEY_SHARE ||
           reason == SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM || reason == SSL_R_VERSION_TOO_LOW ||
           reason == SSL_R_NO_APPLICATION_PROTOCOL || reason == SSL_R_NO_PROTOCOLS_AVAILABLE ||
           reason == SSL_R_WRONG_SSL_VERSION || reason == SSL_R_NO_SUITABLE_GROUPS;
}

}  // namespace

verdict explain(const SSL* of, const std::string& name, const X509* refused) {
    const unsigned long first = ERR_peek_error();
    const int reason = ERR_GET_REASON(first);
    const std::string words = last_reason();
    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
        return explain_certificate(SSL_get_verify_result(of), refused, name);
    if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
        return {errc::certificate_missing, "Clients need a certificate by an authority of this server's."};
    if (is_plain_text(reason))
        return {errc::not_tls,
                "What came is no TLS. Is that the port for it, and are both sides to speak TLS?"};
    if (is_no_agreement(reason)) return {errc::no_agreement, fmt::format("OpenSSL says: {}.", words)};
    if (reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256)
        return {errc::refused_by_peer, advice_on_alert(reason)};
    if (words.empty()) return {errc::failed, {}};
    return {errc::broken, fmt::format("OpenSSL says: {}.", words)};
}

std::string date_text(const ASN1_TIME* when) {
    std::tm parts{};
    if (!when || ASN1_TIME_to_tm(when, &parts) != 1) return "an unknown day";
    std::array<char, 32> text{};
    const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M UTC", &parts);
    return {text.data(), size};
}

namespace {

std::string text_of(BIO* memory) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory, &data);
    return log_safe(std::string_view(data, static_cast<std::size_t>(size)));
}

}  // namespace

std::string subject_of(const X509* certificate) {
    const bio_handle out(BIO_new(BIO_s_mem()));
    if (!out || X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) < 0)
        return {};
    return text_of(out.get());
}

std::string names_of(const X509* certificate) {
    const bio_handle out(BIO_new(BIO_s_mem()));
    const int at = X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1);
    if (!out || at < 0) return subject_of(certificate);
    X509V3_EXT_print(out.get(), X509_get_ext(certificate, at), 0, 0);
    return text_of(out.get());
}

std::string fingerprint_of(const X509* certificate) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) != 1) return {};
    std::string text;
    for (unsigned i = 0; i < size; ++i)
        text += fmt::format("{:02x}", digest[i]);
    return text;
}

std::string fingerprint(const std::string& certificate) {
    const bio_handle file(BIO_new_file(certificate.c_str(), "re"));
    const certificate_handle first(file ? PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr) : nullptr);
    if (!first)
        throw error(errc::unusable_files, "read the certificate", log_safe(certificate),
                    fmt::format("OpenSSL says: {}.", last_reason()));
    return fingerprint_of(first.get());
}

std::string last_reason() {
    const unsigned long code = ERR_peek_error();
    const char* const words = code ? ERR_reason_error_string(code) : nullptr;
    std::string text = words ? words : "";
    ERR_clear_error();
    return text;
}

}  // namespace aperto::tls
