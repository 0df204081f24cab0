// SPDX-License-Identifier: MIT
// What is read from files and set once, for all connections of a context.
#include "aperto/error.hpp"
#include "core/log_safe.hpp"
#include "tls/core.hpp"
#include "tls/session.hpp"
#include "tls/words.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>

namespace aperto::tls {
namespace {

/// With forward secrecy and authenticated, all of them; those of TLS 1.3 are no others.
constexpr const char* ciphers_of_1_2 =
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:"
    "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256";
/// The quickest that everybody has comes first.
constexpr const char* groups = "X25519:P-256:P-384:X448:P-521";
/// Bytes of the certificates that a client shows: OpenSSL makes room for them before they have come.
constexpr long client_chain_max = 32 * 1024;
constexpr std::size_t alpn_name_max = 255;  // RFC 7301, 3.1

[[noreturn]] void refuse(const char* tried, const std::string& file, const std::string& advice) {
    ERR_clear_error();
    throw error(errc::unusable_files, tried, log_safe(file), advice);
}

/// The system's own reason where it has one: no such file, not allowed.
void check_readable(const char* tried, const std::string& file) {
    std::FILE* const opened = std::fopen(file.c_str(), "re");
    if (!opened) throw error::from_result(-errno, tried, log_safe(file));
    std::fclose(opened);
}

int refuse_password(char*, int, int, void*) { return 0; }

std::string alpn_wire(const std::vector<std::string>& names) {
    std::string wire;
    for (const std::string& each : names) {
        if (each.empty() || each.size() > alpn_name_max)
            throw error(aperto::errc::malformed, "offer the application protocol", log_safe(each),
                        "A name for ALPN has 1 to 255 bytes.");
        wire += static_cast<char>(each.size());
        wire += each;
    }
    return wire;
}

int choose_alpn(SSL* of, const unsigned char** out, unsigned char* size, const unsigned char* offered,
                unsigned offered_size, void*) {
    const std::string ours = alpn_wire(session::of(of).shared().of_server().alpn);
    unsigned char* chosen = nullptr;
    if (SSL_select_next_proto(&chosen, size, reinterpret_cast<const unsigned char*>(ours.data()),
                              static_cast<unsigned>(ours.size()), offered,
                              offered_size) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    // A pointer into what is ours would go with it: the same name stands in what the client offered.
    const std::string_view all(reinterpret_cast<const char*>(offered), offered_size);
    const std::string_view name(reinterpret_cast<const char*>(chosen), *size);
    for (std::size_t at = 0; at < all.size(); at += std::size_t{1} + static_cast<unsigned char>(all[at])) {
        if (all.substr(at + 1, static_cast<unsigned char>(all[at])) != name) continue;
        *out = offered + at + 1;
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/// The pair whose certificate is for the name that the client asks for; the first where there is none.
int choose_certificate(SSL* of, int*, void*) {
    const char* const name = SSL_get_servername(of, TLSEXT_NAMETYPE_host_name);
    if (!name) return SSL_TLSEXT_ERR_NOACK;
    for (const context_handle& each : session::of(of).files().contexts) {
        X509* const shown = SSL_CTX_get0_certificate(each.get());
        if (X509_check_host(shown, name, 0, 0, nullptr) != 1) continue;
        SSL_set_SSL_CTX(of, each.get());
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_NOACK;
}

int seal_ticket(SSL* of, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                int seals) {
    return session::of(of).files().tickets->prepare(name, iv, cipher, mac, seals != 0,
                                                    SSL_version(of) == TLS1_3_VERSION);
}

int keep_session(SSL* of, SSL_SESSION* one) {
    session& mine = session::of(of);
    try {
        mine.files().sessions->put(mine.name(), session_handle(one));
    } catch (const std::bad_alloc&) {  // the session went with what was to hold it
        return 1;
    }
    return 1;
}

int look_at_certificate(int good, X509_STORE_CTX* check) {
    const auto* const of =
        static_cast<SSL*>(X509_STORE_CTX_get_ex_data(check, SSL_get_ex_data_X509_STORE_CTX_idx()));
    if (good != 1) session::of(of).note_refused(X509_STORE_CTX_get_current_cert(check));
    return good;
}

void watch_messages(int written, int, int type, const void* data, std::size_t size, SSL* of, void*) {
    if (written != 0 || type != SSL3_RT_HANDSHAKE || size == 0) return;
    session& mine = session::of(of);
    const unsigned char kind = *static_cast<const unsigned char*>(data);
    // Each is answered, if only by the alert that it is refused, be what was answered before taken or not.
    const bool begins_again =
        mine.is_open() && (kind == SSL3_MT_CLIENT_HELLO || kind == SSL3_MT_HELLO_REQUEST);
    if (kind == SSL3_MT_KEY_UPDATE || begins_again) mine.note_new_keys();
}

void load_pair(SSL_CTX* into, const key_pair& pair) {
    check_readable("read the certificate", pair.certificate);
    check_readable("read the private key", pair.key);
    if (SSL_CTX_use_certificate_chain_file(into, pair.certificate.c_str()) != 1)
        refuse("use the certificate", pair.certificate,
               fmt::format("A certificate in PEM is expected, with its chain. OpenSSL says: {}.",
                           last_reason()));
    SSL_CTX_set_default_passwd_cb(into, &refuse_password);
    if (SSL_CTX_use_PrivateKey_file(into, pair.key.c_str(), SSL_FILETYPE_PEM) != 1) {
        if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH)
            refuse("use the private key", pair.key,
                   fmt::format("It does not belong to the certificate {}.", log_safe(pair.certificate)));
        refuse("use the private key", pair.key,
               fmt::format("A key in PEM without a password is expected, the one of {}. OpenSSL says: {}.",
                           log_safe(pair.certificate), last_reason()));
    }
    if (X509_cmp_current_time(X509_get0_notAfter(SSL_CTX_get0_certificate(into))) < 0)
        throw error(errc::expired, "use the certificate", log_safe(pair.certificate),
                    fmt::format("It was good until {}.",
                                date_text(X509_get0_notAfter(SSL_CTX_get0_certificate(into)))));
}

void load_authorities(SSL_CTX* into, const std::string& file) {
    check_readable("read the authorities", file);
    if (SSL_CTX_load_verify_file(into, file.c_str()) != 1)
        refuse("use the authorities", file,
               fmt::format("Certificates in PEM are expected. OpenSSL says: {}.", last_reason()));
}

int number_of(version which) { return which == version::tls_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION; }

context_handle make_context(const SSL_METHOD* how, version oldest, version newest) {
    context_handle made(SSL_CTX_new(how));
    if (!made.get()) throw std::bad_alloc();
    SSL_CTX* const it = made.get();
    SSL_CTX_set_min_proto_version(it, number_of(oldest));
    SSL_CTX_set_max_proto_version(it, number_of(newest));
    SSL_CTX_set_cipher_list(it, ciphers_of_1_2);
    SSL_CTX_set1_groups_list(it, groups);
    SSL_CTX_set_options(it, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    // An idle connection holds no buffers.
    SSL_CTX_set_mode(it, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_msg_callback(it, &watch_messages);
    return made;
}

}  // namespace

context_handle make_server_context(const server_options& chosen, const key_pair& shown) {
    context_handle made = make_context(TLS_server_method(), chosen.oldest, chosen.newest);
    SSL_CTX* const it = made.get();
    load_pair(it, shown);
    SSL_CTX_set_session_cache_mode(it, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(it, 1);
    SSL_CTX_set_max_cert_list(it, client_chain_max);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(it, &seal_ticket);
    SSL_CTX_callback_ctrl(it, SSL_CTRL_SET_TLSEXT_SERVERNAME_CB,
                          reinterpret_cast<void (*)()>(&choose_certificate));
    constexpr std::array<unsigned char, 6> ours{'a', 'p', 'e', 'r', 't', 'o'};
    SSL_CTX_set_session_id_context(it, ours.data(), ours.size());
    if (!chosen.client_ca.empty()) {
        load_authorities(it, chosen.client_ca);
        SSL_CTX_set_client_CA_list(it, SSL_load_client_CA_file(chosen.client_ca.c_str()));
        const int required =
            chosen.client == client_certificate::required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
        SSL_CTX_set_verify(it, SSL_VERIFY_PEER | required, &look_at_certificate);
    }
    static_cast<void>(alpn_wire(chosen.alpn));  // refuses now what no client could choose
    if (!chosen.alpn.empty()) SSL_CTX_set_alpn_select_cb(it, &choose_alpn, nullptr);
    return made;
}

context_handle make_client_context(const client_options& chosen) {
    context_handle made = make_context(TLS_client_method(), chosen.oldest, chosen.newest);
    SSL_CTX* const it = made.get();
    if (!chosen.insecure) {
        SSL_CTX_set_verify(it, SSL_VERIFY_PEER, &look_at_certificate);
        X509_VERIFY_PARAM_set_hostflags(SSL_CTX_get0_param(it), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        if (chosen.ca.empty())
            SSL_CTX_set_default_verify_paths(it);
        else
            load_authorities(it, chosen.ca);
    }
    if (!chosen.certificate.empty()) load_pair(it, {chosen.certificate, chosen.key});
    const std::string alpn = alpn_wire(chosen.alpn);
    if (!alpn.empty())
        SSL_CTX_set_alpn_protos(it, reinterpret_cast<const unsigned char*>(alpn.data()),
                                static_cast<unsigned>(alpn.size()));
    SSL_CTX_set_session_cache_mode(it, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(it, &keep_session);
    return made;
}

std::chrono::system_clock::time_point expiry_of(const context_handle& of) {
    const X509* const own = SSL_CTX_get0_certificate(of.get());
    std::tm parts{};
    if (!own || ASN1_TIME_to_tm(X509_get0_notAfter(own), &parts) != 1)
        return std::chrono::system_clock::time_point::max();
    return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

}  // namespace aperto::tls
