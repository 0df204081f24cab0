// SPDX-License-Identifier: MIT
#include "tls/session.hpp"

#include "aperto/endpoint.hpp"
#include "aperto/error.hpp"
#include "tls/bytes_bio.hpp"
#include "tls/words.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <limits>
#include <new>

namespace aperto::tls {
namespace {

/// New keys, and handshakes, that a peer may ask for: so many, and one more for so many bytes that it has sent.
constexpr std::uint32_t new_keys_free = 32;
constexpr std::uint64_t bytes_for_new_keys = 64 * 1024;
/// Plain bytes of a record at most (RFC 8446, 5.1).
constexpr std::size_t record_max = 16 * 1024;
/// A record is of use once it is whole. So the first of a connection are small: what breaks soon has brought something by
/// then, and who is slow has the first bytes of an answer without waiting for 16 KiB of it.
constexpr std::size_t first_record_max = 2 * 1024;
constexpr std::uint64_t first_bytes = 64 * 1024;
/// What OpenSSL holds for a connection: measured, see docs/tls.md. Its buffers come and go with what they hold.
constexpr std::size_t ssl_memory = 12 * 1024;
/// Besides: for a record until it is whole; for a handshake until it is over, its transcript and what was shown in it;
/// for each certificate.
constexpr std::size_t record_memory = 17 * 1024;
constexpr std::size_t handshake_memory = 60 * 1024;
constexpr std::size_t transcript_factor = 2;
constexpr std::size_t certificate_memory = 8 * 1024;

/// Fatal alerts in records of their own, for when OpenSSL is not asked (RFC 8446, 6).
constexpr std::string_view illegal_parameter("\x15\x03\x03\x00\x02\x02\x2f", 7);
constexpr std::string_view protocol_version("\x15\x03\x03\x00\x02\x02\x46", 7);

std::array<char, record_max>& record() noexcept {
    static thread_local std::array<char, record_max> mine;
    return mine;
}

}  // namespace

/// What OpenSSL reads from and writes to during one call.
class session::at_work {
public:
    at_work(session& of, std::string_view arrived, std::string& wire) noexcept : of_(of) {
        of.arrived_ = arrived;
        of.wire_ = &wire;
        ERR_clear_error();
    }
    at_work(const at_work&) = delete;
    at_work& operator=(const at_work&) = delete;
    ~at_work() {
        of_.arrived_ = {};
        of_.wire_ = nullptr;
    }

private:
    session& of_;
};

session::session(std::shared_ptr<core> of, std::string name) : core_(std::move(of)), name_(std::move(name)) {}

session::~session() = default;

session& session::of(const SSL* one) noexcept { return *static_cast<session*>(SSL_get_app_data(one)); }

std::error_code session::make() {
    files_ = core_->files();
    ssl_.reset(SSL_new(files_->contexts.front().get()));
    BIO* const bytes = ssl_ ? new_bytes_bio(*this) : nullptr;
    if (!bytes) throw std::bad_alloc();
    SSL_set_bio(ssl_.get(), bytes, bytes);
    SSL_set_app_data(ssl_.get(), this);
    if (core_->is_server()) {
        SSL_set_accept_state(ssl_.get());
        return {};
    }
    SSL_set_connect_state(ssl_.get());
    const bool is_address = endpoint::from_address(name_, 0).has_value();
    if (!is_address && !name_.empty())
        SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name_.data());
    if (!core_->of_client().insecure) {
        const bool set = is_address
                             ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), name_.c_str()) == 1
                             : SSL_set1_host(ssl_.get(), name_.c_str()) == 1;
        if (!set) return errc::name_mismatch;
    }
    if (const session_handle before = files_->sessions->take(name_))
        SSL_set_session(ssl_.get(), before.get());
    return {};
}

std::error_code session::begin(std::string& wire) {
    if (core_->is_server()) return {};
    const at_work during(*this, {}, wire);
    if (const std::error_code failed = make()) return failed;
    return shake_hands();
}

std::error_code session::fail_by(errc why) {
    failed_ = true;
    core_->count_failure(why);
    ERR_clear_error();
    return why;
}

/// In the middle of a message by which TLS 1.2 begins again: nobody who means well cuts it so, and OpenSSL makes room
/// for as much as it says.
bool session::is_renegotiating() const noexcept {
    return open_ && SSL_in_init(ssl_.get()) == 1 && SSL_version(ssl_.get()) < TLS1_3_VERSION;
}

std::error_code session::fail(int result) {
    if (out_of_memory_) throw std::bad_alloc();
    if (flooded_) return fail_by(errc::flood);
    if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ)
        return is_renegotiating() ? fail_by(errc::broken) : std::error_code();
    failed_ = true;
    verdict why = explain(ssl_.get(), name_, refused_.get());
    core_->count_failure(why.code);
    advice_ = std::move(why.advice);
    return why.code;
}

