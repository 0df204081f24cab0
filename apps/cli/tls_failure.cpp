// SPDX-License-Identifier: MIT
// What is said when TLS does not work.
#include "aperto/tls_error.hpp"
#include "cli/failure.hpp"
#include "core/sentence.hpp"

#include <string>

namespace aperto::cli {

namespace {

std::string tls_reason(const std::error_code& code) { return _(code.message().c_str()); }

std::string tls_advice(const error& cause) {
    switch (static_cast<tls::errc>(cause.code().value())) {
    case tls::errc::not_tls:
        return _("Is that the right port? Without --tls plain text is spoken.");
    case tls::errc::unknown_authority:
        return _("If it is your own authority, name its certificate:  --ca ca.pem");
    default:
        return cause.advice();
    }
}

}  // namespace

bool is_of_tls(const error& cause) { return cause.code().category() == tls::tls_category(); }

failure explain_tls_files(const error& cause) {
    const std::string reason = is_of_tls(cause) ? tls_reason(cause.code()) : system_reason(cause.code());
    return {exit_no_listen, sentence(_("could not begin TLS with {}: {}"), cause.whom(), reason),
            cause.code() == std::errc::no_such_file_or_directory
                ? _("For a first try, make certificates here:  aperto cert")
                : cause.advice()};
}

failure explain_tls(const error& cause, const std::string& host, std::uint16_t port) {
    return {exit_no_connection,
            sentence(_("could not agree on TLS with {} port {}: {}"), host, std::to_string(port),
                     tls_reason(cause.code())),
            tls_advice(cause)};
}

failure explain_broken_tls(const error& cause) {
    return {exit_cut_short, sentence(_("the reply was cut short: {}"), tls_reason(cause.code())),
            tls_advice(cause)};
}

}  // namespace aperto::cli
