// SPDX-License-Identifier: MIT
#include "io/turn_budget.hpp"

#include "io/seam.hpp"

namespace aperto::seam {
namespace {

/// How many messages a share has where no time passes: the one after them has to wait.
unsigned messages_of(turn_share& share, loop& on) {
    unsigned count = 1;
    while (!share.is_spent(on) && count < 10 * turn_budget::messages_max)
        ++count;
    return count;
}

class TurnShare : public testing::Test {
protected:
    sim::world world;
    loop& on = world.add_host("here").loop();
    turn_share share;
};

TEST_F(TurnShare, IsSoManyMessagesWhereNoTimePasses) {
    EXPECT_EQ(messages_of(share, on), turn_budget::messages_max);
    EXPECT_TRUE(share.is_spent(on)) << "until it is renewed";
}

TEST_F(TurnShare, IsWholeAgainOnceItIsRenewed) {
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(messages_of(share, on), turn_budget::messages_max) << i;
        share.renew();
    }
}

TEST_F(TurnShare, IsWholeAgainInTheNextTurn) {
    on.spawn([](loop& here, turn_share& its) -> task<> {
        for (int i = 0; i < 3; ++i) {
            EXPECT_EQ(messages_of(its, here), turn_budget::messages_max) << i;
            co_await turns(here, 2);
        }
    }(on, share));
    world.run();
}

}  // namespace
}  // namespace aperto::seam
