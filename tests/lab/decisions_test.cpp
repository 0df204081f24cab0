// SPDX-License-Identifier: MIT
#include "lab/analysis/quantity.hpp"
#include "lab/wire/link.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace aperto::lab {

using namespace std::chrono_literals;

namespace {

event packet_of(side from, std::uint64_t ordinal) {
    event one;
    one.from = from;
    one.flow = 1;
    one.random_ordinal = ordinal;
    one.seen.length = 500;
    one.seen.payload = 460;
    return one;
}

link_settings rough() {
    return {.loss = 0.05, .jitter = 3ms, .reorder = 0.02, .duplicate = 0.01, .corrupt = 0.01};
}

}  // namespace

TEST(decisions, one_seed_decides_the_same_at_any_speed) {
    decision_log first;
    for (int run = 0; run < 20; ++run) {
        decision_log log;
        for (const auto from : {side::client, side::server}) {
            link cable(from, 99, rough());
            for (std::uint64_t i = 1; i <= 5000; ++i) {
                auto one = packet_of(from, i);
                one.sent = static_cast<int>(i) * (run + 1) * 100us;
                log.note(one, cable.offer(one, i));
            }
        }
        if (run == 0) {
            first = log;
        }
        EXPECT_GT(log.size(), 500U);
        EXPECT_EQ(log, first) << "run " << run;
    }
}

TEST(decisions, a_log_written_and_read_is_the_same_and_replays) {
    decision_log log;
    link cable(side::client, 5, rough());
    for (std::uint64_t i = 1; i <= 2000; ++i) {
        auto one = packet_of(side::client, i);
        log.note(one, cable.offer(one, i));
    }
    std::stringstream text;
    log.write(text);
    const auto read = decision_log::read(text);
    EXPECT_EQ(read, log);

    decision_log replayed;
    link perfect(side::client, 1234, {});
    perfect.replay([&](const event& one) { return std::optional(read.lookup(one)); });
    for (std::uint64_t i = 1; i <= 2000; ++i) {
        auto one = packet_of(side::client, i);
        replayed.note(one, perfect.offer(one, i));
    }
    EXPECT_EQ(replayed, log);
}

TEST(decisions, a_line_that_is_none_is_named) {
    for (const char* text :
         {"", "something", "aperto-decisions 1\nclient 1 0 4 eaten\n", "aperto-decisions 1\nclient 2 0 7\n",
          "aperto-decisions 1\nnobody 1 0 4 lost random\n", "aperto-decisions 1\nclient 1 7 4 duplicated\n",
          "aperto-decisions 1\nclient 1 0 4 held+99999999999999999999\n"}) {
        std::istringstream from(text);
        EXPECT_THROW(decision_log::read(from), bad_input) << text;
    }
}

}  // namespace aperto::lab
