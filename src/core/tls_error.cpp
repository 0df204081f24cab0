// SPDX-License-Identifier: MIT
#include "aperto/tls_error.hpp"

#include "core/i18n.hpp"

namespace aperto::tls {
namespace {

class category final : public std::error_category {
public:
    const char* name() const noexcept override { return "aperto.tls"; }

    std::string message(int code) const override {
        switch (static_cast<errc>(code)) {
        case errc::not_tls:
            return N_("the other side does not speak TLS");
        case errc::no_agreement:
            return N_("the two sides of TLS have nothing in common");
        case errc::expired:
            return N_("the certificate has expired");
        case errc::not_yet_valid:
            return N_("the certificate is not valid yet");
        case errc::name_mismatch:
            return N_("the certificate is for another name");
        case errc::unknown_authority:
            return N_("the certificate is from an authority that is not trusted here");
        case errc::invalid_certificate:
            return N_("the certificate is not good");
        case errc::certificate_missing:
            return N_("the other side has shown no certificate");
        case errc::refused_by_peer:
            return N_("the other side refused TLS");
        case errc::broken:
            return N_("what arrived breaks the rules of TLS");
        case errc::flood:
            return N_("the other side asks for new keys too often");
        case errc::plaintext_behind:
            return N_("unsealed bytes stand where TLS was to begin");
        case errc::unusable_files:
            return N_("it cannot be used for TLS");
        case errc::failed:
            return N_("TLS failed");
        }
        return "unknown";
    }
};

}  // namespace

std::string_view to_string(errc code) noexcept {
    switch (code) {
    case errc::not_tls:
        return "not_tls";
    case errc::no_agreement:
        return "no_agreement";
    case errc::expired:
        return "expired";
    case errc::not_yet_valid:
        return "not_yet_valid";
    case errc::name_mismatch:
        return "name_mismatch";
    case errc::unknown_authority:
        return "unknown_authority";
    case errc::invalid_certificate:
        return "invalid_certificate";
    case errc::certificate_missing:
        return "certificate_missing";
    case errc::refused_by_peer:
        return "refused_by_peer";
    case errc::broken:
        return "broken";
    case errc::flood:
        return "flood";
    case errc::plaintext_behind:
        return "plaintext_behind";
    case errc::unusable_files:
        return "unusable_files";
    case errc::failed:
        return "failed";
    }
    return "?";
}

const std::error_category& tls_category() noexcept {
    static const category instance;
    return instance;
}

std::error_code make_error_code(errc code) noexcept { return {static_cast<int>(code), tls_category()}; }

}  // namespace aperto::tls
