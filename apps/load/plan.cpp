// SPDX-License-Identifier: MIT
#include "load/plan.hpp"

#include "aperto/error.hpp"
#include "core/i18n.hpp"
#include "core/option_text.hpp"

#include <algorithm>
#include <string>

namespace aperto::load {
namespace {

void require(bool holds, const char* rule) {
    if (!holds) throw error(std::make_error_code(std::errc::invalid_argument), "run", "this load", rule);
}

void check_time(std::string_view name, std::chrono::nanoseconds given, std::chrono::nanoseconds least) {
    check_number(name, static_cast<std::uint64_t>(std::max<std::int64_t>(given.count(), 0)),
                 static_cast<std::uint64_t>(least.count()),
                 static_cast<std::uint64_t>(ranges::time_most.count()));
}

void check_rate(double given) {
    // Written so that what is no number fails.
    if (given == 0 || (given >= ranges::rate_least && given <= ranges::rate_most)) return;
    const std::string text = std::to_string(given);
    refuse_option("rate", text, takes_decimal("rate", ranges::rate_least, ranges::rate_most, text));
}

void check_numbers(const plan& what) {
    check_number("port", what.port, 1, 65'535);
    check_number("connections", what.connections, 1, ranges::connections_most);
    check_number("idle_connections", what.idle_connections, 0, ranges::connections_most);
    check_number("pipeline", what.pipeline, 1, ranges::pipeline_most);
    check_number("requests", what.requests, 0, ranges::requests_most);
    check_number("size", what.size, 1, ranges::size_most);
    check_number("reply_bytes", what.reply_bytes, 0, ranges::size_most);
    check_number("server_pid", static_cast<std::uint64_t>(std::max(what.server_pid, 0)), 0, ranges::pid_most);
    check_rate(what.rate);
    check_time("duration", what.duration, std::chrono::nanoseconds(0));
    check_time("warm_up", what.warm_up, std::chrono::nanoseconds(0));
    check_time("patience", what.patience, ranges::duration_least);
}

}  // namespace

void check(const plan& what) {
    check_numbers(what);
    require(what.connections * what.pipeline <= ranges::in_flight_most,
            N_("connections times pipeline may be at most 16777216 requests in flight"));
    require(what.duration.count() > 0 || what.requests > 0,
            N_("it needs a duration or a number of requests"));
    require(what.framing == framing::stream || what.size <= ranges::framed_size_most,
            N_("framed messages can have at most 64 MiB (framing stream takes more)"));
    require(!what.per_message_connection || what.pipeline == 1,
            N_("a connection for each message leaves nothing to pipeline"));
    require(!what.reset || what.per_message_connection,
            N_("only a connection for each message ends with a reset"));
    require(what.request_text.size() <= ranges::framed_size_most &&
                what.reply_text.size() <= ranges::framed_size_most,
            N_("a text to send or to expect can have at most 64 MiB"));
    require((what.expect == expectation::text) == !what.reply_text.empty() &&
                (what.expect == expectation::bytes) == (what.reply_bytes != 0),
            N_("a reply is told by one thing alone: a text, a number of bytes, or what was sent"));
    require(what.expect != expectation::none || what.framing != framing::stream || what.pipeline == 1,
            N_("with framing stream and nothing expected, replies can only be told apart one at a time; a "
               "text or a "
               "number of bytes to expect tells them apart"));
}

}  // namespace aperto::load
