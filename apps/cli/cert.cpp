// SPDX-License-Identifier: MIT
#include "cli/cert.hpp"

#include "aperto/tls.hpp"
#include "cli/failure.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>

namespace aperto::cli {

namespace {

std::vector<std::string> names_of_this_machine() {
    std::vector<std::string> names{"localhost", "127.0.0.1", "::1"};
    std::array<char, 65> own{};
    if (::gethostname(own.data(), own.size() - 1) != 0 || own[0] == '\0') return names;
    if (const std::string name = own.data(); name != names.front()) names.insert(names.begin() + 1, name);
    return names;
}

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& each : names)
        text += (text.empty() ? "" : ", ") + log_safe(each);
    return text;
}

failure explain(const error& cause) {
    if (cause.code() == std::errc::file_exists)
        return {exit_failed, sentence(_("{} is there already"), cause.whom()),
                _("Nothing is overwritten: name another folder with --dir, or remove what you do not need.")};
    if (cause.code() == errc::malformed)
        return {exit_usage, sentence(_("no certificate can be for \"{}\""), cause.whom()),
                _("A name has 1 to 64 letters, digits, dots and dashes; or it is an address.")};
    return {
        exit_failed, sentence(_("could not write {}: {}"), cause.whom(), system_reason(cause.code())), {}};
}

}  // namespace

int run_cert(const cert_request& request) {
    const std::vector<std::string> names = request.names.empty() ? names_of_this_machine() : request.names;
    // Where it cannot be made, nothing can be written there, which is told of.
    std::error_code untold;
    std::filesystem::create_directories(request.folder, untold);
    try {
        const tls::made_files made = tls::make_authority(request.folder, names, request.days);
        const auto row = [](const std::string& file, const char* what) {
            std::printf("%s\n    %s\n", log_safe(file).c_str(), what);
        };
        row(made.authority, _("your own authority: for clients to trust"));
        row(made.authority_key,
            _("its key: whoever has it is believed to be anybody; keep it to yourself, or remove it"));
        row(made.certificate, sentence(_("the server's certificate, for {}, good for {} days"), joined(names),
                                       std::to_string(request.days))
                                  .c_str());
        row(made.key, _("its key: for the server alone"));
        std::printf("\n%s\n    aperto serve --tls --cert %s --key %s\n    aperto send --tls --ca %s hello\n",
                    _("Now try:"), log_safe(made.certificate).c_str(), log_safe(made.key).c_str(),
                    log_safe(made.authority).c_str());
        return exit_done;
    } catch (const error& cause) {
        return tell(explain(cause));
    }
}

}  // namespace aperto::cli
