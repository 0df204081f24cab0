// SPDX-License-Identifier: MIT
// What the queue of submissions has no room for.
#include "io/seam.hpp"

#include <optional>
#include <string>
#include <vector>

namespace aperto::seam {
namespace {

abandonable send_one(loop& on, socket_id to) {
    sending letter(on, to, "x");
    EXPECT_EQ(co_await letter, 1);
}

TEST(Spilled, ASendThatIsGivenUpWhileItWaitsForRoomSendsNothingAndTheOthersAreSent) {
    sim::world world({.faults = {.small_ring = 1}});
    loop& on = world.add_host("here", {.engine = engine::uring}).loop();
    constexpr std::size_t more_than_fit = 12;
    constexpr std::size_t given_up = 9;
    const auto story = [](loop& here) -> task<> {
        std::vector<pair> pairs;
        for (std::size_t i = 0; i < more_than_fit; ++i)
            pairs.push_back(co_await make_pair_of(here));
        std::vector<std::optional<abandonable>> senders;
        for (const pair& each : pairs)
            senders.emplace_back(send_one(here, each.client));
        senders[given_up].reset();
        co_await turns(here, 5);
        for (std::size_t i = 0; i < more_than_fit; ++i) {
            EXPECT_TRUE(i == given_up || senders[i]->ended()) << i;
            here.close(pairs[i].client);
            const std::string expected = i == given_up ? "" : "x";
            EXPECT_EQ(co_await receive_exactly(here, pairs[i].server, 2), expected) << i;
            here.close(pairs[i].server);
        }
    };
    on.spawn(story(on));
    world.run();
}

}  // namespace
}  // namespace aperto::seam
