// SPDX-License-Identifier: MIT
#include "load/plan.hpp"

#include "aperto/error.hpp"

#include <cmath>

namespace aperto::load {
namespace {

void require(bool holds, const char* rule) {
    if (!holds) throw error(std::make_error_code(std::errc::invalid_argument), "run this load:", rule);
}

}  // namespace

void check(const plan& what) {
    require(what.port != 0, "the port must be from 1 to 65535");
    require(what.connections >= 1, "it needs at least one connection");
    require(what.size >= 1, "a message needs at least one byte");
    require(what.pipeline >= 1, "at least one request must be in flight");
    require(what.duration.count() > 0 || what.requests > 0, "it needs a duration or a number of requests");
    require(std::isfinite(what.rate) && what.rate >= 0, "the rate cannot be negative");
    require(what.framing == framing::stream || what.size <= framed_size_max,
            "framed messages can have at most 64 MB (framing stream knows no limit)");
    require(!what.per_message_connection || what.pipeline == 1,
            "a connection for each message leaves nothing to pipeline");
    require(!what.reset || what.per_message_connection,
            "only a connection for each message ends with a reset");
    require(what.expect != expectation::none || what.framing != framing::stream || what.pipeline == 1,
            "with framing stream and nothing expected, replies can only be told apart one at a time");
}

}  // namespace aperto::load