std::error_code session::shake_hands() {
    const int result = SSL_do_handshake(ssl_.get());
    if (result != 1) return fail(result);
    open_ = true;
    if (SSL_get0_peer_certificate(ssl_.get()))
        certificates_ =
            1 + static_cast<std::size_t>(std::max(sk_X509_num(SSL_get_peer_cert_chain(ssl_.get())), 0));
    core_->count.handshakes.fetch_add(1, std::memory_order_relaxed);
    const bool is_newest = SSL_version(ssl_.get()) >= TLS1_3_VERSION;
    core_->count.versions[is_newest ? 1 : 0].fetch_add(1, std::memory_order_relaxed);
    if (SSL_session_reused(ssl_.get()) == 1) core_->count.resumed.fetch_add(1, std::memory_order_relaxed);
    return {};
}

std::error_code session::read_all(std::string& plain) {
    for (;;) {
        const int size = SSL_read(ssl_.get(), record().data(), static_cast<int>(record_max));
        if (size > 0) {
            plain.append(record().data(), static_cast<std::size_t>(size));
            received_ += static_cast<std::size_t>(size);
            continue;
        }
        if (SSL_get_error(ssl_.get(), size) == SSL_ERROR_ZERO_RETURN) {
            ended_ = true;
            return {};
        }
        return fail(size);
    }
}

std::error_code session::watch_records(std::string_view arrived, std::string& wire) {
    // What follows the hello of TLS 1.2 is sealed in records of the same type.
    const bool for_hellos =
        core_->is_server() && !open_ && (!ssl_ || SSL_version(ssl_.get()) != TLS1_2_VERSION);
    switch (records_.take(arrived, for_hellos)) {
    case record_watch::verdict::fine:
        return {};
    case record_watch::verdict::oversized:
        wire += illegal_parameter;
        return fail_by(errc::broken);
    case record_watch::verdict::no_records:
        wire += protocol_version;
        return fail_by(errc::not_tls);
    }
    return {};
}

std::error_code session::unseal(std::string_view arrived, std::string& plain, std::string& wire) {
    if (failed_) return errc::failed;
    if (const std::error_code refused = watch_records(arrived, wire)) return refused;
    const at_work during(*this, arrived, wire);
    if (!ssl_) {
        if (const std::error_code failed = make()) return failed;
    }
    if (!open_) {
        heard_ += arrived.size();
        const std::error_code failed = shake_hands();
        if (failed || !open_) return failed;
    }
    return read_all(plain);
}

std::error_code session::seal(std::string_view plain, std::string& wire) {
    assert(open_);
    if (failed_) return errc::failed;
    const at_work during(*this, {}, wire);
    while (!plain.empty()) {
        const std::string_view piece =
            plain.substr(0, sealed_ < first_bytes ? first_record_max : std::numeric_limits<int>::max());
        std::size_t written = 0;
        const int result = SSL_write_ex(ssl_.get(), piece.data(), piece.size(), &written);
        if (result != 1) {
            const std::error_code why = fail(result);
            return why ? why : errc::failed;
        }
        plain.remove_prefix(written);
        sealed_ += written;
    }
    return {};
}

void session::finish(std::string& wire) {
    if (!ssl_ || failed_ || !open_) return;
    const at_work during(*this, {}, wire);
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
    if (out_of_memory_) throw std::bad_alloc();
}

std::size_t session::memory() const noexcept {
    if (!ssl_) return sizeof *this;
    const bool shakes_hands = !open_ || SSL_in_init(ssl_.get()) == 1;
    return sizeof *this + ssl_memory + certificates_ * certificate_memory +
           (records_.is_in_record() ? record_memory : 0) +
           (shakes_hands ? handshake_memory + transcript_factor * heard_ : 0);
}

transport_facts session::facts() const {
    transport_facts known;
    const auto text = [](const char* words) { return std::string(words ? words : ""); };
    known.protocol = text(SSL_get_version(ssl_.get()));
    known.cipher = text(SSL_get_cipher_name(ssl_.get()));
    const unsigned char* alpn = nullptr;
    unsigned alpn_size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &alpn, &alpn_size);
    known.alpn.assign(reinterpret_cast<const char*>(alpn), alpn_size);
    known.server_name = text(SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name));
    if (const X509* const shown = SSL_get0_peer_certificate(ssl_.get())) {
        known.peer_subject = subject_of(shown);
        known.peer_fingerprint = fingerprint_of(shown);
    }
    known.resumed = SSL_session_reused(ssl_.get()) == 1;
    return known;
}

int session::read_arrived(char* into, int size) noexcept {
    if (arrived_.empty() || flooded_) return -1;
    const std::size_t taken = arrived_.copy(into, static_cast<std::size_t>(size));
    arrived_.remove_prefix(taken);
    return static_cast<int>(taken);
}

int session::write_out(const char* data, int size) noexcept {
    try {
        if (wire_) wire_->append(data, static_cast<std::size_t>(size));
    } catch (const std::bad_alloc&) {
        out_of_memory_ = true;
        return -1;
    }
    return size;
}

void session::note_refused(X509* certificate) noexcept {
    if (!certificate) return;
    X509_up_ref(certificate);
    refused_.reset(certificate);
}

void session::note_new_keys() noexcept {
    if (++new_keys_ > new_keys_free + received_ / bytes_for_new_keys) flooded_ = true;
}

}  // namespace aperto::tls
