// SPDX-License-Identifier: MIT
#include "aperto/tls_error.hpp"

namespace aperto::tls {
namespace {

class category final : public std::error_category {
public:
    const char* name() const noexcept override { return "aperto.tls"; }

    std::string message(int code) const override {
        switch (static_cast<errc>(code)) {
        case errc::not_tls:
            return "the other side does not speak TLS";
        case errc::no_agreement:
            return "the two sides of TLS have nothing in common";
        case errc::expired:
            return "the certificate has expired";
        case errc::not_yet_valid:
            return "the certificate is not valid yet";
        case errc::name_mismatch:
            return "the certificate is for another name";
        case errc::unknown_authority:
            return "the certificate is from an authority that is not trusted here";
        case errc::invalid_certificate:
            return "the certificate is not good";
        case errc::certificate_missing:
            return "the other side has shown no certificate";
        case errc::refused_by_peer:
            return "the other side refused TLS";
        case errc::broken:
            return "what arrived breaks the rules of TLS";
        case errc::flood:
            return "the other side asks for new keys too often";
        case errc::plaintext_behind:
            return "unsealed bytes stand where TLS was to begin";
        case errc::unusable_files:
            return "it cannot be used for TLS";
        case errc::failed:
            return "TLS failed";
        }
        return "unknown";
    }
};

}  // namespace

const std::error_category& tls_category() noexcept {
    static const category instance;
    return instance;
}

std::error_code make_error_code(errc code) noexcept { return {static_cast<int>(code), tls_category()}; }

}  // namespace aperto::tls
