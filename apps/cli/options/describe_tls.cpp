// SPDX-License-Identifier: MIT
#include "cli/options/command_line.hpp"
#include "core/sentence.hpp"

#include <utility>

namespace aperto::cli {

namespace {

/// A file; notes that it was named.
option_description file_option(std::string name, std::string help, std::string fallback, std::string& target,
                               std::string& given) {
    const auto take = [name, &target, &given](const std::string& text) {
        target = text;
        given = name;
    };
    return {.name = std::move(name),
            .value = "FILE",
            .help = std::move(help),
            .fallback = std::move(fallback),
            .set = take};
}

void add(std::vector<option_description>& to, std::vector<option_description> options) {
    for (option_description& each : options) {
        each.group = "TLS";
        to.push_back(std::move(each));
    }
}

}  // namespace

void add_tls_options(std::vector<option_description>& to, tls_of_server& wanted) {
    add(to,
        {flag_option("--tls", _("speak TLS, 1.3 or 1.2; `aperto cert` makes what it takes for a first try"),
                     wanted.on),
         file_option("--cert", _("the certificate with its chain, in PEM; read again on SIGHUP"),
                     wanted.certificate, wanted.certificate, wanted.given),
         file_option("--key", _("its private key, in PEM"), wanted.key, wanted.key, wanted.given),
         file_option("--client-ca", _("let in only clients with a certificate by these authorities"),
                     _("everyone"), wanted.client_ca, wanted.given)});
}

void add_tls_options(std::vector<option_description>& to, tls_of_client& wanted) {
    const auto insecure = [&wanted](const std::string&) {
        wanted.insecure = true;
        wanted.given = "--insecure";
    };
    add(to, {flag_option("--tls", _("speak TLS, and know who the server is"), wanted.on),
             file_option("--ca", _("the authorities to trust, in PEM"), _("those of this system"), wanted.ca,
                         wanted.given),
             file_option("--cert", _("the certificate to show where the server asks for one"), _("none"),
                         wanted.certificate, wanted.given),
             file_option("--key", _("its private key, in PEM"), _("none"), wanted.key, wanted.given),
             {.name = "--insecure",
              .help = _("talk to anybody who claims to be the server; for trials alone"),
              .set = insecure}});
}

void complete_tls(bool on, const std::string& given) {
    if (!on && !given.empty()) throw usage_error(sentence(_("{} is of no use without --tls"), given));
}

void complete_tls(const tls_of_client& wanted) {
    complete_tls(wanted.on, wanted.given);
    if (wanted.certificate.empty() != wanted.key.empty())
        throw usage_error(_("--cert and --key go together"));
    if (wanted.insecure && !wanted.ca.empty())
        throw usage_error(_("--insecure asks nobody: --ca beside it would seem to"));
}

command_description describe_cert(cert_request& request) {
    command_description command{
        .name = "cert",
        .summary = _("makes certificates to try TLS with"),
        .arguments = "[NAME…]",
        .about = _("Makes an authority of your own and a certificate by it for these names and addresses;\n"
                   "without any, for this machine. For a server that the world is to trust, ask a public\n"
                   "authority instead."),
    };
    command.options = {
        text_option("--dir", "FOLDER", _("where the files are written; none that is there is touched"), ".",
                    request.folder),
        number_option("--days", _("how long they are good"), std::to_string(request.days), 1, 3650,
                      [&request](std::uint64_t number) { request.days = static_cast<unsigned>(number); }),
    };
    command.examples = {
        {"aperto cert", _("for this machine: ca.pem, cert.pem and their keys, here")},
        {"aperto cert --dir tls sala-3 192.0.2.7", _("for a machine that is called so, in another folder")},
    };
    command.set_arguments = [&request](std::vector<std::string> words) { request.names = std::move(words); };
    return command;
}

}  // namespace aperto::cli
