// SPDX-License-Identifier: MIT
#include "cli/serve/services.hpp"

#include "cli/serve/report.hpp"
#include "text/upper_text.hpp"

#include <utility>

namespace aperto::cli {

namespace {

/// A message never ends inside a character, but where the client itself ended or paused there: so each is a
/// text of its own, and a connection that sends clean text costs no state.
void answer_upper(std::string_view message, exchange& with, report& told) {
    const text::invalid_tally invalid = text::upper_text(message, with.out());
    if (invalid.bytes == 0) return;
    told.count_invalid(invalid.bytes);
    bool& told_before = with.state<bool>();
    if (std::exchange(told_before, true)) return;
    told.invalid_utf8(with.who(), with.offset() + invalid.first);
}

}  // namespace

handler make_service(service which, report& told) {
    switch (which) {
    case service::upper:
        return [&told](std::string_view message, exchange& with) { answer_upper(message, with, told); };
    case service::echo:
        return [](std::string_view message, exchange& with) { with.reply(message); };
    case service::discard:
        break;
    }
    return [](std::string_view, exchange& with) { with.no_reply(); };
}

}  // namespace aperto::cli
