// SPDX-License-Identifier: MIT
#include "lab/hosts/readiness.hpp"

#include "core/log_safe.hpp"
#include "core/sentence.hpp"
#include "lab/analysis/quantity.hpp"

namespace aperto::lab {

namespace {

using sign = readiness::sign;

[[noreturn]] void refuse(std::string_view text) {
    throw bad_input(
        sentence(_("'{}' is no sign of a server; write tcp, tcp:80, udp:53, line:TEXT or a time such as 2s"),
                 std::string(text)));
}

}  // namespace

readiness parse_readiness(std::string_view text) {
    text = trimmed(text);
    const auto colon = text.find(':');
    const auto name = text.substr(0, colon);
    readiness out;
    if (name == "line" && colon != std::string_view::npos && colon + 1 < text.size()) {
        out.what = sign::line;
        out.line = std::string(text.substr(colon + 1));
    } else if (name == "tcp" || name == "udp") {
        out.what = name == "tcp" ? sign::tcp : sign::udp;
        if (colon != std::string_view::npos) {
            out.port = static_cast<std::uint16_t>(parse_count(text.substr(colon + 1), 1, 65'535));
        }
    } else if (!text.empty() && (text[0] == '.' || (text[0] >= '0' && text[0] <= '9'))) {
        out.what = sign::delay;
        out.delay = parse_duration(text);
    } else {
        refuse(text);
    }
    return out;
}

std::string waiting_text(const readiness& wanted) {
    switch (wanted.what) {
    case sign::line:
        return sentence(_("the client waits for the server to print \"{}\""), log_safe(wanted.line));
    case sign::delay:
        return sentence(_("the client waits until the server has run for {}"), duration_text(wanted.delay));
    case sign::udp:
        return wanted.port == 0
                   ? std::string(_("the client waits for the server to bind a UDP port"))
                   : sentence(_("the client waits for the server to bind UDP port {}"), wanted.port);
    case sign::tcp:
        break;
    }
    return wanted.port == 0
               ? std::string(_("the client waits for the server to listen on a TCP port"))
               : sentence(_("the client waits for the server to listen on TCP port {}"), wanted.port);
}

}  // namespace aperto::lab
