// SPDX-License-Identifier: MIT
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <utility>

namespace aperto::tls {

/// Owners of OpenSSL's objects.
template <auto free>
struct freed_by {
    template <class T>
    void operator()(T* object) const noexcept {
        free(object);
    }
};
using ssl_handle = std::unique_ptr<SSL, freed_by<SSL_free>>;
using session_handle = std::unique_ptr<SSL_SESSION, freed_by<SSL_SESSION_free>>;
using bio_handle = std::unique_ptr<BIO, freed_by<BIO_free>>;
using key_handle = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>>;
using certificate_handle = std::unique_ptr<X509, freed_by<X509_free>>;
using extension_handle = std::unique_ptr<X509_EXTENSION, freed_by<X509_EXTENSION_free>>;

/// Counted: the connections of a context that was reloaded keep the one that they began with.
class context_handle {
public:
    context_handle() noexcept = default;
    explicit context_handle(SSL_CTX* owned) noexcept : it_(owned) {}
    context_handle(const context_handle& other) noexcept : it_(other.it_) {
        if (it_) SSL_CTX_up_ref(it_);
    }
    context_handle(context_handle&& other) noexcept : it_(std::exchange(other.it_, nullptr)) {}
    context_handle& operator=(context_handle other) noexcept {
        std::swap(it_, other.it_);
        return *this;
    }
    ~context_handle() { SSL_CTX_free(it_); }
    SSL_CTX* get() const noexcept { return it_; }

private:
    SSL_CTX* it_ = nullptr;
};

}  // namespace aperto::tls
